"""The cheap validator inside a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from gcond.image.augmentation import Siamese
from gcond.image.network_model import NetworkModel, build
from gcond.image.networks import Network
from gcond.image.pixels import Pixels
from gcond.image.task import ImageTask
from gcond.image.training import ImageTraining, Lot, judged, stepped, trained
from gcond.matching import Score, Stream, generator_for
from gcond.matching.ranges import at_least

UNSEEN = 10**9
"""An epoch that no run reaches: a stream of fresh networks gives one there that was not seen."""


@dataclass(frozen=True)
class ImageValidator:
    """Scores a set of images: a few networks are trained on it and tested on the validation
    images. The score is their mean accuracy, ties are broken by their loss. Images with learned
    steps are trained on by those.

    Args:
        training: How each of them is trained.
        models: How many, with the same initialisations at every check.
        at_most: More validation images than this are represented by a sample, the same at every
            check.
    """

    training: ImageTraining = ImageTraining(  # noqa: RUF009 - frozen
        epochs=100, most_steps=100, drop_after=50, augmentation=Siamese(per_item=True)
    )
    models: int = 2
    at_most: int = 1000

    def __post_init__(self) -> None:
        at_least(1, models=self.models, at_most=self.at_most)


@dataclass(frozen=True, eq=False)
class ImageValidation:
    """A validator bound to a task and to the networks of a method.

    Args:
        task: The task.
        validator: How images are scored.
        network: The network that is trained, that of the matches.
        stream: Where networks begin that are trained by learned steps.
        seed: Seed of the run.
    """

    task: ImageTask
    validator: ImageValidator
    network: Network
    stream: Stream
    seed: int

    @cached_property
    def _held(self) -> Lot:
        numbers, most = self.task.numbers("val"), self.validator.at_most
        y = self.task.labels("val")
        order = torch.randperm(len(y), generator=generator_for(self.seed, "validation"))
        kept = order[:most].sort().values
        return self._lot(self.task.images(numbers[kept]), y[kept])

    def score(self, synthetic: Pixels) -> Score | None:
        """Score of images, or ``None`` for a task without validation images."""
        if not len(self.task.index["val"]):
            return None
        lot = self._lot(synthetic.x.detach(), synthetic.y)
        found = [judged(self._fitted(lot, synthetic, i), self._held) for i in self._numbers]
        accuracies, losses = (sum(part) / len(found) for part in zip(*found, strict=True))
        return Score(accuracies / 100, -losses)

    @property
    def _numbers(self) -> range:
        return range(self.seed, self.seed + self.validator.models)

    def _fitted(self, lot: Lot, synthetic: Pixels, number: int) -> nn.Module:
        steps = synthetic.steps()
        if steps is not None:
            module = unseen(self.network, self.stream, lot, number, self.seed)
            return stepped(module, lot, steps)
        generator = generator_for(number, "validation")
        module = build(self.network, lot.shape, lot.num_classes, generator)
        return trained(module, lot, self.validator.training, number)

    def _lot(self, x: Tensor, y: Tensor) -> Lot:
        return Lot(x, y, self.task.num_classes, self.task.shape, device=self.task.device)


@torch.no_grad()
def unseen(network: Network, stream: Stream, lot: Lot, number: int, seed: int) -> nn.Module:
    """A network that learned steps were learned for: at the parameters of a fixed stream, or at
    fresh ones that no match has seen."""
    bound = NetworkModel(network, lot.shape, lot.num_classes, torch.empty(0))
    generator = generator_for(number, "validation")
    module = build(network, lot.shape, lot.num_classes, generator)
    theta = stream.draw(bound, UNSEEN + number, seed)
    for held, value in zip(module.parameters(), theta, strict=True):
        held.copy_(value)
    return module
