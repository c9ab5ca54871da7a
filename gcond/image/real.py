"""The real side of a match."""

from __future__ import annotations

import torch
from torch import Tensor

from gcond.image.pixels import Pixels
from gcond.image.task import ImageTask
from gcond.image.validation import ImageValidation
from gcond.matching import Batch, Grouping, Score, SyntheticSet, generator_for, targets


class RealImages:
    """Training images, all of them or a sample per class, in class order.

    Args:
        task: The task.
        counts: Synthetic images per class.
        grouping: How images are grouped.
        batch_size: Most images of a class in one step.
        once: Draw the sample once for the whole run, so that what a pool of models says of it
            does not change.
        validation: Scores synthetic images.
        seed: Seed of the run.
    """

    def __init__(
        self,
        task: ImageTask,
        counts: Tensor,
        grouping: Grouping,
        batch_size: int,
        once: bool,
        validation: ImageValidation,
        seed: int,
    ) -> None:
        self.task, self.batch_size, self.validation = task, batch_size, validation
        y, train = task.labels("train"), task.numbers("train")
        self.classes = [train[y == c] for c in counts.nonzero().flatten().tolist()]
        sizes = torch.tensor([min(len(images), batch_size) for images in self.classes])
        labels = torch.repeat_interleave(counts.nonzero().flatten(), sizes)
        self.groups = grouping.partition(labels, counts, torch.float32)
        self.targets = targets(labels, len(counts), torch.float32)
        sampled = any(len(images) > batch_size for images in self.classes)
        self.whole: Batch | None = None
        if once or not sampled:
            self.whole = self._batch(generator_for(seed, "real"))

    def real(self, generator: torch.Generator) -> Batch:
        """All images, or ``batch_size`` of each class drawn without replacement."""
        return self.whole if self.whole is not None else self._batch(generator)

    def score(self, synthetic: SyntheticSet) -> Score | None:
        assert isinstance(synthetic, Pixels)
        return self.validation.score(synthetic)

    def _batch(self, generator: torch.Generator) -> Batch:
        drawn = [_some(images, self.batch_size, generator) for images in self.classes]
        images = self.task.images(torch.cat(drawn))
        return Batch((images,), self.targets, self.groups).to(self.task.device)


def _some(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    if len(images) <= most:
        return images
    return images[torch.randperm(len(images), generator=generator)[:most]]
