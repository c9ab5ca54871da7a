"""At which models do we match, and how does a model move between two matches?"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gcond.matching.batch import Batch
from gcond.matching.model import Model, Theta
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

    def start(self, model: Model, theta: Theta) -> Learner:
        return _AdamLearner(Gradients().of(model), Adam(theta, self.lr), on_real=False)


@dataclass(frozen=True)
class TrainOnReal:
    """Adam on the real batch instead, as in `"Dataset Condensation via Efficient
    Synthetic-Data Parameterization" <https://arxiv.org/abs/2205.14959>`_.

    Args:
        lr: Step size of Adam.
    """

    lr: float = 0.01

    def start(self, model: Model, theta: Theta) -> Learner:
        return _AdamLearner(Gradients().of(model), Adam(theta, self.lr), on_real=True)


class Adam:
    """Adam on a tuple of plain tensors, equal to ``torch.optim.Adam`` step by step.

    A model's walk is thousands of tiny steps, where the bookkeeping of an optimiser object
    costs more than the arithmetic.
    """

    def __init__(self, theta: Theta, lr: float) -> None:
        self.theta = tuple(t.clone() for t in theta)
        self.lr = lr
        self.steps = 0
        self._mean = [torch.zeros_like(t) for t in theta]
        self._square = [torch.zeros_like(t) for t in theta]

    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step with the defaults ``betas=(0.9, 0.999), eps=1e-8``."""
        self.steps += 1
        correction = 1 - 0.9**self.steps
        root = (1 - 0.999**self.steps) ** 0.5
        for t, g, m, v in zip(self.theta, gradients, self._mean, self._square, strict=True):
            m.lerp_(g, 0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            t.addcdiv_(m, (v.sqrt() / root).add_(1e-8), value=-self.lr / correction)


@dataclass(frozen=True)
class _AdamLearner:
    signal: Signal
    adam: Adam
    on_real: bool

    def step(self, synthetic: Batch, real: Batch, steps: int) -> Theta:
        batch = (real if self.on_real else synthetic).detach().pooled()
        for _ in range(steps):
            gradients = self.signal.measure(self.adam.theta, batch)
            self.adam.step([g[0] for g in gradients])
        return self.adam.theta


ROLES = ("model", "real", "init", "adjacency", "validation", "export")


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
