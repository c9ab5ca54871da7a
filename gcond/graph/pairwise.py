"""The factored pairwise MLP, forward and backward in closed form and in a fixed workspace.

Its large arrays have ``n^2 h`` entries. Taken fresh from the system at every step they cost as
much as the arithmetic done on them, so they are taken once and reused, and what a pass over them
can leave to arrays of ``h`` or ``n h`` entries is left to those.
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
    r""":math:`f([x_i; x_j])` without its last bias, for all pairs.

    .. math:: f(z) = w^T \mathrm{relu}(\mathrm{BN}_2(\mathrm{relu}(\mathrm{BN}_1(z F)) W))

    Batch normalisation uses the statistics of the ``n^2`` pairs. Differentiable once.
    """

    @staticmethod
    def forward(
        ctx: Any,
        workspace: Workspace,
        x: Tensor,
        first: Tensor,
        gain1: Tensor,
        shift1: Tensor,
        second: Tensor,
        gain2: Tensor,
        shift2: Tensor,
        last: Tensor,
    ) -> Tensor:
        """Logits ``[n^2]`` for features ``[n, d]``; ``first`` is ``[d, 2 h]``, its halves side by
        side."""
        centred, scale1 = _halves(x @ first)
        left, right = (centred * (gain1 * scale1).repeat(2)).chunk(2, 1)
        halves = left, right + shift1
        logits, scale2, ctx.ticket = _pairs(workspace, *halves, second, gain2, shift2, last)
        ctx.workspace = workspace
        ctx.save_for_backward(
            x, first, gain1, second, gain2, shift2, last, centred, scale1, *halves, scale2
        )
        return logits

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Cotangents of all inputs; the large ones are left out where nobody asked for them."""
        x, first, gain1, *upper, centred, scale1, left, right, scale2 = ctx.saved_tensors
        if ctx.workspace.ticket != ctx.ticket:
            _, _, ctx.ticket = _pairs(ctx.workspace, left, right, *upper)
        # The pass below overwrites what it reads, so a second one has to run forward again.
        ctx.workspace.ticket += 1
        wants = ctx.needs_input_grad
        both, *d_upper = _pairs_back(ctx.workspace, grad, scale2, wants[5], *upper)
        d_shift1 = both[:, len(gain1) :].sum(0)
        d_scale1 = (both * centred).sum(0).view(2, -1).sum(0)
        # Of scale = gain / sqrt(var + eps) the second part pulls by the variance of each half.
        pull = -d_scale1 * gain1 * scale1**3 / len(x)
        both.sub_(both.mean(0)).mul_((gain1 * scale1).repeat(2))
        both.addcmul_(centred, pull.repeat(2))
        d_x = both @ first.T if wants[1] else None
        d_first = x.T @ both if wants[2] else None
        return None, d_x, d_first, d_scale1 * scale1, d_shift1, *d_upper


def _halves(uv: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer's halves, centred, and ``1 / std`` of their sums over all pairs: the
    variance of a sum over all pairs is the sum of the variances."""
    centred = uv - uv.mean(0)
    variance = centred.square().mean(0).view(2, -1).sum(0)
    return centred, (variance + EPS).rsqrt()


def _pairs(
    workspace: Workspace,
    left: Tensor,
    right: Tensor,
    second: Tensor,
    gain: Tensor,
    shift: Tensor,
    last: Tensor,
) -> tuple[Tensor, Tensor, int]:
    """Logits, ``1 / std`` of the second batch normalisation, and the ticket of the pass."""
    n = len(left)
    hidden, normed, out, _ = workspace.arrays(n, left)
    torch.add(left[:, None], right[None], out=hidden.view(n, n, -1)).relu_()
    # The product is linear, so centring its rows first centres it.
    torch.addmm(-(hidden.mean(0) @ second), hidden, second, out=normed)
    scale = (torch.mul(normed, normed, out=out).mean(0) + EPS).rsqrt()
    torch.addcmul(shift, normed, gain * scale, out=out).relu_()
    workspace.ticket += 1
    return out @ last, scale, workspace.ticket


def _pairs_back(
    workspace: Workspace,
    grad: Tensor,
    scale: Tensor,
    wants_second: bool,
    second: Tensor,
    gain: Tensor,
    shift: Tensor,
    last: Tensor,
) -> tuple[Tensor, Tensor | None, Tensor, Tensor, Tensor]:
    r"""Cotangents of ``left`` and ``right`` side by side, of ``second, gain, shift, last``.

    With :math:`M = 1[out > 0]`, :math:`\hat z` the normalised values, :math:`s_0 = M^T g` and
    :math:`s_1 = (M \circ \hat z)^T g` all cotangents of channels follow from ``s_0`` and ``s_1``,
    and that of the values before normalisation is, channel by channel,
    :math:`a \circ (M g - s_0 / N - \hat z\, s_1 / N)` with ``a = gain * scale * last``.
    """
    total = len(grad)
    n = round(total**0.5)
    hidden, normed, out, other = workspace.arrays(n, second)
    mask = out.sign_()
    s0 = grad @ mask
    s1 = scale * (grad @ torch.mul(mask, normed, out=other))
    torch.addcmul(-s0 / total, normed, -scale * s1 / total, out=other)
    delta = other.addcmul_(mask, grad[:, None])
    a = gain * scale * last
    d_second = (hidden.T @ delta) * a if wants_second else None
    below = torch.mm(delta, (second * a).T, out=out).mul_(hidden.sign_()).view(n, n, -1)
    both = torch.cat([below.sum(1), below.sum(0)], 1)
    return both, d_second, last * s1, last * s0, shift * s0 + gain * s1
