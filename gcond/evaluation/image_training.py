"""Training a network on a few images: the plain path, for any architecture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gcond.image.augmentation import Siamese
from gcond.image.layers import Shape
from gcond.image.network_model import build
from gcond.image.networks import NETWORKS, VARIANTS, Network
from gcond.image.outcome import Steps
from gcond.matching import Batch, Groups, generator_for
from gcond.spelling import meant

Factory = Callable[[int, int], nn.Module]
ImageModel = str | Network | nn.Module | Factory
PIECE = 64
"""Images that are classified together: larger maps leave the processor's cache."""


@dataclass(frozen=True)
class ImageTraining:
    """How a network is trained on images.

    Args:
        epochs: Passes over the set.
        most_steps: Steps after which training ends, whatever the epoch, so that a large set is
            not trained on for hundreds of times as many steps as a small one; ``None``: no end.
        lr: Step size of stochastic gradient descent.
        drop_after: Epochs after which the step size is multiplied by 0.1 and the momentum starts
            anew; with ``most_steps`` reached before, the same share of the steps.
        momentum: Its momentum.
        weight_decay: L2 penalty on all parameters, added to the gradient.
        batch_size: Images of a step, shuffled in every epoch.
        augmentation: What the training images are seen through: one transformation for a batch,
            drawn for each image.
    """

    epochs: int = 301
    most_steps: int | None = None
    lr: float = 0.01
    drop_after: int = 152
    momentum: float = 0.9
    weight_decay: float = 0.0005
    batch_size: int = 256
    augmentation: Siamese | None = None

    def steps(self, n: int) -> int:
        """Steps of a training on ``n`` images."""
        every = self.epochs * -(-n // self.batch_size)
        return every if self.most_steps is None else min(every, self.most_steps)


@dataclass(frozen=True, eq=False)
class Lot:
    """Images to train on, as networks see them.

    Args:
        x: Images ``[n, C, H, W]``, or numbers of images that ``load`` makes them of ``[n]``.
        y: Class numbers ``[n]``.
        num_classes: Number of classes.
        shape: Channels, height and width of an image.
        load: Takes some of ``x`` to images.
    """

    x: Tensor
    y: Tensor
    num_classes: int
    shape: Shape
    load: Callable[[Tensor], Tensor] = lambda x: x


def fresh(model: ImageModel, shape: Shape, num_classes: int, seed: int) -> nn.Module:
    """A network with parameters drawn for a seed, or a copy of the module that was given; torch's
    generators are left as they are."""
    found = named(model)
    if isinstance(found, nn.Module):
        return copy.deepcopy(found)
    if hasattr(found, "features"):
        return build(found, shape, num_classes, generator_for(seed, "validation"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(found, str):
            import timm

            made: nn.Module = timm.create_model(found, in_chans=shape[0], num_classes=num_classes)
            return made
        assert callable(found)
        built = found(shape[0], num_classes)
        assert isinstance(built, nn.Module)
        return built


def named(model: ImageModel) -> Any:
    """The network of that name; the name of a timm model, where timm is installed, and what is no
    name pass through.

    Raises:
        ValueError: The name is unknown.
    """
    if not isinstance(model, str):
        return model
    known = {name.lower(): network for name, network in {**NETWORKS, **VARIANTS}.items()}
    if model.lower() in known:
        return known[model.lower()]
    if _in_timm(model):
        return model
    raise ValueError(
        f"unknown network {model!r}; {meant(model, [*NETWORKS, *VARIANTS])}known: "
        f"{', '.join(NETWORKS)}, variants as {', '.join(list(VARIANTS)[:3])}, and with timm "
        "installed the names of timm.list_models()"
    )


def _in_timm(name: str) -> bool:
    try:
        import timm
    except ImportError:
        return False
    return bool(timm.is_model(name))


def trained(module: nn.Module, lot: Lot, training: ImageTraining, seed: int) -> nn.Module:
    """Trains a network in place and returns it in evaluation mode, at its last step."""
    draws = generator_for(seed, "validation", 1)
    with torch.random.fork_rng(devices=[]):  # dropout of models that are not ours
        torch.manual_seed(seed)
        n, size = len(lot.y), training.batch_size
        last = training.steps(n)
        drop = round(last * training.drop_after / training.epochs)
        optimizer, step = _sgd(module, training, training.lr), 0
        module.train()
        while step < last:
            for rows in torch.split(torch.randperm(n, generator=draws), size):
                x, y = lot.load(lot.x[rows]), lot.y[rows]
                if training.augmentation is not None:
                    x = seen(training.augmentation, x, y, draws)
                optimizer.zero_grad()
                loss = cross_entropy(module(x), y)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                step += 1
                if step == drop:
                    optimizer = _sgd(module, training, 0.1 * training.lr)
                if step == last:
                    break
    return module.eval()


def stepped(module: nn.Module, lot: Lot, steps: Steps) -> nn.Module:
    """Applies the training that images were learned for, and nothing else: plain gradient descent
    in the order of the steps."""
    batches = [(steps.batch == s).nonzero().flatten() for s in range(int(steps.batch.max()) + 1)]
    parameters = list(module.parameters())
    for t, lr in enumerate(steps.lr.tolist()):
        rows = batches[t % len(batches)]
        loss = cross_entropy(module(lot.x[rows]), lot.y[rows])
        for held, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            held.data.sub_(lr * gradient)
    return module.eval()


@torch.no_grad()
def accuracy(module: nn.Module, lot: Lot) -> float:
    """Percent of images that a network classifies as labelled."""
    right = 0
    for rows in torch.split(torch.arange(len(lot.y)), PIECE):
        right += int((module(lot.load(lot.x[rows])).argmax(-1) == lot.y[rows]).sum())
    return 100 * right / len(lot.y)


def seen(augmentation: Siamese, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """Images through one draw of an augmentation."""
    groups = Groups.of([torch.arange(len(x))], torch.ones(1))
    found: Tensor = augmentation.draw(generator)(Batch((x,), y, groups)).inputs[0]
    return found


def _sgd(module: nn.Module, training: ImageTraining, lr: float) -> torch.optim.SGD:
    return torch.optim.SGD(
        module.parameters(),
        lr,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )
