r"""A graph convolutional network with a readout, and its gradients in closed form.

.. math:: H_1 = \mathrm{relu}(\hat X W_1 + b_1), \quad
          H_l = \mathrm{relu}(\hat A H_{l-1} W_l + b_l), \quad
          \mathrm{logits} = P H_L W_o + b_o

with :math:`\hat X = \hat A X` and a readout :math:`P`. Graphs do not touch each other, so the
gradients of several groups of graphs, or of several models on the same graphs, are one batched
pass: all tensors carry a leading dimension ``[B, ...]`` of groups or models, which is 1 where a
tensor is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gcond.matching import Signature, Theta


class Graphs(Protocol):
    """How hidden rows ``[B, N, h]`` move along edges and into graphs."""

    def carry(self, hidden: Tensor, layer: int) -> Tensor:
        r""":math:`\hat A H` into a layer, counted from 1 behind the first."""

    def carry_back(self, hidden: Tensor, layer: int) -> Tensor:
        """Its adjoint."""

    def pooled(self, hidden: Tensor) -> Tensor:
        """Readout ``[B, N, h] -> [B, m, h]``."""

    def spread(self, graphs: Tensor) -> Tensor:
        """Adjoint of the readout ``[B, m, h] -> [B, N, h]``."""


@dataclass(frozen=True, eq=False)
class Padded:
    """``m`` graphs in each group, padded to ``n`` nodes; differentiable.

    Args:
        a_hat: Normalised adjacency ``[B, m, n, n]``.
        pool: Weight of each node in the readout ``[B, m, n]``, zero for padding.
    """

    a_hat: Tensor
    pool: Tensor

    def carry(self, hidden: Tensor, layer: int) -> Tensor:
        b, m, n, _ = self.a_hat.shape
        r, _, h = hidden.shape
        if r == b:
            return (self.a_hat @ hidden.view(r, m, n, h)).view(r, m * n, h)
        # One adjacency, many models: their columns side by side.
        side = hidden.view(r, m, n, h).permute(1, 2, 0, 3).reshape(m, n, r * h)
        out = self.a_hat[0] @ side
        return out.view(m, n, r, h).permute(2, 0, 1, 3).reshape(r, m * n, h)

    carry_back = carry  # the matrix is symmetric

    def pooled(self, hidden: Tensor) -> Tensor:
        _, m, n = self.pool.shape
        r, _, h = hidden.shape
        return (hidden.view(r, m, n, h) * self.pool[..., None]).sum(2)

    def spread(self, graphs: Tensor) -> Tensor:
        return (graphs[:, :, None] * self.pool[..., None]).flatten(1, 2)


@dataclass(frozen=True, eq=False)
class BlockDiagonal:
    """Graphs of any size as sparse matrices, one group; nothing is recorded.

    Args:
        a_hat: Normalised adjacency, CSR ``[N, N]``.
        pool: Readout, CSR ``[m, N]``.
    """

    a_hat: Tensor
    pool: Tensor

    def carry(self, hidden: Tensor, layer: int) -> Tensor:
        return each(self.a_hat, hidden)

    carry_back = carry  # the matrix is symmetric

    def pooled(self, hidden: Tensor) -> Tensor:
        return each(self.pool, hidden)

    def spread(self, graphs: Tensor) -> Tensor:
        owner = torch.repeat_interleave(self.pool.crow_indices().diff())
        return graphs[:, owner] * self.pool.values()[:, None]


def each(matrix: Tensor, hidden: Tensor) -> Tensor:
    """A sparse matrix times the rows of each model; those of one are not copied."""
    if len(hidden) == 1:
        return (matrix @ hidden[0])[None]
    return torch.stack([matrix @ rows for rows in hidden])


def _activated(rows: Tensor, bias: Tensor) -> Tensor:
    """``relu(rows + bias)``; in place where nothing is recorded, as memory costs more than sums."""
    if rows.requires_grad or bias.requires_grad:
        return torch.relu(rows + bias)
    return rows.add_(bias).relu_()


def _past_relu(back: Tensor, rows: Tensor) -> Tensor:
    """What comes back through ReLU, in place where nothing is recorded; some ten times faster than
    a product with ``rows > 0``."""
    ops, mask = torch.ops.aten.threshold_backward, rows.detach()
    passed: Tensor = (
        ops(back, mask, 0) if back.requires_grad else ops.grad_input(back, mask, 0, grad_input=back)
    )
    return passed


def hidden_of(theta: Theta, graphs: Graphs, x: Tensor) -> list[Tensor]:
    """Rows after each layer ``[B, N, h]``, from propagated features ``[B, N, d]``."""
    rows = [_activated(x @ theta[0], theta[1])]
    for layer in range(1, len(theta) // 2 - 1):
        weight, bias = theta[2 * layer : 2 * layer + 2]
        rows.append(_activated(graphs.carry(rows[-1] @ weight, layer), bias))
    return rows


def logits_of(theta: Theta, graphs: Graphs, x: Tensor) -> Tensor:
    """Predictions ``[B, m, C]``."""
    return graphs.pooled(hidden_of(theta, graphs, x)[-1]) @ theta[-2] + theta[-1]


def gradients(
    theta: Theta, graphs: Graphs, x: Tensor, residual: Callable[[Tensor], Tensor]
) -> Signature:
    """Gradients ``[B, *shape]`` by each parameter, an ordinary differentiable expression.

    Args:
        theta: Weights ``[.., in, out]`` and biases, in turns, the head last. With a leading
            dimension (biases ``[B, 1, out]``) each of ``B`` models is differentiated.
        graphs: The graphs.
        x: Propagated features ``[B, N, d]``.
        residual: Takes logits ``[B, m, C]`` to the derivative of the loss by them.
    """
    rows = hidden_of(theta, graphs, x)
    pooled = graphs.pooled(rows[-1])
    delta = residual(pooled @ theta[-2] + theta[-1])
    found = [pooled.mT @ delta, delta.sum(1)]
    back = _past_relu(graphs.spread(delta @ theta[-2].mT), rows[-1])
    for layer in reversed(range(1, len(rows))):
        carried = graphs.carry_back(back, layer)
        found = [rows[layer - 1].mT @ carried, back.sum(1), *found]
        back = _past_relu(carried @ theta[2 * layer].mT, rows[layer - 1])
    return (x.mT @ back, back.sum(1), *found)


def summed(found: Sequence[Signature]) -> Signature:
    """The gradients of a loss from those of its parts; of one part without a copy."""
    if len(found) == 1:
        return found[0]
    return tuple(torch.stack(parts).sum(0) for parts in zip(*found, strict=True))
