r"""Nodes of real graphs that no network can tell apart, computed once.

A convolution gives two nodes the same row where edges of the same weights reach them from nodes of
the same rows. Layer by layer these are the colours of the Weisfeiler-Leman refinement. Molecules
have few of them: of the 120,000 rows that three layers have on 40,000 atoms, between a seventh
(ogbg-molbace) and a third (ogbg-molhiv). Their values, and the derivatives by the parameters, are
those of all nodes, as in `"Learning Graph Neural Networks using Exact Compression"
<https://arxiv.org/abs/2304.14793>`_.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from gcond.graph.propagation import csr
from gcond.graph.receptive import transposed
from gcond.graph.sets.network import BlockDiagonal, Graphs, each
from gcond.graph.sets.packed import Blocks, spans, starts

NODES = 4096
"""Nodes that are computed together where none are merged; more would not stay in the cache."""
AMONG = 2**16
"""Nodes among which equal ones are looked for."""
SHARE = 0.5
"""Share of the rows of all layers that may be left for merging to pay."""


class Piece(NamedTuple):
    """Some of the graphs as a network sees them.

    Args:
        where: Their numbers.
        x: Propagated features ``[1, u, d]``.
        graphs: How hidden rows move.
    """

    where: slice
    x: Tensor
    graphs: Graphs


def pieces(blocks: Blocks, layers: int) -> list[Piece]:
    """Graphs for a network of so many convolutions, equal nodes merged where that pays."""
    found = []
    for where, part in blocks.pieces(AMONG):
        merged = merge(part, layers)
        if merged is not None:
            found.append(Piece(where, *merged))
            continue
        for inner, small in part.pieces(NODES):
            numbers = slice(where.start + inner.start, where.start + inner.stop)
            found.append(Piece(numbers, small.x[None], BlockDiagonal(small.a_hat, small.pool)))
    return found


@dataclass(frozen=True, eq=False)
class Merged:
    """Graphs whose equal nodes are one row in each layer; one group, nothing is recorded.

    Args:
        carries: From the rows of each layer to those of the next, CSR ``[u', u]``.
        pool: Readout of the last layer's, CSR ``[m, u]``.
    """

    carries: tuple[Tensor, ...]
    pool: Tensor

    def carry(self, hidden: Tensor, layer: int) -> Tensor:
        return each(self.carries[layer - 1], hidden)

    def carry_back(self, hidden: Tensor, layer: int) -> Tensor:
        return each(self._adjoints[layer - 1], hidden)

    def pooled(self, hidden: Tensor) -> Tensor:
        return each(self.pool, hidden)

    def spread(self, graphs: Tensor) -> Tensor:
        return each(self._adjoints[-1], graphs)

    @cached_property
    def _adjoints(self) -> tuple[Tensor, ...]:
        return tuple(transposed(matrix) for matrix in (*self.carries, self.pool))


def merge(blocks: Blocks, layers: int) -> tuple[Tensor, Merged] | None:
    """Propagated features ``[1, u, d]`` and the graphs, or ``None`` where most rows differ."""
    n = len(blocks.x)
    edges, room = _Entries(blocks.a_hat), SHARE * layers * n
    colour, first = _distinct(_hashed(blocks.x))
    if len(first) * layers > room or not torch.equal(blocks.x[first[colour]], blocks.x):
        return None
    x, carries = blocks.x[first], []
    for left in range(layers - 1, 0, -1):
        room -= len(first)
        keys = edges.keys(colour)
        finer, one = _distinct(edges.summed(keys))
        # Colours only split: no later layer has fewer of them.
        if len(one) * left > room or not edges.equal(keys, colour, one[finer]):
            return None
        carries.append(edges.of(one, colour, len(first)))
        colour, first = finer, one
    pool = blocks.pool
    columns = colour[pool.col_indices()]
    pool = csr(pool.crow_indices(), columns, pool.values(), (len(pool), len(first)))
    return x[None], Merged(tuple(carries), pool)


class _Entries:
    """The weights of a sparse matrix, row by row."""

    def __init__(self, matrix: Tensor) -> None:
        self.crow, self.column = matrix.crow_indices(), matrix.col_indices()
        self.value, self.counts = matrix.values(), self.crow.diff()
        self.owner = torch.repeat_interleave(self.counts)
        self.bits = _scrambled(_bits(self.value))

    def keys(self, colour: Tensor) -> Tensor:
        """A number for each colour and weight that a row takes."""
        return _scrambled(_scrambled(colour)[self.column] + self.bits)

    def summed(self, keys: Tensor) -> Tensor:
        """A number for each row: equal where the colours that it takes, and their weights, are."""
        return torch.zeros_like(self.counts).index_add_(0, self.owner, keys)

    def equal(self, keys: Tensor, colour: Tensor, twin: Tensor) -> bool:
        """Whether each row takes the very colours and weights that its twin takes: different ones
        may, in theory, have the same number."""
        if not torch.equal(self.counts[twin], self.counts):
            return False
        # Row by row, in the order of the keys as far as they fit in beside the row.
        order = ((self.owner << 32) + (keys & 0xFFFFFFFF)).argsort()
        taken, value = colour[self.column[order]], self.value[order]
        place = spans(self.crow[twin], self.counts)
        return torch.equal(taken[place], taken) and torch.equal(value[place], value)

    def of(self, rows: Tensor, colour: Tensor, width: int) -> Tensor:
        """Some of the rows, as they take the rows of colours."""
        counts = self.counts[rows]
        place = spans(self.crow[rows], counts)
        columns = colour[self.column[place]]
        return csr(starts(counts), columns, self.value[place], (len(rows), width))


def _distinct(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Colour of each entry ``[n]``, and the first entry of each colour ``[u]``."""
    values, colour = torch.unique(numbers, return_inverse=True)
    places = torch.arange(len(numbers), device=numbers.device)
    first = places.new_full((len(values),), len(numbers))
    return colour, first.scatter_reduce_(0, colour, places, "amin")


def _hashed(x: Tensor) -> Tensor:
    """A number for each row ``[n, d]``, equal where all of its bits are."""
    columns = torch.arange(1, x.shape[1] + 1, device=x.device)
    return (_bits(x) * _scrambled(columns)).sum(1)


def _bits(values: Tensor) -> Tensor:
    whole = {4: torch.int32, 8: torch.int64}[values.element_size()]
    return values.contiguous().view(whole).long()


def _scrambled(numbers: Tensor) -> Tensor:
    """The last steps of splitmix64; products of 64-bit integers wrap around."""
    numbers = (numbers ^ (numbers >> 30)) * -4658895280553007687
    numbers = (numbers ^ (numbers >> 27)) * -7723592293110705685
    return numbers ^ (numbers >> 31)
