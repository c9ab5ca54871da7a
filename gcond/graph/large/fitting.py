"""Preprocessing fitted on a store, in one pass over its features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gcond.graph.large.reading import File
from gcond.graph.preprocess import (
    NORMALISATIONS,
    Normalisation,
    Preprocess,
    lengthening,
)
from gcond.graph.store import Store

Array = np.ndarray[Any, Any]

PIECE = 1 << 25
"""Bytes of features that are looked at together."""


def chunks(store: Store) -> Iterator[tuple[slice, Array]]:
    """A store's features in single precision, some rows at a time."""
    file = File.of(store.x)
    step = max(PIECE // (4 * file.shape[1]), 1)
    for start in range(0, file.shape[0], step):
        stop = min(start + step, file.shape[0])
        yield slice(start, stop), file.read(start, stop).astype(np.float32, copy=False)


def fitted(kind: Normalisation | Preprocess, store: Store) -> Preprocess:
    """:func:`gcond.graph.preprocess.fit` on a store.

    Raises:
        ValueError: The kind is unknown.
    """
    if isinstance(kind, Preprocess):
        return kind
    if kind not in NORMALISATIONS:
        raise ValueError(f"unknown normalisation {kind!r}; choose one of {NORMALISATIONS}")
    if kind in ("row", "none"):
        return Preprocess(kind)
    train, found = np.asarray(store.split) == 0, _Sums(store.num_features)
    for rows, x in chunks(store):
        found.see(x, train[rows])
    if kind == "auto" and found.lowest >= 0:
        return Preprocess("row", scale=lengthening(found.shortened, found.count))
    return Preprocess("standard", *found.moments())


class _Sums:
    """What a fit needs to know of features, added up."""

    def __init__(self, width: int) -> None:
        self.lowest, self.count, self.shortened = np.inf, 0, 0.0
        self.shift: Array | None = None
        self.total, self.squares = np.zeros(width), np.zeros(width)

    def see(self, x: Array, train: Array) -> None:
        self.lowest = min(self.lowest, float(x.min(initial=0)))
        rows = x[train]
        if not len(rows):
            return
        if self.shift is None:
            # Squares are added up about a mean, so that small deviations from it survive.
            self.shift = rows.mean(0, dtype=np.float64)
        self.count += len(rows)
        apart = rows - self.shift
        self.total += apart.sum(0)
        self.squares += np.square(apart, out=apart).sum(0)
        if self.lowest >= 0:
            self.shortened += float(np.square(Preprocess("row")(rows), dtype=np.float64).sum())

    def moments(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Means and standard deviations, the latter one where a column is constant."""
        assert self.shift is not None, "a task has training nodes"
        mean = self.total / self.count
        std = np.sqrt(np.maximum(self.squares / self.count - mean**2, 0))
        std[std < 1e-12] = 1
        return tuple((self.shift + mean).tolist()), tuple(std.tolist())
