"""Padded graphs of unequal sizes in shelves, so that a small one is not computed at the size of
the largest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from gcond.matching import Groups

LARGE = 2**21
"""Entries of the padded adjacency from which on shelves pay for the calls that they cost."""

STEEP = 0.8
"""A graph below this share of the size of its shelf begins the next one."""


@dataclass(frozen=True, eq=False)
class Shelf:
    """Graphs that are computed at one size.

    Args:
        graphs: Their numbers in the set ``[K, m]``, ``m`` of each group.
        columns: Their places within their groups ``[K, m]``.
        size: Most nodes of them.
    """

    graphs: Tensor
    columns: Tensor
    size: int


def shelves(pool: Tensor, groups: Groups) -> list[Shelf]:
    """Shelves of graphs with readout ``[G, n]``, the largest first; none where one will do."""
    if pool.shape[0] * pool.shape[1] ** 2 < LARGE:
        return []
    sizes = (pool > 0).sum(1)[groups.index]
    order = sizes.argsort(1, descending=True)
    tops: list[int] = sizes.gather(1, order).amax(0).tolist()
    starts = list(_starts(tops))
    if len(starts) == 1:
        return []
    found = []
    for begin, end in pairwise([*starts, len(tops)]):
        columns = order[:, begin:end]
        found.append(Shelf(groups.index.gather(1, columns), columns, tops[begin]))
    return found


def _starts(tops: Sequence[int]) -> Iterator[int]:
    """Where shelves begin among sizes that fall."""
    size = float("inf")
    for place, top in enumerate(tops):
        if top < STEEP * size:
            size = top
            yield place


def cut(rows: Tensor, of: Sequence[Shelf], dims: int = 1) -> tuple[Tensor, ...]:
    """Tensors ``[K, m, ...]`` of each shelf from those of the set ``[G, n, ...]``, whose first
    ``dims`` dimensions behind that of the graphs are cut to the size of the shelf."""
    found: tuple[Tensor, ...] = _Cut.apply(rows, of, dims)  # type: ignore[no-untyped-call]
    return found


class _Cut(torch.autograd.Function):
    """The way back adds all shelves to one tensor, where indexing would make one for each."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, of: Sequence[Shelf], dims: int) -> tuple[Tensor, ...]:
        ctx.of, ctx.dims, ctx.shape = of, dims, rows.shape
        return tuple(_narrow(rows, shelf.size, dims)[shelf.graphs] for shelf in of)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        out = grads[0].new_zeros(ctx.shape)
        for shelf, grad in zip(ctx.of, grads, strict=True):
            place = _narrow(out, shelf.size, ctx.dims)
            place.index_add_(0, shelf.graphs.flatten(), grad.flatten(0, 1))
        return out, None, None


def _narrow(rows: Tensor, size: int, dims: int) -> Tensor:
    for dim in range(1, dims + 1):
        rows = rows.narrow(dim, 0, size)
    return rows
