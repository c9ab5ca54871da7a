"""A graph classification task: many graphs, a label for each, and a split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gcond.graph.sets.encoding import Encoding
from gcond.graph.sets.packed import Blocks, Packed
from gcond.graph.task import Indices, Split
from gcond.matching.device import CPU

Metric = Literal["accuracy", "rocauc", "ap"]
PIECE = 4096
"""Graphs that are propagated together where all of them are."""


@dataclass(frozen=True, eq=False)
class SetTask:
    """Graphs with prepared features, labels and a split.

    Args:
        name: Name of the dataset.
        graphs: All graphs, with rows as the dataset has them.
        y: Class numbers ``[G]``, or for several labels per graph zeros, ones and NaN ``[G, T]``.
        index: Graphs of each split.
        num_classes: Number of classes, or of labels per graph.
        encoding: What models see of a node's row.
        metric: What is reported, ``"accuracy"`` unless the dataset says otherwise.
        fingerprint: Hash of the source, so that a result is not scored on other data.
        label_names: Original label of each class.
        split: Number of the split.
        device: Where what is learned and trained lives; the data itself stays where it is.
    """

    name: str
    graphs: Packed
    y: Any
    index: dict[Split, Indices]
    num_classes: int
    encoding: Encoding
    metric: Metric
    fingerprint: str
    label_names: tuple[int, ...]
    split: int = 0
    device: torch.device = CPU

    def __repr__(self) -> str:
        sizes = "/".join(str(len(self.index[s])) for s in ("train", "val", "test"))
        return f"SetTask({self.name}, {len(self.graphs)} graphs, {sizes} train/val/test)"

    @property
    def num_items(self) -> int:
        """Training graphs: those that are condensed."""
        return len(self.index["train"])

    @property
    def num_features(self) -> int:
        """Columns that models see."""
        return self.encoding.width

    @property
    def several(self) -> bool:
        """Whether graphs have several labels each."""
        return bool(self.y.ndim == 2)

    @cached_property
    def train_counts(self) -> list[int]:
        """Training graphs of each class; all in one where graphs have several labels."""
        if self.several:
            return [self.num_items]
        counts = np.bincount(self.y[self.index["train"]], minlength=self.num_classes)
        return [int(n) for n in counts]

    def labels(self, split: Split) -> Tensor:
        """Labels of a split's graphs."""
        return self.labels_of(self.numbers(split))

    def labels_of(self, graphs: Tensor) -> Tensor:
        """Labels of the graphs of the given numbers."""
        dtype = torch.float32 if self.several else torch.long
        return torch.as_tensor(self.y[graphs.numpy()], dtype=dtype)

    def numbers(self, split: Split) -> Tensor:
        """Numbers of a split's graphs."""
        return torch.as_tensor(self.index[split])

    def blocks(self, graphs: Tensor, pooling: str) -> Blocks:
        """The given graphs as pooling networks see them."""
        part = self.graphs.take(graphs)
        return Blocks.of(part, self.encoding(part.x), pooling)

    @cached_property
    def embeddings(self) -> Tensor:
        r"""Standardised means over nodes of :math:`[X, \hat A X, \hat A^2 X, \hat A^3 X]` of the
        training graphs ``[n, 4 d]``: what selectors look at."""
        found = torch.cat(
            [self._embedded(part) for part in torch.split(self.numbers("train"), PIECE)]
        )
        std = found.std(0, correction=0)
        return (found - found.mean(0)) / torch.where(std < 1e-9, 1, std)

    def _embedded(self, graphs: Tensor) -> Tensor:
        part = self.graphs.take(graphs)
        rows = self.encoding(part.x)
        _, a_hat, pool = Blocks.of(part, rows, "mean")
        means = [pool @ rows]
        for _ in range(3):
            rows = a_hat @ rows
            means.append(pool @ rows)
        return torch.cat(means, 1)

    @cached_property
    def mean_size(self) -> int:
        """Rounded mean number of nodes of the training graphs."""
        return max(1, round(float(self.graphs.sizes[self.numbers("train")].double().mean())))

    @property
    def nbytes(self) -> int:
        """Bytes of the training graphs as stored."""
        return self.graphs.take(self.numbers("train")).nbytes
