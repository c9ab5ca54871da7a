"""Sampled neighbourhoods of the rows of a step, of graphs in memory and on disk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gcond.graph.edge_lists import Adjacency, Array, FromDisk, InMemory, adjacency_of
from gcond.graph.task import NodeTask

__all__ = [
    "Adjacency",
    "FromDisk",
    "Hop",
    "InMemory",
    "SampledLayers",
    "SampledSubgraph",
    "adjacency_of",
    "hop",
]


@dataclass(frozen=True, eq=False)
class Hop:
    """Sampled edges into some nodes.

    Args:
        reach: Nodes in sight, the given ones first.
        rows: Given node of each edge, by position.
        columns: Where it comes from, by position in ``reach``.
        weights: Weight of the edge itself.
        share: How many edges of the graph it stands for.
    """

    reach: Array
    rows: Array
    columns: Array
    weights: Array
    share: Array


def hop(adjacency: Adjacency, nodes: Array, fanout: int, generator: torch.Generator) -> Hop:
    """All edges of nodes that have at most ``fanout`` of them, so many of the others', drawn with
    replacement; each stands for its share of the node's edges, so that sums are unbiased."""
    degree = np.asarray(adjacency.degrees(nodes))
    taken = np.minimum(degree, fanout)
    rows = np.repeat(np.arange(len(nodes)), taken)
    ranks = np.arange(len(rows)) - np.repeat(np.cumsum(taken) - taken, taken)
    drawn = torch.rand(len(rows), generator=generator, dtype=torch.float64).numpy()
    ranks = np.where(degree[rows] > fanout, (drawn * degree[rows]).astype(np.int64), ranks)
    found, weights = adjacency.at(nodes[rows], ranks)
    kept = weights != 0
    rows, found, weights = rows[kept], found[kept].astype(np.int64), weights[kept]
    reach, columns = _grown(nodes, found)
    return Hop(reach, rows, columns, weights, (degree / np.maximum(taken, 1))[rows])


def _grown(known: Array, found: Array) -> tuple[Array, Array]:
    """Nodes with those that were found after them, none twice, and where each found one stands."""
    every = np.concatenate([known, np.setdiff1d(found, known)])
    order = np.argsort(every, kind="stable")
    return every, order[np.searchsorted(every[order], found)]


@dataclass(frozen=True, eq=False)
class SampledLayers:
    r"""Sampled receptive fields of a graph convolutional network, layer by layer, as edges.

    A node's sum over its neighbours becomes its own term and :math:`\frac{\deg}{f}` times the sum
    over ``f`` sampled ones, whose expectation is :math:`\hat A H`.

    Args:
        task: The graph.
        fanouts: Neighbours drawn of a node, by layer, the one next to the prediction first.
    """

    task: NodeTask
    fanouts: tuple[int, ...]
    draws = True

    @cached_property
    def _graph(self) -> tuple[Adjacency, Array]:
        return adjacency_of(self.task)

    def take(
        self, rows: Tensor, dtype: torch.dtype, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        adjacency, nodes = self._graph
        generator = generator or torch.Generator().manual_seed(0)
        reach, position = np.unique(nodes[rows.numpy()], return_inverse=True)
        blocks: list[tuple[Tensor, ...]] = []
        for fanout in self.fanouts:
            found = hop(adjacency, reach, fanout, generator)
            here, there = reach[found.rows], found.reach[found.columns]
            entries = adjacency.normalised(here, there, found.weights) * found.share
            own = np.arange(len(reach))
            blocks.append(
                (
                    torch.from_numpy(np.concatenate([own, found.rows])),
                    torch.from_numpy(np.concatenate([own, found.columns])),
                    torch.from_numpy(np.concatenate([adjacency.loops(reach), entries])).to(dtype),
                )
            )
            reach = found.reach
        x = torch.from_numpy(adjacency.features(reach)).to(dtype)
        *outer, first = blocks
        size = int(first[0].max()) + 1
        inner = x.new_zeros(size, x.shape[1])
        inner.index_add_(0, first[0], x[first[1]] * first[2][:, None])
        flat = tuple(tensor for block in reversed(outer) for tensor in block)
        return (inner, *flat), torch.from_numpy(position)


@dataclass(frozen=True, eq=False)
class SampledSubgraph:
    """Sampled neighbourhoods as one graph in PyG's form, for any module: edges that were drawn,
    each once, with their weights in the graph.

    Args:
        task: The graph.
        fanouts: Neighbours drawn of a node, by hop from the rows of the step.
    """

    task: NodeTask
    fanouts: tuple[int, ...]
    draws = True

    @cached_property
    def _graph(self) -> tuple[Adjacency, Array]:
        return adjacency_of(self.task)

    def take(
        self, rows: Tensor, dtype: torch.dtype, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        adjacency, nodes = self._graph
        generator = generator or torch.Generator().manual_seed(0)
        reach, position = np.unique(nodes[rows.numpy()], return_inverse=True)
        edges: list[Array] = []
        front = np.arange(len(reach))
        for fanout in self.fanouts:
            found = hop(adjacency, reach[front], fanout, generator)
            sources = found.reach[found.columns]
            grown, columns = _grown(reach, sources)
            edges.append(np.stack([columns, front[found.rows], found.weights]))
            front, reach = np.arange(len(reach), len(grown)), grown
        every = np.unique(np.concatenate(edges, 1), axis=1)
        x = torch.from_numpy(adjacency.features(reach)).to(dtype)
        index = torch.from_numpy(every[:2].astype(np.int64))
        return (x, index, torch.from_numpy(every[2]).to(dtype)), torch.from_numpy(position)
