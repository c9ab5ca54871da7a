"""At which models do we match, and how does a model move between two matches?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gcond.matching.adam import Adam
from gcond.matching.batch import Batch
from gcond.matching.model import Model, Theta
from gcond.matching.randomness import generator_for
from gcond.matching.ranges import at_least, positive
from gcond.matching.signal import Gradients, Signal


class Stream(Protocol):
    """Yields the models at which the two sides are compared."""

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        """Parameters for ``epoch``; a function of its arguments, so that a run can resume."""

    def member(self, epoch: int) -> int | None:
        """Number of that model in a finite pool, ``None`` where every epoch has its own. What
        the real side says of a pool's models is measured once."""


@dataclass(frozen=True)
class Fresh:
    """A freshly initialised model in every epoch."""

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        return model.draw(generator_for(seed, "model", epoch))

    def member(self, epoch: int) -> int | None:
        return None


@dataclass(frozen=True)
class Fixed:
    """The same model in every epoch."""

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        return model.draw(generator_for(seed, "model", 0))

    def member(self, epoch: int) -> int | None:
        return 0


@dataclass(frozen=True)
class Bank:
    """A finite pool of freshly initialised models, visited in turns.

    Where the real side is the same batch at every step, its signal is measured once for each
    model, and a step costs the synthetic side only.

    Args:
        size: Number of models.
    """

    size: int = 20

    def __post_init__(self) -> None:
        at_least(1, size=self.size)

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        return model.draw(generator_for(seed, "model", epoch % self.size))

    def member(self, epoch: int) -> int | None:
        return epoch % self.size


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
