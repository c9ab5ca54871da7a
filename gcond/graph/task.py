"""A node classification task: one graph, its labels and its split."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.graph.large.disk import OnDisk
from gcond.graph.large.propagation import Report
from gcond.graph.preprocess import Preprocess
from gcond.graph.propagation import mix, normalise, propagate
from gcond.matching.device import CPU

Setting = Literal["transductive", "inductive"]
Split = Literal["train", "val", "test"]
Indices = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class NodeTask:
    """One graph with prepared features and a split.

    In the inductive setting each split is a graph of its own, induced by its nodes, as in the
    inductive experiments of `"Graph Condensation for Graph Neural Networks"
    <https://arxiv.org/abs/2110.07580>`_; in the transductive one all of them see the whole graph.

    Args:
        name: Name of the dataset.
        x: Features ``[N, d]`` after preprocessing, an ndarray or a CSR matrix; or a graph that
            is kept on disk.
        adj: Adjacency ``[N, N]``, CSR, row ``i`` holding the edges into node ``i``; ``None`` for
            a graph on disk.
        y: Labels ``[N]`` from 0 to ``num_classes - 1``, as given for unlabelled nodes.
        index: Nodes of each split.
        num_classes: Number of classes.
        setting: ``"transductive"`` or ``"inductive"``.
        preprocess: What was done to the features.
        fingerprint: Hash of the source, so that a result is not scored on other data.
        label_names: Original label of each class.
        split: Number of the split, where the data brings several.
        soft: Labels as distributions ``[N, C]``, where a label source gives them.
        trust: How sure the label source is of each label ``[N]``.
        given: The task as it was given, where a label source speaks for its nodes.
        device: Where what is learned and trained lives; the graph itself, what is chosen among its
            nodes and its propagation stay where they are.

    Attributes:
        memory: Things found out about the task that are worth keeping, by what they are; empty in
            a task that is made from another one.
    """

    name: str
    x: Any
    adj: Any
    y: Indices
    index: dict[Split, Indices]
    num_classes: int
    setting: Setting
    preprocess: Preprocess
    fingerprint: str
    label_names: tuple[int, ...]
    split: int = 0
    soft: Indices | None = None
    trust: Indices | None = None
    given: NodeTask | None = None
    device: torch.device = CPU
    memory: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __repr__(self) -> str:
        sizes = "/".join(str(len(self.index[s])) for s in ("train", "val", "test"))
        return f"NodeTask({self.name}, {self.num_nodes} nodes, {sizes} train/val/test)"

    @property
    def num_nodes(self) -> int:
        """Nodes of the graph that is condensed: all, or the training graph's when inductive."""
        return len(self.index["train"]) if self.setting == "inductive" else int(self.x.shape[0])

    @property
    def num_items(self) -> int:
        """What is condensed is made of nodes."""
        return self.num_nodes

    @property
    def num_features(self) -> int:
        return int(self.x.shape[1])

    @cached_property
    def train_counts(self) -> list[int]:
        """Labelled training nodes of each class."""
        counts = np.bincount(self.y[self.index["train"]], minlength=self.num_classes)
        return [int(n) for n in counts]

    def labels(self, split: Split) -> Tensor:
        """Labels of a split's nodes."""
        return torch.as_tensor(self.y[self.index[split]], dtype=torch.long)

    @property
    def disk(self) -> OnDisk | None:
        """The graph, where it is kept on disk and only rows of it are at hand."""
        return self.x if isinstance(self.x, OnDisk) else None

    def affords(self, hops: int, alpha: float = 0.0) -> bool:
        """Whether propagated features cost little beside what is done anyway; of a graph on disk
        that are those which are computed once and kept."""
        return self.disk is None or self.disk.affords(hops, alpha)

    def reporting(self, report: Report) -> NodeTask:
        """The task, telling how far the propagation of a graph on disk is, from 0 to 1."""
        return self if self.disk is None else replace(self, x=replace(self.disk, report=report))

    def graph(self, split: Split) -> tuple[Any, Any, Indices]:
        """Normalised adjacency, features and rows of the graph that a split lives on.

        Raises:
            ValueError: The graph is kept on disk.
        """
        self._in_memory()
        if self.setting == "transductive":
            return self._a_hat, self.x, self.index[split]
        adj, x, rows = self.raw_graph(split)
        return normalise(adj), x, rows

    def raw_graph(self, split: Split) -> tuple[Any, Any, Indices]:
        """Weighted adjacency, features and rows of the graph that a split lives on.

        Raises:
            ValueError: The graph is kept on disk.
        """
        self._in_memory()
        rows = self.index[split]
        if self.setting == "transductive":
            return self.adj, self.x, rows
        return self.adj[rows][:, rows], self.x[rows], np.arange(len(rows))

    def features(self, split: Split, hops: int, alpha: float = 0.0) -> Any:
        r"""Rows of :math:`\hat A^K X` of a split's nodes, an ndarray or a CSR matrix, or
        :class:`gcond.graph.large.reading.Rows` of a graph on disk; with ``alpha`` as in
        :func:`gcond.graph.propagation.propagate`."""
        if self.disk is not None:
            return self.disk.features(self.index[split], hops, alpha)
        a_hat, x, rows = self.graph(split)
        return propagate(a_hat, x, hops, rows, alpha)

    def mixed(self, weights: Any, hops: int, alpha: float = 0.0) -> Any:
        """Weighted sums of propagated rows of the training nodes.

        Args:
            weights: CSR ``[m, n]`` with a column per training node.
            hops: Number of propagations.
            alpha: As for :meth:`features`.
        """
        if self.disk is not None:
            seen = np.unique(weights.indices)
            return weights[:, seen] @ self.features("train", hops, alpha)[seen]
        a_hat, x, nodes = self.graph("train")
        entries = weights.tocoo()
        shape = weights.shape[0], x.shape[0]
        spread = sp.csr_array((entries.data, (entries.row, nodes[entries.col])), shape=shape)
        return mix(a_hat, x, spread, hops, alpha)

    def between(self, nodes: Indices) -> Any:
        """Weighted edges among some nodes, CSR ``[m, m]``."""
        return self.adj[nodes][:, nodes] if self.disk is None else self.disk.between(nodes)

    def _in_memory(self) -> None:
        if self.disk is not None:
            raise ValueError(
                f"{self.name} is kept on disk, and this needs the whole graph in memory; use SGC "
                "or PropagatedMLP as the matching model, sampled neighbourhoods (fanouts=), and "
                "labels of the training nodes"
            )

    @cached_property
    def _a_hat(self) -> Any:
        return normalise(self.adj)

    @cached_property
    def feature_scale(self) -> float:
        """Root mean square of the features' entries."""
        if self.disk is not None:
            return self.disk.feature_scale
        data = self.x.data if sp.issparse(self.x) else self.x
        total = float(np.square(data, dtype=np.float64).sum())
        return float(np.sqrt(total / max(self.x.shape[0] * self.x.shape[1], 1))) or 1.0

    @property
    def nbytes(self) -> int:
        """Bytes of features and adjacency of the graph that is condensed, as they are stored,
        sparse ones as sparse."""
        if self.disk is not None:
            return self.disk.nbytes
        if self.setting == "inductive":
            rows = self.index["train"]
            return _nbytes(self.x[rows]) + _nbytes(self.adj[rows][:, rows])
        return _nbytes(self.x) + _nbytes(self.adj)


def _nbytes(matrix: Any) -> int:
    if sp.issparse(matrix):
        return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)
    return int(matrix.nbytes)
