"""The two sides of a match: the real task and the synthetic set, as the loop sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from gcond.matching.batch import Batch
from gcond.matching.randomness import Draw

State = dict[str, Tensor]
"""The learned tensors of a synthetic set, by name."""


class Score(NamedTuple):
    """How good a synthetic set is on validation data; larger is better, compared in order.

    ``accuracy`` is the task's metric, from 0 to 1.
    """

    accuracy: float
    tie: float


class SyntheticSet(Protocol):
    """What is learned."""

    @property
    def parts(self) -> Mapping[str, list[Tensor]]:
        """Learned leaf tensors by part: ``"features"``, ``"structure"``, ..."""

    @property
    def constants(self) -> Mapping[str, list[Tensor]]:
        """Tensors that belong to the set and never move, such as soft labels, by name."""

    @property
    def scales(self) -> Mapping[str, float]:
        """Natural scale of each part, the unit of relative step sizes."""

    def decode(self, draw: Draw) -> Batch:
        """The set as a model sees it in a step, differentiable by the learned tensors; sets
        that are relaxed take noise and temperature from the draw."""

    def penalty(self, batch: Batch) -> Tensor | None:
        """A regulariser to be added to the objective, or ``None``."""


class Task(Protocol):
    """The real side."""

    def real(self, generator: torch.Generator) -> Batch:
        """Real items to match against; all of them, or a sample."""

    def score(self, synthetic: SyntheticSet) -> Score | None:
        """Score of the synthetic set on validation data, ``None`` where there is none."""
