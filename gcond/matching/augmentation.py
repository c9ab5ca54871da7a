"""Seen through what? The same transformation on both sides of a match."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from gcond.matching.batch import Batch

View = Callable[[Batch], Batch]
"""A drawn transformation; differentiable by the batch's inputs."""


class Augmentation(Protocol):
    r"""A family of transformations :math:`A_\omega`, `"Dataset Condensation with Differentiable
    Siamese Augmentation" <https://arxiv.org/abs/2102.08259>`_."""

    def draw(self, generator: torch.Generator) -> View:
        """One transformation, to be used on the real and on the synthetic batch."""


@dataclass(frozen=True)
class Plain:
    """No augmentation."""

    def draw(self, generator: torch.Generator) -> View:
        return _same


def _same(batch: Batch) -> Batch:
    return batch
