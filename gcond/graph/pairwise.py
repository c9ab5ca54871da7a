"""The factored pairwise MLP, forward and backward in closed form and in a fixed workspace.

Its large arrays have ``n^2 h`` entries. Taken fresh from the system at every step they cost as
much as the arithmetic done on them, so they are taken once and reused, and what a pass over them
can leave to arrays of ``h`` or ``n h`` entries is left to those.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from gcond.graph.edges import symmetric, symmetric_back

EPS = 1e-5
"""That of ``torch.nn.BatchNorm1d``."""

_SMALL = 1e-3
"""Gains by which nothing is divided."""


class Workspace:
    """Arrays for one pass at a time; a pass knows by its ticket whether they are still its own."""

    def __init__(self) -> None:
        self.ticket = 0
        self._arrays: tuple[Tensor, ...] = ()

    def arrays(self, n: int, like: Tensor) -> tuple[Tensor, ...]:
        """Three arrays ``[n^2, h]``."""
        shape = (n * n, like.shape[1])
        held = self._arrays
        if not held or held[0].shape != shape or held[0].dtype != like.dtype:
            self._arrays = tuple(like.new_empty(shape) for _ in range(3))
        return self._arrays

    # A copy of a set, for a checkpoint say, starts with a workspace of its own.
    def __deepcopy__(self, memo: dict[int, Any]) -> Workspace:
        return Workspace()


class PairEdges(torch.autograd.Function):
    r"""Edge weights of all pairs, :func:`gcond.graph.edges.symmetric` of their logits.

    .. math:: f([x_i; x_j]) = f(z) = w^T \mathrm{relu}(\mathrm{BN}_2(\mathrm{relu}(
              \mathrm{BN}_1(z F)) W)) + b.

    Batch normalisation uses the statistics of the ``n^2`` pairs. Differentiable once.
    """

    @staticmethod
    def forward(ctx: Any, workspace: Workspace, x: Tensor, *parameters: Tensor) -> Tensor:
        """Edge weights ``[n, n]`` for features ``[n, d]``."""
        adj, kept = pair_edges(workspace, x, *parameters)
        ctx.workspace, ctx.ticket = workspace, kept.ticket
        ctx.save_for_backward(*kept.tensors)
        return adj

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Cotangents of all inputs; those of the parameters are left out where only that of the
        features is asked for, and the other way round."""
        for_x, *for_parameters = ctx.needs_input_grad[1:]
        kept = Kept(ctx.ticket, ctx.saved_tensors)
        below, found = pair_edges_back(ctx.workspace, kept, grad, any(for_parameters))
        d_x = below @ kept.first.T if for_x else None
        return None, d_x, *(found or [None] * len(for_parameters))


class Kept(NamedTuple):
    """What the way back through a pass needs, besides the workspace."""

    ticket: int
    tensors: tuple[Tensor, ...]

    @property
    def first(self) -> Tensor:
        """Weights of the first layer ``[d, 2 h]``."""
        return self.tensors[1]


def pair_edges(
    workspace: Workspace,
    x: Tensor,
    first: Tensor,
    gain1: Tensor,
    shift1: Tensor,
    second: Tensor,
    gain2: Tensor,
    shift2: Tensor,
    last: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Kept]:
    """Edge weights ``[n, n]`` for features ``[n, d]``; ``first`` is ``[d, 2 h]``, its halves
    side by side."""
    centred, scale1 = _halves(x @ first)
    factor1 = gain1 * scale1
    left, right = (centred * factor1).unbind(1)
    halves = left, right.add_(shift1)
    logits, *normed, ticket = _pairs(workspace, *halves, second, gain2, shift2, last, bias)
    adj = symmetric(logits)
    own = x, first, scale1, factor1, centred, adj
    return adj, Kept(ticket, (*own, *halves, second, gain2, shift2, last, bias, *normed))


def pair_edges_back(
    workspace: Workspace, kept: Kept, grad: Tensor, learns: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Cotangent of ``x @ first``, from that of the edge weights, and those of the parameters
    where these learn."""
    x, _, scale1, factor1, centred, adj, left, right, *upper, mean2, scale2 = kept.tensors
    if workspace.ticket != kept.ticket:
        _pairs(workspace, left, right, *upper)
    # The pass below overwrites what it reads, so a second one has to run forward again.
    workspace.ticket += 1
    logits = symmetric_back(adj, grad)
    both, d_upper = _pairs_back(workspace, logits, mean2, scale2, learns, *upper)
    d_gain1 = (both * centred).sum((0, 1)).mul_(scale1)
    total, part = both.sum(0), 1 / len(x)
    # Of factor = gain / sqrt(var + eps) the second part pulls by the variance of each half.
    pull = factor1 * scale1 * d_gain1
    both.sub_(total, alpha=part).mul_(factor1).addcmul_(centred, pull, value=-part)
    below = both.view(len(x), -1)
    if not learns:
        return below, ()
    return below, (x.T @ below, d_gain1, total[1], *d_upper)


def _halves(uv: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer's halves ``[n, 2, h]``, centred, and ``1 / std`` of their sums over all
    pairs: the variance of a sum over all pairs is the sum of the variances."""
    halves = uv.view(len(uv), 2, -1)
    centred = halves - halves.mean(0)
    return centred, (centred.square().mean(0).sum(0) + EPS).rsqrt()


def _pairs(
    workspace: Workspace,
    left: Tensor,
    right: Tensor,
    second: Tensor,
    gain: Tensor,
    shift: Tensor,
    last: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Tensor, Tensor, int]:
    """Logits ``[n, n]``, means and ``1 / std`` of the second batch normalisation, the ticket of
    the pass."""
    n = len(left)
    hidden, product, out = workspace.arrays(n, left)
    _sums(left, right, hidden.view(n, n, -1))
    torch.mm(hidden, second, out=product)
    mean, scale = torch.empty_like(gain), torch.empty_like(gain)
    torch.native_batch_norm(
        product, gain, shift, None, None, True, 0.0, EPS, out=(out, mean, scale)
    )
    workspace.ticket += 1
    # As products of rows, which run on all threads where one with a vector runs on one.
    rows = out.relu_().view(n, n, -1).mT
    logits = torch.baddbmm(bias[:, None, None], last.expand(n, 1, -1), rows)
    return logits.view(n, n), mean, scale, workspace.ticket


def _sums(left: Tensor, right: Tensor, into: Tensor) -> None:
    """``relu(left_i + right_j)`` for all pairs, in one pass where torch has one."""
    if into.is_cpu:
        torch._add_relu(left[:, None], right, out=into)
    else:
        torch.add(left[:, None], right, out=into).relu_()


def _pairs_back(
    workspace: Workspace,
    grad: Tensor,
    mean: Tensor,
    scale: Tensor,
    learns: bool,
    second: Tensor,
    gain: Tensor,
    shift: Tensor,
    last: Tensor,
    bias: Tensor,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    r"""Cotangents of ``left`` and ``right`` ``[n, 2, h]``; and of ``second, gain, shift, last,
    bias`` where these learn.

    With :math:`M = 1[out > 0]`, :math:`\hat z` the normalised values, :math:`N` pairs and the sums
    over them :math:`s_0` of :math:`M g` and :math:`s_1` of :math:`M g \hat z` all cotangents of
    channels follow from ``s_0`` and ``s_1``, and that of the values before normalisation is,
    channel by channel, :math:`a \circ (M g - (s_0 + \hat z\, s_1) / N)` with
    ``a = gain * scale * last``. The sum of :math:`g \circ out` is
    :math:`gain \, s_1 + shift \, s_0`.
    """
    n = len(grad)
    part = 1 / n**2
    hidden, product, out = workspace.arrays(n, second)
    d_last = torch.bmm(grad[:, None], out.view(n, n, -1)).sum((0, 1))
    masked = _where_positive(grad.reshape(-1, 1).expand_as(out), out, into=out)
    s0 = masked.view(n, n, -1).sum(1).sum(0)  # in two steps, the first along the rows
    if float(torch.linalg.vector_norm(gain, -torch.inf)) > _SMALL:
        s1 = torch.addcmul(d_last, shift, s0, value=-1).div_(gain)
    else:
        s1 = scale * ((masked * product).sum(0) - mean * s0)
    slope = scale * s1
    a = gain * scale * last
    delta = torch.addcmul(masked, product, slope, value=-part, out=product)
    delta.sub_(torch.addcmul(s0, mean, slope, value=-1), alpha=part)
    below = torch.mm(delta, (second * a).T, out=out)
    _where_positive(below, hidden, into=below)
    pieces = _pieces(n, below)
    columns = below.view(pieces, -1, n, below.shape[1]).sum(1).sum(0)
    both = torch.stack([below.view(n, n, -1).sum(1), columns], 1)
    if not learns:
        return both, ()
    cut = pieces, -1, below.shape[1]
    d_second = torch.bmm(hidden.view(cut).mT, delta.view(cut)).sum(0).mul_(a)
    return both, (d_second, last * s1, last * s0, d_last, grad.sum()[None])


def _pieces(n: int, like: Tensor) -> int:
    """In how many equal pieces sums over ``n`` blocks of rows are taken: as many as there are
    threads where that can be, so that a thread reads the rows that it wrote."""
    threads = torch.get_num_threads() if like.is_cpu else 1
    return max(pieces for pieces in range(1, threads + 1) if n % pieces == 0)


def _where_positive(values: Tensor, of: Tensor, into: Tensor) -> Tensor:
    """``values`` where ``of > 0`` and zero elsewhere, in one pass."""
    masked: Tensor = torch.ops.aten.threshold_backward.grad_input(values, of, 0, grad_input=into)
    return masked
