"""Whatever describes a graph with labelled nodes becomes a task."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from gcond.datasets import read
from gcond.datasets.named import list_datasets, load_dataset
from gcond.graph.preprocess import Normalisation, fit
from gcond.graph.task import NodeTask, Setting, Split


def as_task(
    dataset: Any,
    *,
    root: str | Path | None = None,
    setting: Setting = "transductive",
    normalize: Normalisation = "auto",
    split: int = 0,
) -> NodeTask:
    """Turns whatever describes a graph with labelled nodes into a task; nothing is changed.

    Args:
        dataset: A name, a PyG ``Dataset`` with one graph, or a PyG ``Data``.
        root: Folder of the datasets, for names.
        setting: ``"transductive"`` or ``"inductive"``.
        normalize: Preprocessing of the features, see :func:`gcond.graph.preprocess.fit`.
        split: Column of the masks, where a dataset brings several splits.

    Raises:
        TypeError: The dataset is of a kind that is not known.
        ValueError: The data cannot be condensed; the message says why and what to do.
    """
    if isinstance(dataset, NodeTask):
        return dataset
    data = _single(load_dataset(dataset, root) if isinstance(dataset, str) else dataset)
    name = _name(dataset, data)
    if setting not in ("transductive", "inductive"):
        raise ValueError(f"setting must be 'transductive' or 'inductive', got {setting!r}")
    n = read.num_nodes(data)
    x = read.features(data.x, n)
    adj = read.edges(data, n)
    labels, masks = read.labels(data, n), read.masks(data, n, split)
    index: dict[Split, Any] = {s: np.flatnonzero(mask) for s, mask in masks.items()}
    known = np.concatenate(list(index.values()))
    unlabelled = int((labels[known] < 0).sum())
    if unlabelled:
        raise ValueError(
            f"{unlabelled} nodes of the masks have no label (negative or NaN); leave them out of "
            "the masks"
        )
    names = np.unique(labels[known])
    y = np.searchsorted(names, labels).clip(0, len(names) - 1)
    read.check_classes(names, labels, index["train"])
    prepared = fit(normalize, x, index["train"])
    return NodeTask(
        name=name,
        x=prepared(x),
        adj=adj,
        y=y,
        index=index,
        num_classes=len(names),
        setting=setting,
        preprocess=prepared,
        fingerprint=_fingerprint(x, adj, y, index),
        label_names=tuple(int(v) for v in names),
    )


def _single(dataset: Any) -> Any:
    from torch_geometric.data import Data, Dataset

    if isinstance(dataset, Data):
        return dataset
    if isinstance(dataset, Dataset) or (isinstance(dataset, list | tuple) and dataset):
        if len(dataset) == 1 and isinstance(dataset[0], Data):
            return dataset[0]
        raise ValueError(
            f"a dataset of {len(dataset)} graphs is a task on graphs, which this version does "
            "not condense; give one graph with node labels"
        )
    raise TypeError(
        f"cannot condense a {type(dataset).__name__}; give a name ({', '.join(list_datasets())}), "
        "a PyG Dataset with one graph, or a PyG Data with x, edge_index, y and masks"
    )


def _name(dataset: Any, data: Any) -> str:
    if isinstance(dataset, str):
        return dataset.lower()
    for holder in (dataset, data):
        name = getattr(holder, "name", None)
        if isinstance(name, str) and name:
            return name.lower()
    return "graph"


def _fingerprint(x: Any, adj: Any, y: Any, index: dict[Split, Any]) -> str:
    digest = hashlib.sha256()
    for matrix in (x, adj):
        parts = (matrix.data, matrix.indices, matrix.indptr) if sp.issparse(matrix) else (matrix,)
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    for part in (y, *index.values()):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
