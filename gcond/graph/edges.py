"""Edge weights from logits, and the way back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def symmetric(logits: Tensor) -> Tensor:
    r""":math:`A_{ij} = \sigma((L_{ij} + L_{ji}) / 2)`, :math:`A_{ii} = 0`, exactly symmetric."""
    # Vectorised sigmoids round by position, so equal logits may differ in the last bit: one of
    # the two halves counts.
    upper = torch.lerp(logits, logits.T, 0.5).sigmoid_().triu_(1)
    return upper + upper.T


def symmetric_back(adj: Tensor, grad: Tensor) -> Tensor:
    """Cotangent of the logits from that of their edge weights ``adj``."""
    below: Tensor = torch.ops.aten.sigmoid_backward(grad, adj)
    return torch.lerp(below, below.T, 0.5)


class _Edges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        adj = symmetric(logits)
        ctx.save_for_backward(adj)
        return adj

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (adj,) = ctx.saved_tensors
        return symmetric_back(adj, grad)


def edges(logits: Tensor) -> Tensor:
    """:func:`symmetric`, differentiable once."""
    adj: Tensor = _Edges.apply(logits)  # type: ignore[no-untyped-call]
    return adj
