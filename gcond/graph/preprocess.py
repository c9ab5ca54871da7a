"""Feature preprocessing: a visible choice that travels with the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

Normalisation = Literal["auto", "row", "standard", "none"]
KINDS: tuple[str, ...] = ("row", "standard", "none")
NORMALISATIONS: tuple[str, ...] = ("auto", *KINDS)


@dataclass(frozen=True)
class Preprocess:
    """A fitted transformation of node features.

    Args:
        kind: ``"row"`` divides each row by its sum of absolute values (PyG's
            ``NormalizeFeatures`` for non-negative features), ``"standard"`` subtracts the mean
            and divides by the standard deviation of the training nodes, ``"none"`` does nothing.
        mean: Column means for ``"standard"``.
        std: Column standard deviations for ``"standard"``; one where a column is constant.
        scale: One number that everything is multiplied by in the end.
    """

    kind: Literal["row", "standard", "none"]
    mean: tuple[float, ...] = field(default=(), repr=False)
    std: tuple[float, ...] = field(default=(), repr=False)
    scale: float = 1.0

    def __call__(self, x: Any) -> Any:
        """Transforms an ndarray or CSR matrix ``[N, d]``; sparse features stay sparse if the
        transformation allows it. The input is not changed.

        Raises:
            ValueError: It was fitted on rows of another width.
        """
        if self.kind == "none":
            return x
        if self.kind == "row":
            total = np.asarray(abs(x).sum(1)).ravel()
            scale = np.divide(1, total, where=total > 0, out=np.ones_like(total))
            scale = (self.scale * scale).astype(x.dtype)
            return (sp.diags_array(scale) @ x).tocsr() if sp.issparse(x) else x * scale[:, None]
        if x.shape[1] != len(self.mean):
            raise ValueError(
                f"the data has {x.shape[1]} features, this preprocessing was fitted on "
                f"{len(self.mean)}; give the data that the set was condensed from"
            )
        dense = x.toarray() if sp.issparse(x) else x
        mean, std = np.array(self.mean), np.array(self.std)
        out = np.empty(dense.shape, dtype=x.dtype)
        for start in range(0, len(dense), ROWS):  # double precision of a few rows only
            out[start : start + ROWS] = (dense[start : start + ROWS] - mean) / std
        return out


ROWS = 4096
"""Rows that are standardised together."""

SHORTEST = 0.15
"""Root mean square norm of rows below which ``"auto"`` lengthens them. Rows that sum to one are
the shorter the more entries they have; at .06 the models of the usual protocols hardly learn."""


def fit(kind: Normalisation | Preprocess, x: Any, train: Any) -> Preprocess:
    """Fits a preprocessing on the training rows; a fitted one passes through.

    ``"auto"`` is ``"row"`` for non-negative features (bags of words, counts, pixels) and
    ``"standard"`` for others (embeddings, measurements). Where rows that sum to one have a root
    mean square norm below 0.15, as those of long documents do, it also multiplies all of them by
    the one number that makes it 0.15.
    """
    if isinstance(kind, Preprocess):
        return kind
    if kind not in NORMALISATIONS:
        raise ValueError(f"unknown normalisation {kind!r}; choose one of {NORMALISATIONS}")
    if kind == "auto":
        lowest = x.data.min(initial=0) if sp.issparse(x) else x.min(initial=0)
        if lowest >= 0:
            return Preprocess("row", scale=_lengthening(Preprocess("row")(x[train])))
        kind = "standard"
    if kind != "standard":
        return Preprocess(kind)
    rows = x[train]
    rows = rows.toarray() if sp.issparse(rows) else rows
    mean, std = rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    std[std < 1e-12] = 1
    return Preprocess("standard", tuple(mean.tolist()), tuple(std.tolist()))


def _lengthening(rows: Any) -> float:
    data = rows.data if sp.issparse(rows) else rows
    return lengthening(float(np.square(data, dtype=np.float64).sum()), rows.shape[0])


def lengthening(squares: float, rows: int) -> float:
    """The number that gives so many rows, whose entries' squares have this sum, a root mean
    square norm of at least :data:`SHORTEST`."""
    norm = float(np.sqrt(squares / max(rows, 1)))
    return SHORTEST / norm if 0 < norm < SHORTEST else 1.0
