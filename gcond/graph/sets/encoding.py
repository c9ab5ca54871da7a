"""How rows of nodes become the columns that models see, fitted on the training graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

ENCODINGS: tuple[str, ...] = ("auto", "one-hot", "standard", "none")
MOST_CATEGORIES = 1024
"""Whole numbers with more values than this are taken as measurements."""

Kind = Literal["one-hot", "standard", "none"]


@dataclass(frozen=True)
class Encoding:
    """A fitted encoding of node features.

    Args:
        kind: ``"one-hot"`` gives each value of each column that occurs in the training graphs a
            column of its own, and drops columns with one value; ``"standard"`` subtracts the
            mean and divides by the standard deviation; ``"none"`` takes numbers as they are.
        categories: Values of each column, for ``"one-hot"``.
        indicator: Width of the input where it is one indicator of a label (as TU datasets have
            it) instead of columns of codes; else 0.
        mean: Column means for ``"standard"``.
        std: Column standard deviations for ``"standard"``; one where a column is constant.
    """

    kind: Kind
    categories: tuple[tuple[int, ...], ...] = field(default=(), repr=False)
    indicator: int = 0
    mean: tuple[float, ...] = field(default=(), repr=False)
    std: tuple[float, ...] = field(default=(), repr=False)
    columns: int = 0

    @property
    def blocks(self) -> tuple[int, ...]:
        """Widths of the categorical blocks; empty where numbers are numbers."""
        return tuple(len(values) for values in self.categories if len(values) > 1)

    @property
    def width(self) -> int:
        """Columns that models see; one constant column where nothing varies."""
        return (sum(self.blocks) or 1) if self.kind == "one-hot" else self.columns

    def __call__(self, x: Tensor) -> Tensor:
        """Encodes rows ``[N, c]`` to ``[N, width]``; values not seen before become zeros."""
        if self.kind == "none":
            return x.float()
        if self.kind == "standard":
            return ((x.double() - torch.tensor(self.mean)) / torch.tensor(self.std)).float()
        codes = self._codes(x)
        hot = [
            (codes[:, i, None] == torch.tensor(values)).float()
            for i, values in enumerate(self.categories)
            if len(values) > 1
        ]
        return torch.cat(hot, 1) if hot else torch.ones(len(x), 1)

    def decode(self, encoded: Tensor) -> Tensor:
        """Rows in the form of the dataset: the most likely category of each block."""
        if self.kind == "none":
            return encoded
        if self.kind == "standard":
            return encoded * torch.tensor(self.std).to(encoded) + torch.tensor(self.mean).to(
                encoded
            )
        given = iter(torch.split(encoded, list(self.blocks), 1) if self.blocks else ())
        codes = torch.stack(
            [
                torch.tensor(values)[next(given).argmax(1)]
                if len(values) > 1
                else torch.full((len(encoded),), values[0])
                for values in self.categories
            ],
            1,
        )
        return one_hot(codes[:, 0], self.indicator).float() if self.indicator else codes

    def _codes(self, x: Tensor) -> Tensor:
        return x.argmax(1, keepdim=True) if self.indicator else x.long()


def fit(kind: Any, x: Tensor, train: Tensor) -> Encoding:
    """Fits an encoding on the training rows.

    ``"auto"`` is ``"one-hot"`` for whole numbers (atom types, node labels, indicators) and
    ``"standard"`` for measurements.

    Args:
        kind: One of the encodings, or ``"auto"``.
        x: Rows of all nodes ``[N, c]``.
        train: Numbers of the training graphs' rows.

    Raises:
        ValueError: The kind is unknown, or does not fit the features.
    """
    if kind not in ENCODINGS:
        raise ValueError(f"unknown normalisation {kind!r} for graphs; choose one of {ENCODINGS}")
    rows, c = x[train], x.shape[1]
    if kind in ("auto", "one-hot"):
        found = _categories(rows, is_indicator(x))
        if found is not None and (kind == "one-hot" or sum(map(len, found)) <= MOST_CATEGORIES):
            return Encoding("one-hot", found, c if is_indicator(x) else 0, columns=c)
        if kind == "one-hot":
            raise ValueError("one-hot encoding needs whole numbers; use normalize='standard'")
    if kind == "none":
        return Encoding("none", columns=c)
    mean, std = rows.double().mean(0), rows.double().std(0, correction=0)
    std[std < 1e-12] = 1
    return Encoding("standard", mean=tuple(mean.tolist()), std=tuple(std.tolist()), columns=c)


def is_indicator(x: Tensor) -> bool:
    """Whether every row has a single one among zeros, in a floating-point matrix."""
    if not x.is_floating_point() or x.shape[1] < 2:
        return False
    return bool(((x == 0) | (x == 1)).all() and (x.sum(1) == 1).all())


def _categories(rows: Tensor, indicator: bool) -> tuple[tuple[int, ...], ...] | None:
    if indicator:
        return (tuple(torch.unique(rows.argmax(1)).tolist()),)
    if rows.is_floating_point() and not bool((rows == rows.round()).all()):
        return None
    return tuple(tuple(torch.unique(column).tolist()) for column in rows.long().T)
