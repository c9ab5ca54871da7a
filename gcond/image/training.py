"""Training a network on a few images: the plain path, for any architecture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gcond.image.augmentation import PerImage, Siamese
from gcond.image.layers import Shape
from gcond.image.outcome import Steps
from gcond.matching import Batch, Groups, generator_for
from gcond.matching.augmentation import Augmentation
from gcond.matching.device import CPU
from gcond.matching.randomness import seeded

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
            drawn for each image, or one for each image.
    """

    epochs: int = 301
    most_steps: int | None = None
    lr: float = 0.01
    drop_after: int = 152
    momentum: float = 0.9
    weight_decay: float = 0.0005
    batch_size: int = 256
    augmentation: Siamese | PerImage | None = None

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
        device: Where networks are trained and tested on them.
    """

    x: Tensor
    y: Tensor
    num_classes: int
    shape: Shape
    load: Callable[[Tensor], Tensor] = lambda x: x
    device: torch.device = CPU

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Some of the images and their labels, on the device."""
        return self.load(self.x[rows]).to(self.device), self.y[rows].to(self.device)


def trained(module: nn.Module, lot: Lot, training: ImageTraining, seed: int) -> nn.Module:
    """Trains a network in place and returns it in evaluation mode, at its last step."""
    draws = generator_for(seed, "validation", 1)
    module = module.to(lot.device)
    with seeded(seed, lot.device):  # dropout of models that are not ours
        n, size = len(lot.y), training.batch_size
        last = training.steps(n)
        drop = round(last * training.drop_after / training.epochs)
        optimizer, step = _sgd(module, training, training.lr), 0
        module.train()
        while step < last:
            for rows in torch.split(torch.randperm(n, generator=draws), size):
                x, y = lot.take(rows)
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
    module = module.to(lot.device)
    parameters = list(module.parameters())
    for t, lr in enumerate(steps.lr.tolist()):
        x, y = lot.take(batches[t % len(batches)])
        loss = cross_entropy(module(x), y)
        for held, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            held.data.sub_(lr * gradient)
    return module.eval()


def accuracy(module: nn.Module, lot: Lot) -> float:
    """Percent of images that a network classifies as labelled."""
    return judged(module, lot)[0]


@torch.no_grad()
def judged(module: nn.Module, lot: Lot) -> tuple[float, float]:
    """Percent of images that a network classifies as labelled, and its mean loss on them."""
    right, loss = 0, 0.0
    for rows in torch.split(torch.arange(len(lot.y)), PIECE):
        x, y = lot.take(rows)
        logits = module(x)
        right += int((logits.argmax(-1) == y).sum())
        loss += float(cross_entropy(logits, y, reduction="sum"))
    return 100 * right / len(lot.y), loss / len(lot.y)


def seen(augmentation: Augmentation, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
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
