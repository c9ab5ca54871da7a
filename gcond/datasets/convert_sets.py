"""Whatever describes labelled graphs becomes a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcond.datasets.big import base_of
from gcond.datasets.graph_set import GraphSet, is_set
from gcond.datasets.named_sets import list_sets, load_set
from gcond.graph.sets.encoding import fit
from gcond.graph.sets.packed import spans
from gcond.graph.sets.task import SetTask


def holds_graphs(dataset: Any) -> bool:
    """Whether something given as a dataset is a set of graphs: a name of one, a PyG ``Dataset``
    or a list of several graphs, a :class:`GraphSet`, or a task made of one."""
    if isinstance(dataset, str):
        return dataset.lower() in list_sets()
    return isinstance(dataset, SetTask) or is_set(dataset)


def as_set_task(
    dataset: Any,
    *,
    root: str | Path | None = None,
    normalize: str = "auto",
    split: int = 0,
) -> SetTask:
    """Turns whatever describes labelled graphs into a task; nothing is changed.

    Args:
        dataset: A name, a PyG ``Dataset``, a list of ``Data``, or a :class:`GraphSet`.
        root: Folder of the datasets, for names.
        normalize: Encoding of the node features, see :func:`gcond.graph.sets.encoding.fit`.
        split: Number of the split, where it is ours to draw.

    Raises:
        ValueError: The graphs cannot be condensed; the message says why and what to do.
    """
    if isinstance(dataset, SetTask):
        return dataset
    if isinstance(dataset, GraphSet):
        data = dataset
    elif isinstance(dataset, str):
        data = load_set(dataset, base_of(root), split)
    else:
        data = GraphSet.from_pyg(dataset, split=split)
    graphs, train = data.graphs, torch.as_tensor(data.index["train"])
    encoding = fit(normalize, graphs.x, spans(graphs.ptr[train], graphs.sizes[train]))
    names = np.array(data.label_names)
    y = data.y if data.y.ndim == 2 else np.searchsorted(names, data.y)
    return SetTask(
        name=data.name,
        graphs=graphs,
        y=y,
        index=data.index,
        num_classes=len(names),
        encoding=encoding,
        metric=data.metric,
        fingerprint=data.fingerprint,
        label_names=data.label_names,
        split=data.split,
    )
