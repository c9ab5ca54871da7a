"""The signal of dataset distillation: where a few learned steps of training lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from gcond.matching.batch import Batch, targets
from gcond.matching.distance import Distance, Signature
from gcond.matching.memory import Chunked, Memory
from gcond.matching.model import Model, Theta, as_leaves, is_itemwise
from gcond.matching.signal import Pullback, Signal


@dataclass(frozen=True)
class Unrolled:
    r"""Parameters after training on the synthetic set, step by step with learned step sizes,
    `"Dataset Distillation" <https://arxiv.org/abs/1811.10959>`_.

    .. math:: \theta_t = \theta_{t-1} - \eta_t \nabla_\theta L(\theta_{t-1}; S_{s(t)})

    The last input of a synthetic batch holds the step sizes ``[passes, batches]``: a pass goes
    through the batches in order, and the ``j``-th item of a class belongs to batch
    ``j % batches``. The signal of the real side is the real batch itself, to which
    :class:`LossOf` applies the model. The way back walks through the steps in reverse and holds
    the graph of one step at a time, besides the parameters before each.
    """

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
        return EndPoint(model)

    def units(self, model: Model) -> tuple[int | None, ...]:
        return model.units


@dataclass(frozen=True)
class EndPoint:
    """Where training on the synthetic set ends."""

    model: Model

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        """The real batch itself: inputs and labels."""
        return (*batch.inputs, batch.y)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        order = _order(batch)
        rates = batch.inputs[-1].detach()
        places = [divmod(t, len(order)) for t in range(rates.numel())]
        way = [theta]
        for e, s in places:
            gradient = self._gradient(
                as_leaves(way[-1]), _items(batch, order[s]), batch.y[order[s]]
            )
            rate = rates[e, s]
            way.append(tuple(p - rate * g.detach() for p, g in zip(way[-1], gradient, strict=True)))

        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            found = tuple(torch.zeros_like(t) for t in batch.inputs)
            v = tuple(c[0] for c in cotangent)
            for (e, s), before in zip(reversed(places), reversed(way[:-1]), strict=True):
                leaves, items = as_leaves(before), as_leaves(_items(batch, order[s]))
                gradient = self._gradient(leaves, items, batch.y[order[s]], keep=True)
                found[-1][e, s] -= sum(
                    (g.detach() * c).sum() for g, c in zip(gradient, v, strict=True)
                )
                seeds = [-rates[e, s] * c for c in v]
                back = torch.autograd.grad(gradient, (*leaves, *items), seeds, allow_unused=True)
                v = tuple(c if d is None else c + d for c, d in zip(v, back[: len(v)], strict=True))
                for total, d in zip(found, back[len(v) :], strict=False):
                    if d is not None:
                        total.index_add_(0, order[s], d)
            return found

        return tuple(t.detach()[None] for t in way[-1]), pullback

    def _gradient(
        self, theta: Theta, items: tuple[Tensor, ...], labels: Tensor, keep: bool = False
    ) -> Signature:
        with torch.enable_grad():
            logits = self.model(theta, *items)
            y = targets(labels, logits.shape[-1], logits.dtype)
            loss = -(y * log_softmax(logits, -1)).sum(-1).mean()
            return torch.autograd.grad(loss, theta, create_graph=keep)


def _order(batch: Batch) -> list[Tensor]:
    """Rows of each batch of a pass."""
    groups, batches = batch.groups, batch.inputs[-1].shape[1]
    place = torch.arange(groups.index.shape[1], device=groups.index.device) % batches
    there = groups.weight > 0
    return [groups.index[there & (place == s)] for s in range(batches)]


def _items(batch: Batch, rows: Tensor) -> tuple[Tensor, ...]:
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
        size = self.memory.items or len(y)
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
