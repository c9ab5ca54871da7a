"""Graphs as models are shown them, prepared once for all epochs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import scipy.sparse as sp
import torch
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from gcond.condensed import Condensed
from gcond.graph.propagation import to_sparse_tensor
from gcond.graph.receptive import compact
from gcond.graph.sources import to_edges
from gcond.graph.task import NodeTask, Split

Kind = Literal["weighted", "edges", "normalised", "no loops", "ones"]
"""``"weighted"``: ``x, edge_index, edge_weight``. ``"edges"``: ``x, edge_index`` of the edges from
the threshold up. The others are ``x`` and one CSR matrix with a row per target:
``D^-1/2 (A + I) D^-1/2``, ``D^-1/2 A D^-1/2``, or ones at the edges from the threshold up."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A graph in PyG's form, prepared once in each form that models ask for.

    Args:
        x: Features ``[N, d]``, dense or CSR.
        edge_index: Edges ``[2, E]``.
        edge_weight: Their weights ``[E]``.
    """

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor
    _ready: dict[tuple[Kind, float], tuple[Tensor, ...]] = field(default_factory=dict, repr=False)

    def to(self, device: torch.device) -> Graph:
        """The same graph on another device."""
        return Graph(self.x.to(device), self.edge_index.to(device), self.edge_weight.to(device))

    def inputs(self, kind: Kind, threshold: float, *, sparse: bool = False) -> tuple[Tensor, ...]:
        """What a model is called with; CSR features are made dense unless ``sparse`` is allowed."""
        if (kind, threshold) not in self._ready:
            self._ready[kind, threshold] = self._prepare(kind, threshold)
        return (self.x if sparse else self._dense, *self._ready[kind, threshold])

    @cached_property
    def _dense(self) -> Tensor:
        return self.x.to_dense()

    def _prepare(self, kind: Kind, threshold: float) -> tuple[Tensor, ...]:
        index, weight = self.edge_index, self.edge_weight
        if kind in ("edges", "ones"):
            index, weight = index[:, weight >= threshold], weight[weight >= threshold]
        if kind == "weighted":
            return index, weight
        if kind == "edges":
            return (index,)
        n = self.x.shape[0]
        if kind == "ones":
            weight = torch.ones_like(weight)
        else:
            loops = kind == "normalised"
            index, weight = gcn_norm(index, weight, n, add_self_loops=loops, dtype=self.x.dtype)
        places = index.flip(0).cpu().numpy()
        matrix = sp.coo_array((weight.cpu().numpy(), places), (n, n)).tocsr()
        return (to_sparse_tensor(matrix, self.x.dtype).to(self.x.device),)


@dataclass(frozen=True, eq=False)
class View:
    """A graph with the rows whose labels count.

    Args:
        graph: The graph.
        y: Labels of the rows: classes ``[m]`` or distributions ``[m, C]``.
        rows: Their numbers, all rows where this is ``None``.
    """

    graph: Graph
    y: Tensor
    rows: Tensor | None = None

    def to(self, device: torch.device) -> View:
        """The same on another device."""
        rows = None if self.rows is None else self.rows.to(device)
        return View(self.graph.to(device), self.y.to(device), rows)


def kept(condensed: Condensed, least: float) -> Condensed:
    """A condensed graph in single precision, without its edges below a weight."""
    return (condensed.compact(threshold=least, half=False) if least > 0 else condensed).full()


def of_condensed(full: Condensed) -> View:
    """A condensed graph in single precision, all of whose nodes are labelled."""
    return View(Graph(full.x, full.edge_index, full.edge_weight), full.targets)


class Real:
    """The real graphs of a task on its device, each prepared once for all models."""

    def __init__(self, task: NodeTask) -> None:
        self.task = task
        self._views: dict[Split, View] = {}

    def view(self, split: Split) -> View | None:
        """The graph that a split lives on with its rows, ``None`` where it has none."""
        if split not in self._views and len(self.task.index[split]):
            adj, x, rows = self.task.raw_graph(split)
            shared = self.task.setting == "transductive" and self._views
            where = self.task.device
            graph = next(iter(self._views.values())).graph if shared else _graph(adj, x).to(where)
            y, numbers = self.task.labels(split).to(where), torch.as_tensor(rows).to(where)
            self._views[split] = View(graph, y, numbers)
        return self._views.get(split)

    @property
    def train(self) -> View:
        """The training graph with its labelled rows."""
        view = self.view("train")
        assert view is not None, "a task has training nodes"
        return view


def _graph(adj: Any, x: Any) -> Graph:
    edge_index, edge_weight = to_edges(adj)
    return Graph(compact(x), edge_index, edge_weight)
