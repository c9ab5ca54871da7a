"""A stored graph as the features of a task: what is known of it are rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from gcond.graph.large.cache import folder_of
from gcond.graph.large.edges import Edges
from gcond.graph.large.fitting import chunks
from gcond.graph.large.propagation import Precision, Propagation, Report, Which
from gcond.graph.large.reading import File, Rows
from gcond.graph.preprocess import Preprocess
from gcond.graph.store import Store

Array = np.ndarray[Any, Any]

SHARE = 4
"""Rows of a split are held in memory where they take at most this part of the budget."""


@dataclass(frozen=True, eq=False)
class OnDisk:
    r"""Features and edges of a graph that need not fit in memory.

    It is propagated once, out of core, and from then on it is a table with a row of
    :math:`\hat A^k X` for each node of a split; so a matching step costs what its rows cost,
    however large the graph is.

    Args:
        store: The graph.
        preprocess: What is done to its features.
        setting: ``"transductive"``, or ``"inductive"``: each split is a graph of its own.
        memory: Most bytes of the process while it propagates. Rows of a split are held in memory
            where they take at most a quarter of it.
        hops: Propagations that are computed together, the first time one is asked for.
        precision: Type in which propagated rows are kept.
        cache: Folder for them; see :func:`gcond.graph.large.cache.folder_of`.
        report: Told how far the propagation is, from 0 to 1.
    """

    store: Store
    preprocess: Preprocess
    setting: Literal["transductive", "inductive"]
    memory: int
    hops: int = 2
    precision: Precision = "float32"
    cache: Path | None = None
    report: Report = field(default=lambda share: None, repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        return self.store.num_nodes, self.store.num_features

    @property
    def nbytes(self) -> int:
        """Bytes of features and edges as they are stored."""
        store = self.store
        return int(store.x.nbytes + store.indices.nbytes + store.indptr.nbytes)

    def affords(self, hops: int, alpha: float) -> bool:
        """Whether these propagated rows come with those that are computed anyway."""
        return hops <= self.hops and alpha == 0

    def features(self, nodes: Array, hops: int, alpha: float = 0.0) -> Rows:
        r"""Rows of :math:`\hat A^k X` of nodes that belong to a split.

        Raises:
            ValueError: ``alpha`` is not 0.
        """
        if alpha:
            raise ValueError(
                f"alpha={alpha} needs features of the whole graph at every step, and this one is "
                "kept on disk; use alpha=0"
            )
        if hops == 0:
            return self.raw(nodes)
        return self._rows(self._table(hops)[f"hop{hops}"], np.searchsorted(self._kept, nodes))

    def raw(self, nodes: Array) -> Rows:
        """Prepared features of any nodes, not propagated."""
        return self._rows(File.of(self.store.x), nodes, self.preprocess)

    def everywhere(self, hops: int) -> Rows:
        """The same of all nodes, also of those that are in no split."""
        nodes = np.arange(self.store.num_nodes)
        if len(self._kept) == len(nodes):
            return self.features(nodes, hops)
        return self._rows(self._propagation(hops, "all").run(*self._where)[f"hop{hops}"], nodes)

    def _rows(self, file: File, numbers: Array, then: Preprocess | None = None) -> Rows:
        fits = len(numbers) * self.shape[1] * 4 <= self.memory // SHARE
        return Rows(file, numbers, fits, *([then] if then else []))

    def _table(self, hops: int) -> dict[str, File]:
        return self._first if hops <= self.hops else self._propagation(hops).run(*self._where)

    @cached_property
    def _first(self) -> dict[str, File]:
        return self._propagation(self.hops).run(*self._where)

    def _propagation(self, hops: int, which: Which = "labelled") -> Propagation:
        within = self.setting == "inductive"
        return Propagation(self.store, self.preprocess, hops, within, which, self.precision)

    @property
    def _where(self) -> tuple[Path, int, Report]:
        return folder_of(self.store, self.cache), self.memory, self.report

    @cached_property
    def _kept(self) -> Array:
        return np.flatnonzero(np.asarray(self.store.split) >= 0)

    def between(self, nodes: Array) -> Any:
        """Edges among some nodes, CSR ``[m, m]``."""
        order = np.argsort(nodes, kind="stable")
        ascending = nodes[order]
        rows, columns = [], []
        for i, node in enumerate(nodes):
            near = np.asarray(self.store.indices[slice(*self.store.indptr[[node, node + 1]])])
            first = np.searchsorted(ascending, near)
            last = np.searchsorted(ascending, near, "right")
            for a, b in zip(first[first < last], last[first < last], strict=True):
                rows += [i] * int(b - a)
                columns += order[a:b].tolist()
        ones = np.ones(len(rows), np.float32)
        return sp.csr_array((ones, (rows, columns)), shape=(len(nodes), len(nodes)))

    @cached_property
    def edges(self) -> Edges:
        """The adjacency that a split sees, to be read piece by piece."""
        return Edges.of(self.store, self.setting == "inductive")

    @cached_property
    def feature_scale(self) -> float:
        """Root mean square of the features' entries."""
        total = sum(float(np.square(x, dtype=np.float64).sum()) for x in self._prepared())
        return float(np.sqrt(total / max(self.shape[0] * self.shape[1], 1))) or 1.0

    def _prepared(self) -> Iterator[Array]:
        return (self.preprocess(rows) for _, rows in chunks(self.store))
