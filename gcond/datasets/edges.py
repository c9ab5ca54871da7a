"""Any stream of edges as the rows of a simple undirected graph, on disk where there are many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

IN_MEMORY = 1 << 22
"""Directed edges that are sorted together; more are put on disk by ranges of rows first."""

CHUNK = 1 << 20
"""Edges that are looked at together."""

MOST_FILES = 512


def neighbours(
    edges: Iterable[Array], num_nodes: int, scratch: Path, *, expected: int
) -> Iterator[tuple[Array, Array]]:
    """Both directions of every edge, each once and without self-loops, row after row.

    Edges are distributed over files by ranges of rows, 8 bytes each, and each range is sorted by
    itself, so that memory stays near 32 bytes for each of :data:`IN_MEMORY` edges, whatever their
    number; twice as much is needed where a range of rows holds twice its share.

    Args:
        edges: Edges ``[2, e]`` of whole numbers from 0 to ``num_nodes - 1``, in any order.
        num_nodes: Number of nodes.
        scratch: A folder for the files, which are gone in the end.
        expected: About how many edges there are; it chooses the number of files.

    Yields:
        Degrees ``[n]`` of the next ``n`` nodes, and their neighbours one after the other.

    Raises:
        ValueError: An edge names a node that is not there.
    """
    ranges = min(max(2 * expected // IN_MEMORY, 1), MOST_FILES)
    # A range is a power of two of rows, so that its number and the place in it are bits.
    low = max((max(num_nodes - 1, 0) // ranges).bit_length(), 1)
    wide = max((num_nodes - 1).bit_length(), 1)
    count = ((num_nodes - 1) >> low) + 1
    paths = [scratch / f"edges-{number}" for number in range(count)]
    try:
        _distribute(edges, num_nodes, low, wide, paths)
        for number, path in enumerate(paths):
            rows = min(1 << low, num_nodes - (number << low))
            yield _sorted(path, rows, wide)
            path.unlink()
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def _distribute(
    edges: Iterable[Array], num_nodes: int, low: int, wide: int, paths: list[Path]
) -> None:
    """Writes each directed edge to the file of its row, as one number."""
    files = [path.open("wb") for path in paths]
    kind = np.uint8 if len(paths) <= 256 else np.uint16
    try:
        for whole in edges:
            for start in range(0, whole.shape[1], CHUNK):
                part = whole[:, start : start + CHUNK].astype(np.int64)
                if part.size and not 0 <= part.min() <= part.max() < num_nodes:
                    raise ValueError(
                        f"edges name nodes {part.min()} to {part.max()}, but the graph has nodes "
                        f"0 to {num_nodes - 1}"
                    )
                part = part[:, part[0] != part[1]]
                row, column = np.concatenate([part, part[::-1]], 1)
                key = (row & ((1 << low) - 1)) << wide | column
                owner = (row >> low).astype(kind)
                order = np.argsort(owner, kind="stable")
                ends = np.cumsum(np.bincount(owner, minlength=len(paths)))
                for file, keys in zip(files, np.split(key[order], ends[:-1]), strict=True):
                    file.write(keys.data)
    finally:
        for file in files:
            file.close()


def _sorted(path: Path, rows: int, wide: int) -> tuple[Array, Array]:
    """Degrees and neighbours of one range of rows."""
    key = np.fromfile(path, dtype=np.int64)
    key.sort()
    if len(key):
        key = key[np.concatenate([[True], key[1:] != key[:-1]])]
    degrees = np.bincount(key >> wide, minlength=rows)
    column = key & ((1 << wide) - 1)
    return degrees, column.astype(np.int32 if wide <= 31 else np.int64)
