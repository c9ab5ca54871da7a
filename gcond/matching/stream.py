"""At which models do we match, and how does a model move between two matches?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn.functional import log_softmax

from gcond.matching.augmentation import Augmentation, Plain
from gcond.matching.batch import Batch, targets
from gcond.matching.memory import Full, Memory
from gcond.matching.model import Model, Theta, is_itemwise
from gcond.matching.optimizer import Optimizer, optimizer_of
from gcond.matching.randomness import generator_for
from gcond.matching.ranges import at_least, positive, share
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

    def start(self, model: Model, theta: Theta, generator: torch.Generator) -> Learner:
        """A learner that begins at ``theta``; what it draws comes from the generator."""


@dataclass(frozen=True)
class TrainOnSynthetic:
    """Training on the synthetic set's mean cross-entropy; what the optimiser remembers lasts for
    the epoch.

    Args:
        lr: Step size.
        momentum: Gradient descent with this momentum, as in the papers on images, instead of
            Adam.
        batch_size: A larger set is passed through in shuffled batches of so many items; a
            training step is then a whole pass. Needs a model whose items do not see each other.
        augmentation: What the model sees the set through.
        memory: How many items are differentiated at once, where they do not see each other.
    """

    lr: float = 0.01
    momentum: float | None = None
    batch_size: int | None = None
    augmentation: Augmentation = Plain()  # noqa: RUF009 - frozen
    memory: Memory = Full()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        positive(lr=self.lr)
        share(momentum=self.momentum or 0.0)
        at_least(1, batch_size=self.batch_size or 1)

    def start(self, model: Model, theta: Theta, generator: torch.Generator) -> Learner:
        return _Training.start(model, theta, self, generator, on_real=False)


@dataclass(frozen=True)
class TrainOnReal:
    """Training on the real batch instead, as in `"Dataset Condensation via Efficient
    Synthetic-Data Parameterization" <https://arxiv.org/abs/2205.14959>`_.

    Args:
        lr: Step size.
        momentum: As in :class:`TrainOnSynthetic`.
        batch_size: As in :class:`TrainOnSynthetic`.
        augmentation: What the model sees the batch through.
        memory: As in :class:`TrainOnSynthetic`.
    """

    lr: float = 0.01
    momentum: float | None = None
    batch_size: int | None = None
    augmentation: Augmentation = Plain()  # noqa: RUF009 - frozen
    memory: Memory = Full()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        positive(lr=self.lr)
        share(momentum=self.momentum or 0.0)
        at_least(1, batch_size=self.batch_size or 1)

    def start(self, model: Model, theta: Theta, generator: torch.Generator) -> Learner:
        return _Training.start(model, theta, self, generator, on_real=True)


@dataclass(frozen=True)
class WhileRealImproves:
    """Training that ends where the loss on the real batch rises, the overfitting-aware rule of
    `"Delving into Effective Gradient Matching for Dataset Condensation"
    <https://arxiv.org/abs/2208.00311>`_. The schedule's inner steps are the most it takes.

    Args:
        training: The training.
        items: Most real items that are looked at, evenly spread over the batch; all of them
            where the items of a batch see each other in the model.
    """

    training: TrainOnSynthetic = TrainOnSynthetic()
    items: int = 256

    def __post_init__(self) -> None:
        at_least(1, items=self.items)

    def start(self, model: Model, theta: Theta, generator: torch.Generator) -> Learner:
        return _Watched(model, self.training.start(model, theta, generator), self.items)


@dataclass(frozen=True)
class _Watched:
    model: Model
    learner: Learner
    items: int

    def step(self, synthetic: Batch, real: Batch, steps: int) -> Theta:
        theta = self.learner.step(synthetic, real, 0)
        if not steps:
            return theta
        seen = self._seen(real)
        last = self._loss(theta, seen)
        for _ in range(steps):
            theta = self.learner.step(synthetic, real, 1)
            loss = self._loss(theta, seen)
            if loss > last:
                break
            last = loss
        return theta

    def _seen(self, real: Batch) -> Batch:
        if not is_itemwise(self.model) or len(real.y) <= self.items:
            return real
        return real.take(torch.linspace(0, len(real.y) - 1, self.items).long().to(real.y.device))

    def _loss(self, theta: Theta, batch: Batch) -> float:
        with torch.no_grad():
            logits = batch.counted(self.model(theta, *batch.inputs))
            y = targets(batch.y, logits.shape[-1], logits.dtype)
            return float(-(y * log_softmax(logits, -1)).sum(-1).mean())


@dataclass(frozen=True)
class _Training:
    signal: Signal
    optimizer: Optimizer
    how: TrainOnSynthetic | TrainOnReal
    generator: torch.Generator
    on_real: bool

    @staticmethod
    def start(
        model: Model,
        theta: Theta,
        how: TrainOnSynthetic | TrainOnReal,
        generator: torch.Generator,
        on_real: bool,
    ) -> _Training:
        if how.batch_size is not None and not is_itemwise(model):
            raise ValueError(
                f"batch_size={how.batch_size} cuts a set into batches, but the items of a batch "
                f"see each other in {type(model).__name__}; leave it out"
            )
        copy = [t.clone() for t in theta]
        optimizer = optimizer_of(copy, how.lr, how.momentum)
        signal = Gradients(memory=how.memory).of(model)
        return _Training(signal, optimizer, how, generator, on_real)

    def step(self, synthetic: Batch, real: Batch, steps: int) -> Theta:
        if not steps:
            return tuple(self.optimizer.leaves)
        whole = (real if self.on_real else synthetic).detach().pooled()
        for _ in range(steps):
            for batch in self._batches(whole):
                seen = self.how.augmentation.draw(self.generator)(batch)
                gradients = self.signal.measure(tuple(self.optimizer.leaves), seen)
                self.optimizer.step([g[0] for g in gradients])
        return tuple(self.optimizer.leaves)

    def _batches(self, whole: Batch) -> list[Batch]:
        size = self.how.batch_size or len(whole.y)
        if len(whole.y) <= size:
            return [whole]
        order = torch.randperm(len(whole.y), generator=self.generator).to(whole.y.device)
        return [whole.take(rows) for rows in torch.split(order, size)]
