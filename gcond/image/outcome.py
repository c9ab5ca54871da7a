"""What a method on images answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from torch import Tensor

from gcond.image.task import ImageTask
from gcond.matching import Observer, Progress


class Steps(NamedTuple):
    """The training that images were learned for: plain gradient descent, step after step.

    Step ``t`` of ``T`` trains on the images whose ``batch`` is ``t % S``, with step size
    ``lr[t]``, where ``S`` is the number of batches.

    Args:
        lr: Step sizes in order ``[T]``.
        batch: Number of the batch of each image ``[n]``, from 0.
    """

    lr: Tensor
    batch: Tensor


@dataclass(frozen=True)
class ImageOutcome:
    """Images, and how they came about.

    Args:
        pixels: The images in the pixel space of the task's scale ``[n, C, H, W]``, float32 and
            detached; learned ones may lie outside of the range of real pixels.
        y: Class numbers ``[n]``.
        progress: The run, empty for methods that learn nothing.
        steps: The training they belong to, where it was learned with them.
    """

    pixels: Tensor
    y: Tensor
    progress: Progress = field(default_factory=Progress)
    steps: Steps | None = None


class ImageCondenser(Protocol):
    """A way to condense a set of images."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    def run(
        self,
        task: ImageTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> ImageOutcome:
        """Condenses ``task`` to ``counts[c]`` images of each class, or continues a snapshot."""

    def describe(self) -> str:
        """What the first line of a run says of the method."""
