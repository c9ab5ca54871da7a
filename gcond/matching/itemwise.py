"""Gradients of models whose items do not see each other: group by group, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from gcond.matching.batch import Batch, targets
from gcond.matching.distance import Signature
from gcond.matching.memory import Full, Memory
from gcond.matching.model import Model, Theta, as_leaves

Piece = tuple[int, Tensor, Tensor]
"""Number of a group, and rows and weights of some of its items."""


@dataclass(frozen=True)
class ItemwiseGradient:
    """Group gradients of a model that treats each item of a batch by itself.

    A group's gradient needs its own items only, so that groups cost what one pass over the
    batch costs, and it is a sum over items, so that it can be taken in chunks.
    """

    model: Model
    memory: Memory = Full()  # noqa: RUF009 - frozen

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        leaves = as_leaves(theta)
        total = _zeros(theta, batch)
        for k, rows, weight in pieces(batch, self.memory.at_once(batch.y.device)):
            with torch.enable_grad():
                loss = self._loss(leaves, _items(batch, rows), batch.y[rows], weight)
            for held, part in zip(total, torch.autograd.grad(loss, leaves), strict=True):
                held[k] += part
        return total

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Traced]:
        total, leaves = _zeros(theta, batch), as_leaves(theta)
        held: list[Part] = []
        for piece in pieces(batch, self.memory.at_once(batch.y.device)):
            part = self._part(leaves, batch, piece, keep=not self.memory.again)
            for sum_, gradient in zip(total, part.gradient, strict=True):
                sum_[piece[0]] += gradient.detach()
            held.append(part)
        return total, Traced(self, leaves, batch, tuple(held))

    def _part(self, leaves: Theta, batch: Batch, piece: Piece, keep: bool) -> Part:
        _, rows, weight = piece
        inputs = tuple(t.detach().requires_grad_() for t in _items(batch, rows))
        with torch.enable_grad():
            loss = self._loss(leaves, inputs, batch.y[rows], weight)
            gradient = torch.autograd.grad(loss, leaves, create_graph=keep)
        return Part(piece, inputs, gradient)

    def _loss(
        self, theta: Theta, inputs: tuple[Tensor, ...], labels: Tensor, weight: Tensor
    ) -> Tensor:
        logits = self.model(theta, *inputs)
        y = targets(labels, logits.shape[-1], logits.dtype)
        return -(weight * (y * log_softmax(logits, -1)).sum(-1)).sum()


@dataclass(frozen=True)
class Part:
    """A chunk of a group: its items as leaves and their share of the group's gradient."""

    piece: Piece
    inputs: tuple[Tensor, ...]
    gradient: Signature


@dataclass(frozen=True)
class Traced:
    r"""The way back: derivatives of :math:`\langle v_k, g_k\rangle` by the items."""

    signal: ItemwiseGradient
    leaves: Theta
    batch: Batch
    parts: tuple[Part, ...]

    def __call__(self, cotangent: Signature) -> tuple[Tensor, ...]:
        # Parameters that the distance leaves out need no second derivative.
        asked = [i for i, c in enumerate(cotangent) if bool(c.any())]
        found = tuple(torch.zeros_like(t) for t in self.batch.inputs)
        if not asked:
            return found
        for part in self.parts:
            k, rows, _ = part.piece
            if self.signal.memory.again:
                part = self.signal._part(self.leaves, self.batch, part.piece, keep=True)
            gradients = torch.autograd.grad(
                [part.gradient[i] for i in asked],
                part.inputs,
                [cotangent[i][k] for i in asked],
                allow_unused=True,
            )
            for total, gradient in zip(found, gradients, strict=True):
                if gradient is not None:
                    total.index_add_(0, rows, gradient)
        return found


def pieces(batch: Batch, items: int | None) -> Iterator[Piece]:
    """The groups of a batch in chunks of so many items, padding left out."""
    for k, (rows, weight) in enumerate(batch.groups.members()):
        size = items or len(rows)
        for part, share in zip(torch.split(rows, size), torch.split(weight, size), strict=True):
            yield k, part, share


def _items(batch: Batch, rows: Tensor) -> tuple[Tensor, ...]:
    return tuple(t[rows] for t in batch.inputs)


def _zeros(theta: Theta, batch: Batch) -> Signature:
    groups = len(batch.groups.index)
    return tuple(t.new_zeros(groups, *t.shape) for t in theta)
