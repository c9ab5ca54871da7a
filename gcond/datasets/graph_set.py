"""Many labelled graphs as plain tensors: what every kind of input becomes first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gcond.graph.sets.packed import Packed, packed
from gcond.graph.sets.task import Metric
from gcond.graph.task import Split

if TYPE_CHECKING:
    from torch_geometric.data import Data

Marks = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class GraphSet:
    """Labelled graphs with a split, as checked tensors; a sequence of PyG ``Data``.

    Build it with one of the constructors below; they refuse what they cannot use and never
    change what they are given.

    Args:
        graphs: All graphs. Edges are taken as undirected, each once, without self-loops.
        y: Labels as given ``[G]``, or several of them ``[G, T]`` with NaN where unknown.
        index: Graphs of each split.
        label_names: Original label of each class, in order.
        name: Name of the dataset.
        metric: What is reported.
        split: Number of the split.
    """

    graphs: Packed
    y: Any
    index: dict[Split, Any]
    label_names: tuple[int, ...]
    name: str = "graphs"
    metric: Metric = "accuracy"
    split: int = 0

    def __repr__(self) -> str:
        sizes = "/".join(str(len(self.index[s])) for s in ("train", "val", "test"))
        return f"GraphSet({self.name}, {len(self)} graphs, {sizes} train/val/test)"

    def __len__(self) -> int:
        return len(self.graphs)

    def __getitem__(self, number: int) -> Data:
        from torch_geometric.data import Data

        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} graphs, got number {number}")
        x, edge_index, _ = self.graphs.graph(number % len(self))
        return Data(x=x, edge_index=edge_index, y=torch.as_tensor(self.y[number])[None])

    def __iter__(self) -> Iterator[Data]:
        return (self[number] for number in range(len(self)))

    @property
    def fingerprint(self) -> str:
        """Hash of graphs, labels and split."""
        digest = hashlib.sha256()
        graphs = self.graphs
        for tensor in (graphs.x.double(), graphs.ptr, graphs.edge_index, graphs.edge_weight):
            digest.update(str(list(tensor.shape)).encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        for part in (self.y, *(self.index[s] for s in ("train", "val", "test"))):
            digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
        return digest.hexdigest()

    @staticmethod
    def from_pyg(
        graphs: Any,
        *,
        train: Any = None,
        val: Any = None,
        test: Any = None,
        name: str | None = None,
        metric: Metric | None = None,
        split: int = 0,
    ) -> GraphSet:
        """Graphs from a PyG ``Dataset`` or a list of ``Data`` with ``edge_index``, ``y`` and,
        unless all of them lack it, ``x``.

        A dataset that brings a split (``get_idx_split``, as OGB's) is split so. Other graphs are
        split 80/10/10 at random within each class, with ``split`` as the seed.

        Args:
            graphs: The graphs. Edge features are not used.
            train: Numbers of the training graphs, or a mask; with ``test``, instead of a split
                of ours.
            val: The same for validation graphs.
            test: The same for test graphs.
            name: What to call it.
            metric: ``"accuracy"``, ``"rocauc"`` or ``"ap"``; by default that of the dataset.
            split: Number of the split, where it is ours to draw.

        Raises:
            ValueError: The graphs cannot be condensed; the message says why and what to do.

        Example:
            >>> from torch_geometric.data import Data
            >>> edge = torch.tensor([[0, 1], [1, 0]])
            >>> graphs = [Data(x=torch.eye(2), edge_index=edge, y=i % 2) for i in range(20)]
            >>> GraphSet.from_pyg(graphs)
            GraphSet(graphs, 20 graphs, 16/2/2 train/val/test)
        """
        rows, edges, labels = [], [], []
        for number, data in enumerate(graphs):
            x, edge_index, y = _parts(number, data)
            rows.append(x)
            edges.append(edge_index)
            labels.append(y)
        if not rows:
            raise ValueError("the dataset has no graphs")
        widths = sorted({x.shape[1] for x in rows})
        if len(widths) > 1:
            first = next(i for i, x in enumerate(rows) if x.shape[1] != rows[0].shape[1])
            raise ValueError(
                f"graph {first} has {rows[first].shape[1]} node features, graph 0 has "
                f"{rows[0].shape[1]}; all graphs need the same columns"
            )
        lengths = sorted({len(y) for y in labels})
        if len(lengths) > 1:
            raise ValueError(f"graphs have different numbers of labels: {lengths}")
        given = {"train": train, "val": val, "test": test}
        if train is None and test is None and callable(getattr(graphs, "get_idx_split", None)):
            found = graphs.get_idx_split()
            given = {"train": found["train"], "val": found["valid"], "test": found["test"]}
        title = name or getattr(graphs, "name", None)
        measure = metric or _METRICS.get(str(getattr(graphs, "eval_metric", "")), "accuracy")
        return GraphSet.from_packed(
            packed(rows, edges),
            torch.stack(labels).numpy(),
            given,
            name=title if isinstance(title, str) else "graphs",
            metric=measure,
            split=split,
        )

    @staticmethod
    def from_packed(
        graphs: Packed,
        y: Any,
        given: dict[str, Any],
        *,
        name: str = "graphs",
        metric: Metric = "accuracy",
        split: int = 0,
    ) -> GraphSet:
        """Graphs that are packed already, with labels ``[G]`` or ``[G, T]`` and a split, which
        is drawn where all its parts are ``None``."""
        small = graphs.sizes.min() if len(graphs) else torch.tensor(0)
        if not len(graphs) or int(small) == 0:
            empty = int(graphs.sizes.argmin()) if len(graphs) else 0
            raise ValueError(f"graph {empty} has no nodes; leave it out")
        if not bool(torch.isfinite(graphs.x.double()).all()):
            raise ValueError("x has entries that are NaN or infinite; replace or drop them")
        if not graphs.edge_index.shape[1]:
            raise ValueError("no graph has an edge; a set of single nodes is no set of graphs")
        labels = _labels(np.asarray(y))
        if labels.ndim == 1 and len(np.unique(labels)) < 2:
            raise ValueError(f"all graphs have the label {labels[0]}; two classes are the least")
        index = _split(given, labels, split)
        names = np.arange(labels.shape[1]) if labels.ndim == 2 else np.unique(labels)
        if labels.ndim == 1:
            missing = sorted(set(names.tolist()) - set(labels[index["train"]].tolist()))
            if missing:
                raise ValueError(
                    f"no training graph has the label {missing[0]}; every class needs one: leave "
                    "its graphs out, or choose another split"
                )
        return GraphSet(
            graphs, labels, index, tuple(int(v) for v in names), name.lower(), metric, split
        )


_METRICS: dict[str, Metric] = {"rocauc": "rocauc", "ap": "ap", "acc": "accuracy"}


def _parts(number: int, data: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, edges and labels of one graph."""
    edge_index, y = getattr(data, "edge_index", None), getattr(data, "y", None)
    if edge_index is None:
        raise ValueError(
            f"graph {number} has no edge_index; an empty one is torch.empty(2, 0).long()"
        )
    if y is None:
        raise ValueError(f"graph {number} has no label; set data.y")
    x = getattr(data, "x", None)
    n = int(data.num_nodes or 0)
    x = torch.ones(n, 1, dtype=torch.long) if x is None else x.detach().cpu()
    x = x[:, None] if x.dim() == 1 else x
    edge_index = edge_index.detach().cpu().long()
    if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < len(x):
        raise ValueError(f"graph {number} has edges to nodes beyond the {len(x)} it has")
    labels = torch.as_tensor(y).detach().cpu().double().reshape(-1)
    return x, edge_index, labels


def _labels(y: Marks) -> Marks:
    """Class numbers ``[G]`` as whole numbers, or zeros and ones ``[G, T]``."""
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    known = ~np.isnan(y)
    if y.ndim == 2:
        if not np.isin(y[known], (0, 1)).all():
            raise ValueError(
                "several labels per graph must be 0, 1 or NaN; regression is not condensed here"
            )
        return y
    if not known.all():
        raise ValueError(f"graph {int(np.argmin(known))} has no label; leave it out")
    if (y != np.round(y)).any():
        raise ValueError(
            f"labels must be whole numbers, got {y[y != np.round(y)][0]:g}: regression is not "
            "condensed here; cut the target into classes first"
        )
    if (y < 0).any():
        raise ValueError(f"labels must not be negative, got {int(y.min())}")
    return y.astype(np.int64)


def _split(given: dict[str, Any], y: Marks, seed: int) -> dict[Split, Any]:
    if all(part is None for part in given.values()):
        return stratified(y, seed)
    if given["train"] is None or given["test"] is None:
        raise ValueError("a split needs train= and test=, graph numbers or masks")
    index: dict[Split, Any] = {}
    seen = np.zeros(len(y), dtype=int)
    for name in ("train", "val", "test"):
        part = np.asarray([] if given[name] is None else given[name])
        numbers = np.flatnonzero(part) if part.dtype == bool else part.astype(np.int64)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(y):
            raise ValueError(f"{name} names graphs beyond the {len(y)} there are")
        np.add.at(seen, numbers, 1)
        index[name] = numbers
    if seen.max() > 1:
        raise ValueError(f"graph {int(seen.argmax())} is in the split twice")
    if not len(index["train"]) or not len(index["test"]):
        raise ValueError("train and test must not be empty")
    return index


def stratified(y: Marks, seed: int, parts: int = 10) -> dict[Split, Any]:
    """One of ten ``parts`` each for validation and testing and the others for training, at
    random, within each class where items have one label."""
    rng = np.random.default_rng(seed)
    kinds = y if y.ndim == 1 else np.zeros(len(y), dtype=int)
    drawn: dict[Split, list[Marks]] = {"train": [], "val": [], "test": []}
    for c in np.unique(kinds):
        order = rng.permutation(np.flatnonzero(kinds == c))
        one = max(1, round(len(order) / parts)) if len(order) > 2 else 0
        drawn["test"].append(order[:one])
        drawn["val"].append(order[one : 2 * one])
        drawn["train"].append(order[2 * one :])
    return {name: np.sort(np.concatenate(found)) for name, found in drawn.items()}


def is_set(dataset: Any) -> bool:
    """Whether something given as a dataset is a list of several graphs."""
    from torch_geometric.data import Data, Dataset

    if isinstance(dataset, GraphSet):
        return True
    if isinstance(dataset, Dataset):
        return len(dataset) > 1
    listed = isinstance(dataset, Sequence) and not isinstance(dataset, str)
    return listed and len(dataset) > 1 and all(isinstance(g, Data) for g in dataset)
