"""The second half of the factored pairwise MLP, forward and backward in a fixed workspace.

All of its arrays have ``n^2 h`` entries. Taken fresh from the system at every step they cost as
much as the arithmetic done on them, so they are taken once and reused.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

EPS = 1e-5
"""That of ``torch.nn.BatchNorm1d``."""


class Workspace:
    """Arrays for one pass at a time; a pass knows by its ticket whether they are still its own."""

    def __init__(self) -> None:
        self.ticket = 0
        self._arrays: tuple[Tensor, ...] = ()

    def arrays(self, n: int, like: Tensor) -> tuple[Tensor, ...]:
        """Four arrays ``[n^2, h]``."""
        shape = (n * n, like.shape[1])
        held = self._arrays
        if not held or held[0].shape != shape or held[0].dtype != like.dtype:
            self._arrays = tuple(like.new_empty(shape) for _ in range(4))
        return self._arrays

    # A copy of a set, for a checkpoint say, starts with a workspace of its own.
    def __deepcopy__(self, memo: dict[int, Any]) -> Workspace:
        return Workspace()


class PairLogits(torch.autograd.Function):
    r""":math:`w^T \mathrm{relu}(\mathrm{BN}(\mathrm{relu}(l_i + r_j) W))` for all pairs.

    Batch normalisation uses the statistics of the ``n^2`` pairs. Differentiable once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        workspace: Workspace,
        left: Tensor,
        right: Tensor,
        weight: Tensor,
        gain: Tensor,
        shift: Tensor,
        last: Tensor,
    ) -> Tensor:
        """Logits ``[n^2]`` from first-layer halves ``[n, h]``."""
        ctx.save_for_backward(left, right, weight, gain, shift, last)
        ctx.workspace = workspace
        logits, ctx.scale, ctx.ticket = _run(workspace, left, right, weight, gain, shift, last)
        return logits

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Cotangents of all inputs; those nobody asked for are left out."""
        left, _, weight, gain, _, last = ctx.saved_tensors
        if ctx.workspace.ticket != ctx.ticket:
            _, ctx.scale, ctx.ticket = _run(ctx.workspace, *ctx.saved_tensors)
        # The pass below overwrites what it reads, so a second one has to run forward again.
        ctx.workspace.ticket += 1
        n, total = len(left), len(left) ** 2
        hidden, normed, out, other = ctx.workspace.arrays(n, left)
        wants = ctx.needs_input_grad
        d_last = grad @ out if wants[6] else None
        delta = out.sign_().mul_(last).mul_(grad[:, None])
        d_shift = delta.sum(0)
        d_gain = torch.mul(delta, normed, out=other).sum(0)
        delta.sub_(d_shift / total).addcmul_(normed, d_gain / total, value=-1)
        delta.mul_(gain * ctx.scale)
        d_weight = hidden.T @ delta if wants[3] else None
        d_left = d_right = None
        if wants[1] or wants[2]:
            below = torch.mm(delta, weight.T, out=other).mul_(hidden.sign_()).view(n, n, -1)
            d_left, d_right = below.sum(1), below.sum(0)
        return None, d_left, d_right, d_weight, d_gain, d_shift, d_last


def _run(
    workspace: Workspace,
    left: Tensor,
    right: Tensor,
    weight: Tensor,
    gain: Tensor,
    shift: Tensor,
    last: Tensor,
) -> tuple[Tensor, Tensor, int]:
    """Logits, the scale ``1 / std`` of batch normalisation, and the ticket of the pass."""
    n = len(left)
    hidden, normed, out, other = workspace.arrays(n, left)
    torch.add(left[:, None], right[None], out=hidden.view(n, n, -1)).relu_()
    torch.mm(hidden, weight, out=normed)
    normed.sub_(normed.mean(0))
    scale = (torch.mul(normed, normed, out=other).mean(0) + EPS).rsqrt()
    normed.mul_(scale)
    torch.addcmul(shift, normed, gain, out=out).relu_()
    workspace.ticket += 1
    return out @ last, scale, workspace.ticket
