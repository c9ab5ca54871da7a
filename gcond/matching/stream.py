"""At which models do we match, and how does a model move between two matches?"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

import torch

from gcond.matching.adam import Adam
from gcond.matching.batch import Batch
from gcond.matching.model import Model, Theta
from gcond.matching.ranges import positive
from gcond.matching.signal import Gradients, Signal


class Stream(Protocol):
    """Yields the models at which the two sides are compared."""

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        """Parameters for ``epoch``; a function of its arguments, so that a run can resume."""


@dataclass(frozen=True)
class Fresh:
    """A freshly initialised model in every epoch."""

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        return model.draw(generator_for(seed, "model", epoch))


@dataclass(frozen=True)
class Fixed:
    """The same model in every epoch."""

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        return model.draw(generator_for(seed, "model", 0))


class Learner(Protocol):
    """A model on its way through one epoch."""

    def step(self, synthetic: Batch, real: Batch, steps: int) -> Theta:
        """Moves the model ``steps`` training steps and returns its parameters."""


class Advance(Protocol):
    """The rule by which a model moves between two matching steps."""

    def start(self, model: Model, theta: Theta) -> Learner:
        """A learner that begins at ``theta``."""


@dataclass(frozen=True)
class TrainOnSynthetic:
    """Adam on the synthetic set's mean cross-entropy; the moments last for the epoch.

    Args:
        lr: Step size of Adam.
    """

    lr: float = 0.01

    def __post_init__(self) -> None:
        positive(lr=self.lr)

    def start(self, model: Model, theta: Theta) -> Learner:
        return _AdamLearner.start(model, theta, self.lr, on_real=False)


@dataclass(frozen=True)
class TrainOnReal:
    """Adam on the real batch instead, as in `"Dataset Condensation via Efficient
    Synthetic-Data Parameterization" <https://arxiv.org/abs/2205.14959>`_.

    Args:
        lr: Step size of Adam.
    """

    lr: float = 0.01

    def __post_init__(self) -> None:
        positive(lr=self.lr)

    def start(self, model: Model, theta: Theta) -> Learner:
        return _AdamLearner.start(model, theta, self.lr, on_real=True)


@dataclass(frozen=True)
class _AdamLearner:
    signal: Signal
    adam: Adam
    on_real: bool

    @staticmethod
    def start(model: Model, theta: Theta, lr: float, on_real: bool) -> _AdamLearner:
        copy = [t.clone() for t in theta]
        return _AdamLearner(Gradients().of(model), Adam(copy, lr), on_real)

    def step(self, synthetic: Batch, real: Batch, steps: int) -> Theta:
        batch = (real if self.on_real else synthetic).detach().pooled()
        for _ in range(steps):
            gradients = self.signal.measure(tuple(self.adam.leaves), batch)
            self.adam.step([g[0] for g in gradients])
        return tuple(self.adam.leaves)


ROLES = ("model", "real", "init", "adjacency", "validation", "export", "teacher")


def generator_for(seed: int, role: str, index: int = 0) -> torch.Generator:
    """An own generator for each role and index, all derived from one seed.

    Deriving by index instead of drawing in sequence makes every epoch a function of its number:
    a resumed run sees the very numbers an uninterrupted one would have seen.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}; known: {', '.join(ROLES)}")
    # A hash, because torch's CPU generator looks at the lowest 32 bits of a seed only.
    digest = hashlib.sha256(f"{seed}/{role}/{index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
