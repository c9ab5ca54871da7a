"""Whatever describes a graph with labelled nodes becomes a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from gcond.datasets import big
from gcond.datasets.fingerprint import Entries, joined
from gcond.datasets.named import list_datasets, load_dataset
from gcond.datasets.named_sets import list_sets
from gcond.datasets.node_data import NodeData
from gcond.datasets.raw import Raw
from gcond.graph.large.disk import OnDisk
from gcond.graph.large.fitting import fitted
from gcond.graph.large.memory import Memory, in_bytes
from gcond.graph.preprocess import Normalisation, Preprocess, fit
from gcond.graph.store import Store, is_store
from gcond.graph.task import NodeTask, Setting, Split


def as_task(
    dataset: Any,
    *,
    root: str | Path | None = None,
    setting: Setting | None = None,
    normalize: Normalisation | Preprocess = "auto",
    split: int = 0,
    memory: Memory = None,
) -> NodeTask:
    """Turns whatever describes a graph with labelled nodes into a task; nothing is changed.

    Args:
        dataset: A name, a PyG ``Dataset`` with one graph, a PyG ``Data``, a networkx graph, a
            :class:`NodeData`, or a :class:`gcond.graph.store.Store` or its folder. The split of a
            ``NodeData`` was chosen when it was made.
        root: Folder of the datasets, for names.
        setting: ``"transductive"`` or ``"inductive"``; by default the dataset's usual one, which
            is inductive for Flickr and Reddit.
        normalize: Preprocessing of the features, see :func:`gcond.graph.preprocess.fit`; a fitted
            one is applied as it is. ``"auto"`` is the dataset's usual one where it has one:
            ``"standard"`` for Flickr, Reddit and OGB's graphs.
        split: Column of the masks, where a dataset brings several splits.
        memory: Most memory of the process while it propagates a graph that is kept on disk;
            bytes, a text such as ``"4GB"``, by default half of the machine's.

    Raises:
        TypeError: The dataset is of a kind that is not known.
        ValueError: The data cannot be condensed; the message says why and what to do.
    """
    if isinstance(dataset, NodeTask):
        return dataset
    if setting not in (None, "transductive", "inductive"):
        raise ValueError(f"setting must be 'transductive' or 'inductive', got {setting!r}")
    limit = in_bytes(memory)
    opened = _opened(dataset, root)
    usual = big.usual_of(opened)
    setting = setting or usual.setting
    normalize = usual.normalize if isinstance(normalize, str) and normalize == "auto" else normalize
    if isinstance(opened, Store):
        if split:
            raise ValueError(f"split={split}, but {opened.name} has one split; use split=0")
        return _on_disk(opened, setting, normalize, limit)
    data = _node_data(opened, root, split)
    index: dict[Split, Any] = {
        "train": np.flatnonzero(data.masks["train"]),
        "val": np.flatnonzero(data.masks["val"]),
        "test": np.flatnonzero(data.masks["test"]),
    }
    names = data.label_names
    y = np.searchsorted(names, data.y).clip(0, len(names) - 1)
    prepared = fit(normalize, data.x, index["train"])
    return NodeTask(
        name=data.name,
        x=prepared(data.x),
        adj=data.adj,
        y=y,
        index=index,
        num_classes=len(names),
        setting=setting,
        preprocess=prepared,
        fingerprint=_fingerprint(data.x, data.adj, y, index),
        label_names=names,
        split=data.split,
    )


def _on_disk(
    store: Store, setting: Setting, normalize: Normalisation | Preprocess, memory: int
) -> NodeTask:
    """A task whose features stay where they are."""
    index: dict[Split, Any] = {"train": store.rows("train"), "val": store.rows("val")}
    index["test"] = store.rows("test")
    labelled = np.concatenate(list(index.values()))
    if (store.y[labelled] < 0).any():
        raise ValueError(f"{store.name} has nodes in a split that have no label")
    counts = np.bincount(store.y[index["train"]], minlength=store.num_classes)
    if not counts.all():
        raise ValueError(
            f"{store.name} has no training nodes of the classes {np.flatnonzero(counts == 0)}; "
            "every class needs one"
        )
    disk = OnDisk(store, fitted(normalize, store), setting, memory)
    return NodeTask(
        name=store.name,
        x=disk,
        adj=None,
        y=store.y,
        index=index,
        num_classes=store.num_classes,
        setting=setting,
        preprocess=disk.preprocess,
        fingerprint=store.about.get("fingerprint", store.digest),
        label_names=tuple(range(store.num_classes)),
    )


def _opened(dataset: Any, root: str | Path | None) -> Any:
    """A big graph or a store opened; anything else as it is."""
    if isinstance(dataset, str) and big.is_big(dataset):
        return big.open_big(dataset, big.base_of(root))
    if isinstance(dataset, Path) or (isinstance(dataset, str) and is_store(dataset)):
        return Store.open(dataset)
    return dataset


def _node_data(dataset: Any, root: str | Path | None, split: int) -> NodeData:
    """Whatever was given, as arrays."""
    from torch_geometric.data import Data, Dataset

    if isinstance(dataset, NodeData):
        return dataset
    if isinstance(dataset, Raw):
        return big.node_data(dataset, split)
    if isinstance(dataset, str) and dataset.lower() not in list_sets():
        return NodeData.from_pyg(load_dataset(dataset, root), split=split)
    if isinstance(dataset, nx.Graph):
        return NodeData.from_networkx(dataset, split=split)
    if isinstance(dataset, Data):
        return NodeData.from_pyg(dataset, split=split)
    if isinstance(dataset, Dataset) or (isinstance(dataset, list | tuple) and dataset):
        if len(dataset) == 1 and isinstance(dataset[0], Data):
            name = getattr(dataset, "name", None)
            return NodeData.from_pyg(
                dataset[0], name=name if isinstance(name, str) else None, split=split
            )
        raise ValueError(
            f"a dataset of {len(dataset)} graphs is a task on graphs, not on the nodes of one; "
            "give one graph with node labels here, or the dataset to gcond.condense"
        )
    raise TypeError(
        f"cannot condense a {type(dataset).__name__}; give a name ({', '.join(list_datasets())}), "
        "a PyG Dataset with one graph, a PyG Data with x, edge_index, y and masks, a networkx "
        "graph, gcond.NodeData.from_arrays(...), or the folder of a graph on disk"
    )


def _fingerprint(x: Any, adj: Any, y: Any, index: dict[Split, Any]) -> str:
    """Hash of a graph, labels and split, whether the features are stored sparse or dense."""
    entries = Entries(*x.shape), Entries(*adj.shape)
    for found, matrix in zip(entries, (x, adj), strict=True):
        found.add(matrix)
    return joined(*entries, y, index)
