"""A graph on disk as memory-mapped arrays, for graphs that need not fit in memory.

A store is a folder::

    meta.json     what it is: format, name, sizes, types, and a checksum of every array
    indptr.npy    int64 [N + 1]       neighbours of node i: indices[indptr[i]:indptr[i + 1]]
    indices.npy   int32 [E]           sorted, both directions, no self-loops, no edge twice
    x.npy         float32 [N, d]      features (or float16)
    y.npy         int64 [N]           classes, -1 where there is none
    split.npy     int8 [N]            0 training, 1 validation, 2 test, -1 none

``indices`` are int64 from :math:`2^{31}` nodes on. It is written from front to back in chunks and
appears under its name when it is whole; nothing in it is code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gcond.graph.array_file import Array, Growing, StoreError, blocks, damaged, mapped, sealed
from gcond.graph.store_format import PARTS, SPLITS, is_store, meta_of
from gcond.graph.store_writer import StoreWriter

__all__ = [
    "SPLITS",
    "Growing",
    "Store",
    "StoreError",
    "StoreWriter",
    "is_store",
    "mapped",
    "sealed",
]

ROWS = 1 << 20
"""Entries of ``indptr`` that are looked at together."""


@dataclass(frozen=True, eq=False)
class Store:
    """A graph on disk, opened for reading; nothing is read before it is asked for.

    Open one with :meth:`open`, write one with :class:`StoreWriter`.

    Args:
        folder: Where it is.
        name: Name of the dataset.
        num_classes: Number of classes.
        indptr: Where each node's neighbours begin ``[N + 1]``, int64.
        indices: Neighbours ``[E]``, int32 or int64.
        x: Features ``[N, d]``, float32 or float16.
        y: Classes ``[N]``, int64, -1 where there is none.
        split: Number of each node's split ``[N]``, int8, -1 for none.
        digest: Hash of everything in it, the same for the same content anywhere.
        about: What its maker wrote down about it.
    """

    folder: Path
    name: str
    num_classes: int
    indptr: Array
    indices: Array
    x: Array
    y: Array
    split: Array
    digest: str
    about: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = f"{self.num_nodes} nodes, {self.num_edges} edges, {self.num_features} features"
        return f"Store({self.name}, {sizes}, {self.num_classes} classes)"

    @property
    def num_nodes(self) -> int:
        return len(self.indptr) - 1

    @property
    def num_edges(self) -> int:
        """Directed edges, two for each undirected one."""
        return len(self.indices)

    @property
    def num_features(self) -> int:
        return int(self.x.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return int(sum(getattr(self, part).nbytes for part in PARTS))

    def rows(self, split: str) -> Array:
        """Nodes of a split, ascending."""
        return np.flatnonzero(np.asarray(self.split) == SPLITS.index(split))

    @staticmethod
    def open(folder: str | Path) -> Store:
        """Opens a store for reading. Sizes, types, the row pointers and 64 blocks of each array
        are compared with what was written, whatever its size; :meth:`verify` compares all of it.

        Raises:
            FileNotFoundError: There is no such store.
            StoreError: It is cut off, changed, mixed up with another one, or of a newer format.
        """
        folder = Path(folder)
        meta = meta_of(folder)
        arrays = {part: mapped(folder, part, meta["arrays"][part]) for part in PARTS}
        _check_pointers(folder, arrays["indptr"], len(arrays["indices"]))
        return Store(
            folder=folder,
            name=meta["name"],
            num_classes=meta["num_classes"],
            digest=meta["digest"],
            about=meta["about"],
            **arrays,
        )

    def verify(self) -> None:
        """Reads everything once and compares it with the checksums.

        Raises:
            StoreError: An array is not what was written.
        """
        arrays = meta_of(self.folder)["arrays"]
        for part in PARTS:
            found = hashlib.sha256()
            for block in blocks(self.folder / f"{part}.npy"):
                found.update(block)
            if found.hexdigest() != arrays[part]["sha256"]:
                raise damaged(self.folder, part, "does not match its checksum")


def _check_pointers(folder: Path, indptr: Array, edges: int) -> None:
    ends = int(indptr[0]), int(indptr[-1])
    ascends = all(
        bool((np.diff(indptr[start : start + ROWS + 1]) >= 0).all())
        for start in range(0, len(indptr) - 1, ROWS)
    )
    if ends != (0, edges) or not ascends:
        raise damaged(folder, "indptr", f"does not lead from 0 to the {edges} edges")
