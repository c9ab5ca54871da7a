"""Many graphs as a few tensors; batches are index arithmetic, never a loop over objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from gcond.graph.propagation import csr


@dataclass(frozen=True, eq=False)
class Packed:
    """Undirected graphs one after the other.

    Args:
        x: Rows of all nodes ``[N, c]``.
        ptr: First node of each graph, and ``N``: ``[G + 1]``.
        edge_index: Edges ``[2, E]`` between numbers of nodes in ``x``, both directions, sorted,
            without self-loops.
        edge_weight: Their weights ``[E]``.
    """

    x: Tensor
    ptr: Tensor
    edge_index: Tensor
    edge_weight: Tensor

    @staticmethod
    def of(x: Tensor, ptr: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Packed:
        """Graphs from edges in any order; without weights, each edge counts once in both
        directions, and self-loops are left out."""
        n = len(x)
        if edge_weight is None:
            apart = edge_index[:, edge_index[0] != edge_index[1]]
            both = torch.cat([apart, apart.flip(0)], 1)
            keys = torch.unique(both[0] * n + both[1])
            edge_index = torch.stack([keys // max(n, 1), keys % max(n, 1)])
            edge_weight = torch.ones(len(keys))
        return Packed(x, ptr, edge_index, edge_weight)

    def __len__(self) -> int:
        return len(self.ptr) - 1

    @property
    def sizes(self) -> Tensor:
        """Nodes of each graph ``[G]``."""
        return self.ptr.diff()

    @property
    def owner(self) -> Tensor:
        """Graph of each node ``[N]``, PyG's ``batch``."""
        return torch.repeat_interleave(torch.arange(len(self)), self.sizes)

    @cached_property
    def edge_ptr(self) -> Tensor:
        """First edge of each graph, and ``E``: ``[G + 1]``."""
        return torch.searchsorted(self.edge_index[0].contiguous(), self.ptr)

    def take(self, graphs: Tensor) -> Packed:
        """The graphs of the given numbers, in that order; a number may occur twice."""
        sizes, edge_ptr = self.sizes[graphs], self.edge_ptr
        nodes = spans(self.ptr[graphs], sizes)
        ptr = starts(sizes)
        counts = edge_ptr[graphs + 1] - edge_ptr[graphs]
        edges = spans(edge_ptr[graphs], counts)
        shift = torch.repeat_interleave(ptr[:-1] - self.ptr[graphs], counts)
        return Packed(
            self.x[nodes], ptr, self.edge_index[:, edges] + shift, self.edge_weight[edges]
        )

    def graph(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Rows, edges and weights of one graph, its nodes numbered from 0."""
        one = self.take(torch.tensor([number]))
        return one.x, one.edge_index, one.edge_weight

    def dense(self, rows: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Rows ``[G, n, c]``, weights ``[G, n, n]`` and mask ``[G, n]``, padded to the largest.

        Args:
            rows: Rows of the nodes instead of ``x``.
        """
        x = self.x if rows is None else rows
        sizes, size = self.sizes, int(self.sizes.max())
        owner = self.owner
        place = torch.arange(len(x)) - self.ptr[owner]
        out = x.new_zeros(len(self), size, x.shape[1])
        out[owner, place] = x
        adj = self.edge_weight.new_zeros(len(self), size, size)
        i, j = self.edge_index
        adj[owner[i], place[i], place[j]] = self.edge_weight
        return out, adj, torch.arange(size) < sizes[:, None]

    @property
    def nbytes(self) -> int:
        """Bytes as stored."""
        tensors = (self.x, self.ptr, self.edge_index, self.edge_weight)
        return sum(t.numel() * t.element_size() for t in tensors)


def starts(sizes: Tensor) -> Tensor:
    """Where each of several spans begins, and the end: ``[G] -> [G + 1]``."""
    return torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])


def spans(first: Tensor, lengths: Tensor) -> Tensor:
    """``first[0], first[0] + 1, ...`` for each span, one after the other."""
    where = torch.repeat_interleave(first - starts(lengths)[:-1], lengths)
    return where + torch.arange(len(where), device=where.device)


def packed(rows: Sequence[Tensor], edges: Sequence[Tensor]) -> Packed:
    """Packs graphs given one by one as rows ``[n, c]`` and edges ``[2, e]``."""
    ptr = starts(torch.tensor([len(x) for x in rows]))
    lengths = torch.tensor([e.shape[1] for e in edges])
    shift = torch.repeat_interleave(ptr[:-1], lengths)
    return Packed.of(torch.cat(list(rows)), ptr, torch.cat(list(edges), 1) + shift)


class Blocks(NamedTuple):
    r"""Graphs as a pooling network sees them, propagated once: the inputs of a real batch.

    Args:
        x: :math:`\hat A X` of all nodes ``[N, d]``.
        a_hat: Normalised block-diagonal adjacency, CSR ``[N, N]``.
        pool: Readout, CSR ``[G, N]``.
    """

    x: Tensor
    a_hat: Tensor
    pool: Tensor

    @staticmethod
    def of(graphs: Packed, rows: Tensor, pooling: str) -> Blocks:
        """Blocks of packed graphs with encoded rows ``[N, d]``."""
        a_hat = operator(graphs)
        sizes = graphs.sizes
        weight = 1 / sizes.to(rows.dtype) if pooling == "mean" else rows.new_ones(len(sizes))
        pool = csr(
            graphs.ptr,
            torch.arange(len(rows)),
            torch.repeat_interleave(weight, sizes),
            (len(sizes), len(rows)),
        )
        return Blocks(a_hat.to(rows.dtype) @ rows, a_hat.to(rows.dtype), pool)

    def to(self, device: torch.device) -> Blocks:
        """The same on another device."""
        return Blocks(*(tensor.to(device) for tensor in self))

    def pieces(self, nodes: int) -> list[tuple[slice, Blocks]]:
        """Consecutive graphs of about so many nodes each, with their numbers."""
        ptr = self.pool.crow_indices()
        marks = (ptr[:-1] // nodes).diff().nonzero().flatten() + 1
        edges = [0, *marks.tolist(), len(ptr) - 1]
        return [(slice(i, j), self.part(i, j)) for i, j in pairwise(edges) if j > i]

    def part(self, first: int, last: int) -> Blocks:
        """The graphs from ``first`` up to, not including, ``last``."""
        if first == 0 and last == len(self.pool):
            return self
        crow = self.pool.crow_indices()
        i, j = int(crow[first]), int(crow[last])
        return Blocks(
            self.x[i:j], _square(self.a_hat, i, j), _band(self.pool, first, last, i, j - i)
        )


def _square(matrix: Tensor, i: int, j: int) -> Tensor:
    return _band(matrix, i, j, i, j - i)


def _band(matrix: Tensor, first: int, last: int, shift: int, width: int) -> Tensor:
    crow = matrix.crow_indices()[first : last + 1]
    s, e = int(crow[0]), int(crow[-1])
    return csr(
        crow - s, matrix.col_indices()[s:e] - shift, matrix.values()[s:e], (last - first, width)
    )


def operator(graphs: Packed) -> Tensor:
    r""":math:`\tilde D^{-1/2} (A + I) \tilde D^{-1/2}` of all graphs, CSR ``[N, N]``."""
    n = len(graphs.x)
    i, j = graphs.edge_index
    degree = 1 + graphs.edge_weight.new_zeros(n).index_add(0, i, graphs.edge_weight)
    scale = degree.rsqrt()
    loop = torch.arange(n)
    keys = torch.cat([i * n + j, loop * n + loop])
    values = torch.cat([graphs.edge_weight * scale[i] * scale[j], scale * scale])
    keys, order = keys.sort()
    crow = starts(torch.bincount(keys // max(n, 1), minlength=n))
    return csr(crow, keys % max(n, 1), values[order], (n, n))
