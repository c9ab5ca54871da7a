"""The adjacency of a stored graph, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from gcond.graph.large.cache import Journal
from gcond.graph.large.reading import File
from gcond.graph.store import Store

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Piece:
    """Neighbours of some consecutive rows of the adjacency, or of those of them that are needed.

    Args:
        rows: Numbers of the rows ``[r]``, ascending.
        ptr: Where each row's neighbours begin ``[r]``.
        indices: The neighbours.
    """

    rows: Array
    ptr: Tensor
    indices: Tensor

    @property
    def span(self) -> slice | None:
        """The rows as a slice, where none is left out."""
        first, last = int(self.rows[0]), int(self.rows[-1])
        return slice(first, last + 1) if last - first + 1 == len(self.rows) else None


@dataclass(frozen=True, eq=False)
class Edges:
    """Neighbours of all nodes; no values, since all edges weigh the same.

    Args:
        indptr: Where each node's neighbours begin ``[N + 1]``.
        indices: The neighbours, on disk.
        split: Number of each node's split ``[N]``, where only edges within one count.
    """

    indptr: Array
    indices: File
    split: Array | None = None

    @staticmethod
    def of(store: Store, within: bool = False) -> Edges:
        """Those of a store, all or those within its splits."""
        split = np.asarray(store.split) if within else None
        return Edges(store.indptr, File.of(store.indices), split)

    @property
    def num_nodes(self) -> int:
        return len(self.indptr) - 1

    def scale(self) -> Array:
        r"""The symmetric normalisation with self-loops, :math:`(\deg_i + 1)^{-1/2}` as float32."""
        out = np.empty(self.num_nodes, np.float32)
        if self.split is not None:
            for piece in self.pieces(None, 1 << 22, self.num_nodes):
                degree = np.diff(np.append(piece.ptr.numpy(), len(piece.indices)))
                out[piece.rows] = 1 / np.sqrt(degree.astype(np.float64) + 1)
            return out
        for start, stop in _ranges(self.num_nodes, 1 << 20):
            degree = np.diff(self.indptr[start : stop + 1])
            out[start:stop] = 1 / np.sqrt(degree.astype(np.float64) + 1)
        return out

    def count(self, needed: Array | None) -> int:
        """Neighbours of the rows that are needed."""
        if needed is None:
            return int(self.indptr[-1])
        total = 0
        for start, stop in _ranges(self.num_nodes, 1 << 20):
            total += int(np.diff(self.indptr[start : stop + 1])[needed[start:stop]].sum())
        return total

    def reach(self, needed: Array, at_most: int) -> Array:
        """The rows that are needed and their neighbours, as a mask ``[N]``."""
        seen = needed.copy()
        for piece in self.pieces(needed, at_most, self.num_nodes):
            seen[piece.indices.numpy()] = True
        return seen

    def pieces(self, needed: Array | None, edges: int, rows: int) -> Iterator[Piece]:
        """The adjacency in pieces of at most so many edges (one row may have more) and rows; the
        next piece is read while one is worked on."""
        with ThreadPoolExecutor(1) as reader:
            waiting = None
            for span in self._spans(edges, rows):
                if needed is not None and not needed[span[0] : span[1]].any():
                    continue
                coming = reader.submit(self._piece, *span, needed)
                if waiting is not None:
                    yield waiting.result()
                waiting = coming
            if waiting is not None:
                yield waiting.result()

    def _spans(self, edges: int, rows: int) -> Iterator[tuple[int, int]]:
        start = 0
        while start < self.num_nodes:
            most = min(start + rows, self.num_nodes)
            limit = int(self.indptr[start]) + edges
            stop = start + int(np.searchsorted(self.indptr[start + 1 : most + 1], limit, "right"))
            stop = max(stop, start + 1)
            yield start, stop
            start = stop

    def _piece(self, start: int, stop: int, needed: Array | None) -> Piece:
        ptr = np.asarray(self.indptr[start : stop + 1])
        indices = self.indices.read(int(ptr[0]), int(ptr[-1]))
        degree, rows = np.diff(ptr), np.arange(start, stop)
        if needed is not None:
            kept = needed[start:stop]
            if not kept.all():
                indices = indices[np.repeat(kept, degree)]
                degree, rows = degree[kept], rows[kept]
        if self.split is not None:
            own = np.repeat(self.split[rows], degree)
            same = (own == self.split[indices]) & (own >= 0)
            ends = np.concatenate([[0], np.cumsum(same)])[np.append(0, np.cumsum(degree))]
            indices, degree = indices[same], np.diff(ends)
        first = (np.cumsum(degree) - degree).astype(indices.dtype)
        return Piece(rows, torch.from_numpy(first), torch.from_numpy(indices))


def neighbour_sums(piece: Piece, u: Tensor) -> Tensor:
    r"""Sums of rows of ``u [N, b]`` over the neighbours of a piece's rows, ``[r, b]``.

    A bag of equally weighted rows is what ``embedding_bag`` sums, in code that is made for the
    width at hand and reads half precision as it is: three to six times as fast as products with
    a CSR matrix of ones (``benchmarks/scale``). A row's sum does not depend on the others, nor on
    the number of threads.
    """
    if not len(piece.indices):
        return u.new_zeros(len(piece.rows), u.shape[1])
    return embedding_bag(piece.indices, u, piece.ptr, mode="sum")


def within_splits(store: Store, journal: Journal, edges: int) -> None:
    """Writes the graphs that the nodes of each split induce, all in one."""
    counts = journal.array("indptr", np.dtype(np.int64), ())
    kept = journal.array("indices", store.indices.dtype, ())
    counts.add(np.zeros(1, np.int64))
    for piece in Edges.of(store, within=True).pieces(None, edges, store.num_nodes):
        ends = np.append(piece.ptr.numpy(), len(piece.indices))[1:].astype(np.int64)
        counts.add(kept.length + ends)
        kept.add(piece.indices.numpy())
    journal.finish(indptr=counts, indices=kept)


def open_within(journal: Journal) -> Edges:
    """What :func:`within_splits` wrote."""
    indptr = journal.file("indptr")
    return Edges(
        np.memmap(indptr.path, indptr.dtype, "r", indptr.offset, indptr.shape),
        journal.file("indices"),
    )


def _ranges(total: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, step):
        yield start, min(start + step, total)
