"""From where the synthetic images start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gcond.coreset import Centroid, Random, Selector
from gcond.coreset.selectors import JITTER
from gcond.image.selection import selected
from gcond.image.task import ImageTask
from gcond.matching import generator_for
from gcond.matching.ranges import at_least


class ImageInitialisation(Protocol):
    """A choice of start."""

    def images(self, task: ImageTask, counts: Tensor, seed: int) -> Tensor:
        """``counts[c]`` images of each class ``c`` as networks see them, in class order."""


@dataclass(frozen=True)
class NoiseImages:
    """Gaussian noise with the spread of real pixels."""

    def images(self, task: ImageTask, counts: Tensor, seed: int) -> Tensor:
        shape = int(counts.sum()), *task.shape
        return torch.randn(shape, generator=generator_for(seed, "init"))


@dataclass(frozen=True)
class SelectedImages:
    """Real images, chosen class by class among their principal components.

    Args:
        selector: How they are chosen. It must choose items, not make means of them.
    """

    selector: Selector = Random()  # noqa: RUF009 - frozen

    def images(self, task: ImageTask, counts: Tensor, seed: int) -> Tensor:
        numbers = selected(task, self.selector, counts, seed)
        return _apart(task.images(numbers), numbers, seed)


@dataclass(frozen=True)
class MeanImages:
    """Means of class-wise k-means clusters of images.

    Args:
        restarts: Runs of k-means per class, of which the tightest is kept.
        at_most: A class with more training images is represented by a sample of so many.
    """

    restarts: int = 4
    at_most: int = 1000

    def __post_init__(self) -> None:
        at_least(1, restarts=self.restarts, at_most=self.at_most)

    def images(self, task: ImageTask, counts: Tensor, seed: int) -> Tensor:
        y, generator = task.labels("train"), generator_for(seed, "init")
        found = []
        for c in counts.nonzero().flatten().tolist():
            rows = (y == c).nonzero().flatten()
            kept = rows[torch.randperm(len(rows), generator=generator)[: self.at_most]]
            pixels = task.images(task.numbers("train")[kept.sort().values]).flatten(1)
            wanted = torch.where(torch.arange(len(counts)) == c, counts, 0)
            found.append(Centroid(self.restarts).pick(pixels, y[kept], wanted, seed).features)
        return torch.cat(found).view(-1, *task.shape)


def _apart(x: Tensor, numbers: Tensor, seed: int) -> Tensor:
    """Images with a little noise on those that were taken before, so that they can part."""
    again = torch.tril(numbers[:, None] == numbers, -1).any(1)
    if not bool(again.any()):
        return x
    noise = torch.randn(x.shape, generator=generator_for(seed, "init"))
    return torch.where(again[:, None, None, None], x + JITTER * noise, x)
