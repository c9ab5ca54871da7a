"""Neighbours of a node by their number, of graphs in memory and on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from gcond.graph.large.disk import OnDisk
from gcond.graph.task import NodeTask

Array = np.ndarray[Any, Any]


class Adjacency(Protocol):
    """Neighbours by number, without self-loops."""

    def degrees(self, nodes: Array) -> Array:
        """How many neighbours each node has."""

    def at(self, nodes: Array, ranks: Array) -> tuple[Array, Array]:
        """For each pair the node's neighbour of that rank, and the weight of its edge."""

    def normalised(self, rows: Array, columns: Array, weights: Array) -> Array:
        r"""Entries of :math:`\hat A` at edges of these weights."""

    def loops(self, nodes: Array) -> Array:
        r"""Diagonal entries of :math:`\hat A`."""

    def features(self, nodes: Array) -> Array:
        """Prepared features, dense."""


@dataclass(frozen=True, eq=False)
class InMemory:
    """Edges of the training graph of a task.

    Args:
        adj: Weighted adjacency, CSR; self-loops count for the normalisation only.
        x: Features, an ndarray or CSR.
    """

    adj: Any
    x: Any

    @cached_property
    def _plain(self) -> Any:
        plain = self.adj.tocsr(copy=True)
        plain.setdiag(0)
        plain.eliminate_zeros()
        return plain

    @cached_property
    def _loop(self) -> Array:
        diagonal = self.adj.diagonal()
        return np.asarray(np.where(diagonal == 0, 1, diagonal))

    @cached_property
    def _scale(self) -> Array:
        scale: Array = (np.asarray(self._plain.sum(1)).ravel() + self._loop) ** -0.5
        return scale

    def degrees(self, nodes: Array) -> Array:
        return np.asarray(np.diff(self._plain.indptr)[nodes])

    def at(self, nodes: Array, ranks: Array) -> tuple[Array, Array]:
        where = self._plain.indptr[nodes] + ranks
        return self._plain.indices[where], self._plain.data[where]

    def normalised(self, rows: Array, columns: Array, weights: Array) -> Array:
        return self._scale[rows] * weights * self._scale[columns]

    def loops(self, nodes: Array) -> Array:
        return np.asarray(self._scale[nodes] ** 2 * self._loop[nodes])

    def features(self, nodes: Array) -> Array:
        rows = self.x[nodes]
        return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)


@dataclass(frozen=True, eq=False)
class FromDisk:
    """Edges of a stored graph; in the inductive setting, those between training nodes.

    Args:
        disk: The graph.
    """

    disk: OnDisk

    @cached_property
    def _scale(self) -> Array:
        return self.disk.edges.scale()

    def degrees(self, nodes: Array) -> Array:
        indptr = self.disk.store.indptr
        return np.asarray(indptr[nodes + 1] - indptr[nodes])

    def at(self, nodes: Array, ranks: Array) -> tuple[Array, Array]:
        where = self.disk.store.indptr[nodes] + ranks
        found = self.disk.edges.indices.gather(where)
        weights = np.ones(len(found), np.float32)
        split = self.disk.edges.split
        if split is not None:
            # Edges that the training graph does not have weigh nothing.
            weights[split[found] != split[nodes]] = 0
        return found, weights

    def normalised(self, rows: Array, columns: Array, weights: Array) -> Array:
        return self._scale[rows] * weights * self._scale[columns]

    def loops(self, nodes: Array) -> Array:
        return self._scale[nodes] ** 2

    def features(self, nodes: Array) -> Array:
        return np.asarray(self.disk.raw(nodes))


def adjacency_of(task: NodeTask) -> tuple[Adjacency, Array]:
    """The training graph of a task, and its training nodes in it."""
    if task.disk is not None:
        return FromDisk(task.disk), task.index["train"]
    adj, x, nodes = task.raw_graph("train")
    return InMemory(adj, x), nodes
