"""The signal of dataset distillation: where a few learned steps of training lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import log_softmax

from gcond.matching.batch import Batch, targets
from gcond.matching.distance import Distance, Signature
from gcond.matching.memory import Chunked, Memory
from gcond.matching.model import Model, Theta, as_leaves, is_itemwise
from gcond.matching.ranges import at_least
from gcond.matching.signal import Signal

Items = tuple[Tensor, ...]
"""What a step sees: inputs of a model, without the step sizes."""


@dataclass(frozen=True)
class Unrolled:
    r"""Parameters after training on the synthetic set, step by step with learned step sizes,
    `"Dataset Distillation" <https://arxiv.org/abs/1811.10959>`_.

    .. math:: \theta_t = \theta_{t-1} - \eta_t \nabla_\theta L(\theta_{t-1}; S_{s(t)})

    The last input of a synthetic batch holds the step sizes ``[passes, batches]``: a pass goes
    through the batches in order, and the ``j``-th item of a class belongs to batch
    ``j % batches``. The signal of the real side is the real batch itself, to which
    :class:`LossOf` applies the model. The way back walks through the steps in reverse. It needs the
    graph of one step at a time, besides the parameters before each: graphs of the last steps are
    held as far as there is room, and the others are built again.

    Args:
        held: Bytes that held graphs may take; 0: the graph of every step is built again. The
            numbers do not depend on it.
    """

    held: int = 2**28

    def __post_init__(self) -> None:
        at_least(0, held=self.held)

    def of(self, model: Model) -> Signal:
        """The signal for a model.

        Raises:
            TypeError: The items of a batch see each other in the model.
        """
        if not is_itemwise(model):
            raise TypeError(
                f"{type(model).__name__} cannot be trained on parts of a batch: its items may "
                "see each other"
            )
        return EndPoint(model, self.held)

    def units(self, model: Model) -> tuple[int | None, ...]:
        return model.units


@dataclass(frozen=True)
class EndPoint:
    """Where training on the synthetic set ends."""

    model: Model
    held: int

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        """The real batch itself: inputs and labels."""
        return (*batch.inputs, batch.y)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Way]:
        order, rates = _order(batch), batch.inputs[-1].detach()
        seen = [(_items(batch, rows), batch.y[rows]) for rows in order]
        first = _Weighed()
        with first:
            passed = self.passed(theta, *seen[0], keep=True)
        again = max(0, rates.numel() - self.held // max(1, first.nbytes))
        passes: list[Passed] = []
        for t, rate in enumerate(rates.flatten()):
            if t or again:
                passed = self.passed(theta, *seen[t % len(seen)], keep=t >= again)
            passes.append(passed)
            gradient = passed.gradient
            theta = tuple(p - rate * g.detach() for p, g in zip(theta, gradient, strict=True))
        way = Way(self, batch, order, seen, passes, again)
        return tuple(t.detach()[None] for t in theta), way

    def passed(self, theta: Theta, items: Items, labels: Tensor, keep: bool) -> Passed:
        """A step, with the graph of its gradient where it is to be kept."""
        leaves, items = as_leaves(theta), as_leaves(items) if keep else items
        return Passed(leaves, items, self._gradient(leaves, items, labels, keep))

    def _gradient(self, theta: Theta, items: Items, labels: Tensor, keep: bool) -> Signature:
        with torch.enable_grad():
            logits = self.model(theta, *items)
            y = targets(labels, logits.shape[-1], logits.dtype)
            loss = -(y * log_softmax(logits, -1)).sum(-1).mean()
            return torch.autograd.grad(loss, theta, create_graph=keep)


@dataclass(frozen=True)
class Passed:
    """A step of training: where it began, what it saw, and its gradient."""

    leaves: Theta
    items: Items
    gradient: Signature


@dataclass(frozen=True)
class Way:
    """The way back through the steps.

    Args:
        signal: What took them.
        batch: The synthetic batch.
        order: Rows of each batch of a pass.
        seen: Items and labels of each.
        passes: The steps.
        again: The first steps, whose graphs are built again.
    """

    signal: EndPoint
    batch: Batch
    order: list[Tensor]
    seen: list[tuple[Items, Tensor]]
    passes: list[Passed]
    again: int

    def __call__(self, cotangent: Signature) -> tuple[Tensor, ...]:
        found = tuple(torch.zeros_like(t) for t in self.batch.inputs)
        rates, by_rate = self.batch.inputs[-1].detach().flatten(), found[-1].view(-1)
        v = tuple(c[0] for c in cotangent)
        for t in reversed(range(len(self.passes))):
            s, passed = t % len(self.seen), self.passes[t]
            if t < self.again:
                passed = self.signal.passed(passed.leaves, *self.seen[s], keep=True)
            gradient = passed.gradient
            by_rate[t] -= sum((g.detach() * c).sum() for g, c in zip(gradient, v, strict=True))
            back = torch.autograd.grad(
                gradient,
                (*passed.leaves, *passed.items),
                [-rates[t] * c for c in v],
                allow_unused=True,
                retain_graph=t >= self.again,
            )
            v = tuple(c if d is None else c + d for c, d in zip(v, back[: len(v)], strict=True))
            for total, d in zip(found, back[len(v) :], strict=False):
                if d is not None:
                    total.index_add_(0, self.order[s], d)
        return found


class _Weighed(saved_tensors_hooks):
    """Counts the bytes that are kept for the way back."""

    def __init__(self) -> None:
        self._kept: dict[int, int] = {}
        super().__init__(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    @property
    def nbytes(self) -> int:
        return sum(self._kept.values())


def _order(batch: Batch) -> list[Tensor]:
    """Rows of each batch of a pass."""
    groups, batches = batch.groups, batch.inputs[-1].shape[1]
    place = torch.arange(groups.index.shape[1], device=groups.index.device) % batches
    there = groups.weight > 0
    return [groups.index[there & (place == s)] for s in range(batches)]


def _items(batch: Batch, rows: Tensor) -> Items:
    return tuple(t.detach()[rows] for t in batch.inputs[:-1])


@dataclass(frozen=True)
class LossOf:
    r"""The model's mean cross-entropy on the real batch, :math:`L(\theta_T; T)`: a distance from
    the parameters that :class:`Unrolled` ends at to those that fit the real items.

    Args:
        memory: How many real items are differentiated at once.
    """

    memory: Memory = Chunked()  # noqa: RUF009 - frozen

    def bind(self, model: Model) -> Distance:
        """The distance for a model."""
        return _ModelLoss(model, self.memory)


@dataclass(frozen=True)
class _ModelLoss:
    model: Model
    memory: Memory

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        theta, (*inputs, y) = as_leaves(tuple(t[0] for t in synthetic)), real
        total, cotangent = importance.new_zeros(()), [torch.zeros_like(t) for t in theta]
        size = self.memory.at_once(y.device) or len(y)
        for rows in torch.split(torch.arange(len(y), device=y.device), size):
            with torch.enable_grad():
                logits = self.model(theta, *(t[rows] for t in inputs))
                labels = targets(y[rows], logits.shape[-1], logits.dtype)
                loss = -(labels * log_softmax(logits, -1)).sum() / len(y)
            for held, part in zip(cotangent, torch.autograd.grad(loss, theta), strict=True):
                held += part
            total = total + loss.detach()
        return total, tuple(c[None] for c in cotangent)


def bound(distance: Distance | LossOf, model: Model) -> Distance:
    """A distance that knows the model, where it asks for one."""
    return distance.bind(model) if isinstance(distance, LossOf) else distance
