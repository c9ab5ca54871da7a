"""The hash of a graph, labels and split, the same for the same content in any storage."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import scipy.sparse as sp

from gcond.graph.task import Split

ROWS = 4096
"""Rows of a matrix that are looked at together."""


class Entries:
    """Hash of a matrix ``[n, d]`` that is given row after row: of its non-zero entries, of their
    columns, and of their number by row; so dense and sparse matrices agree.

    Args:
        shape: Its shape.
    """

    def __init__(self, *shape: int) -> None:
        self._hashes = [hashlib.sha256(str(shape).encode()) for _ in range(3)]

    def add(self, rows: Any) -> None:
        """The next rows, an ndarray or CSR."""
        for start in range(0, rows.shape[0], ROWS):
            self._add(*_nonzero(rows[start : start + ROWS]))

    def add_ones(self, counts: Any, columns: Any) -> None:
        """The next rows of a sparse matrix of ones."""
        self._add(np.ones(len(columns), np.float32), columns, counts)

    def _add(self, data: Any, columns: Any, counts: Any) -> None:
        for found, part in zip(self._hashes, (data, columns, counts), strict=True):
            kind = np.float32 if part is data else np.int64
            found.update(np.ascontiguousarray(part, dtype=kind).data)

    def digest(self) -> bytes:
        """The hash of what was given."""
        return b"".join(found.digest() for found in self._hashes)


def joined(x: Entries, adj: Entries, y: Any, index: dict[Split, Any]) -> str:
    """Hash of features, edges, class numbers, and nodes of each split."""
    digest = hashlib.sha256(x.digest() + adj.digest())
    for part in (y, *index.values()):
        digest.update(np.ascontiguousarray(part, dtype=np.int64).tobytes())
    return digest.hexdigest()


def of_stored(x: Entries, adj: Entries, y: Any, split: Any) -> str:
    """The same from the parts of a store, whose classes are numbered already."""
    index: dict[Split, Any] = {
        "train": np.flatnonzero(split == 0),
        "val": np.flatnonzero(split == 1),
        "test": np.flatnonzero(split == 2),
    }
    return joined(x, adj, np.maximum(y, 0), index)


def _nonzero(rows: Any) -> tuple[Any, Any, Any]:
    """Non-zero entries row after row, their columns, and their number by row."""
    if sp.issparse(rows):
        rows = sp.csr_array(rows)
        return rows.data, rows.indices, np.diff(rows.indptr)
    there = rows != 0
    if there.all():  # as dense features mostly are
        height, width = rows.shape
        return rows, np.tile(np.arange(width), height), np.full(height, width)
    return rows[there], np.nonzero(there)[1], there.sum(1)
