"""What the loop is given, what it keeps, and who may watch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from gcond.matching.augmentation import Augmentation
from gcond.matching.distance import Distance
from gcond.matching.model import Model
from gcond.matching.optimizer import Optimizer
from gcond.matching.schedule import AllAtOnce, Schedule, Step, Turns
from gcond.matching.selection import Selection
from gcond.matching.signal import Kind
from gcond.matching.stream import Advance, Stream
from gcond.matching.task import Score, State, SyntheticSet
from gcond.matching.unrolled import LossOf


@dataclass(frozen=True)
class Plan:
    """Everything the loop needs to know; a paper fills it in."""

    model: Model
    stream: Stream
    advance: Advance
    signal: Kind
    distance: Distance | LossOf
    augmentation: Augmentation
    schedule: Schedule
    turns: Turns | AllAtOnce
    steps: dict[str, Step]
    selection: Selection


@dataclass
class Progress:
    """State of a run between two epochs: all that a resumed run needs besides its plan.

    Args:
        epoch: Epochs done.
        state: Learned tensors, filled in by :meth:`Moment.snapshot`.
        optimizers: Their optimisers' states, likewise.
        losses: Objective at each matching step.
        scores: Validation score at each step that was scored.
        best: The score that the selection prefers.
        best_step: The step it belongs to.
        best_state: The learned tensors of that step.
        scales: Natural scale of each part, filled in by :meth:`Moment.snapshot`.
    """

    epoch: int = 0
    state: State = field(default_factory=dict)
    optimizers: dict[str, State] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    scores: dict[int, Score] = field(default_factory=dict)
    best: Score | None = None
    best_step: int = 0
    best_state: State = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Moment:
    """A run as an observer sees it, between two epochs."""

    progress: Progress
    synthetic: SyntheticSet
    plan: Plan
    optimizers: dict[str, Optimizer]

    def snapshot(self) -> Progress:
        """A copy from which the run can be continued bit for bit."""
        return copy.deepcopy(
            replace(
                self.progress,
                state=state_of(self.synthetic),
                optimizers={name: held.state() for name, held in self.optimizers.items()},
                scales=dict(self.synthetic.scales),
            )
        )


class Observer(Protocol):
    """Watches a run: a progress bar, a checkpoint, a logger."""

    def __call__(self, moment: Moment) -> None:
        """Called at the start and after every epoch."""


class NonFiniteError(FloatingPointError):
    """The objective became infinite or undefined.

    Args:
        message: What happened at which step, and what to change.
        progress: The run up to the last good step.

    Attributes:
        kept: The last good state as a result, where a method fills it in.
    """

    def __init__(self, message: str, progress: Progress) -> None:
        super().__init__(message)
        self.progress = progress
        self.kept: Any = None


def state_of(synthetic: SyntheticSet) -> State:
    """A copy of the set's tensors, learned and constant ones, named ``part.number``."""
    return {name: leaf.detach().clone() for name, leaf in _named(synthetic).items()}


def restore(synthetic: SyntheticSet, state: State) -> None:
    """Puts a copy made by :func:`state_of` back into the set."""
    with torch.no_grad():
        for name, leaf in _named(synthetic).items():
            leaf.copy_(state[name])


def leaves_of(synthetic: SyntheticSet) -> list[Tensor]:
    """The set's tensors, learned and constant ones, in one order."""
    return list(_named(synthetic).values())


def _named(synthetic: SyntheticSet) -> State:
    held = {**synthetic.parts, **synthetic.constants}
    return {f"{name}.{i}": leaf for name, leaves in held.items() for i, leaf in enumerate(leaves)}
