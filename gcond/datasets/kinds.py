"""What there is to condense: nodes of a graph, sets of graphs, images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gcond.datasets.convert import as_task
from gcond.datasets.convert_images import as_image_task, holds_images
from gcond.datasets.convert_sets import as_set_task, holds_graphs
from gcond.graph.large.memory import Memory
from gcond.graph.sets.task import SetTask
from gcond.graph.task import NodeTask, Setting
from gcond.image.task import ImageTask
from gcond.matching.device import CPU, placed
from gcond.methods import Items

AnyTask = NodeTask | SetTask | ImageTask


@dataclass(frozen=True)
class Opening:
    """How a dataset is opened, whatever it holds.

    Args:
        root: Folder of the datasets, for names.
        setting: ``"transductive"`` or ``"inductive"``, for nodes.
        normalize: Preprocessing: its name, or the one that a set was condensed under.
        split: Number of the split.
        memory: Most memory while a graph that is kept on disk is propagated.
        device: Where what is done with it takes place.
    """

    root: str | Path | None = None
    setting: Setting | None = None
    normalize: Any = "auto"
    split: int = 0
    memory: Memory = None
    device: torch.device = CPU


@dataclass(frozen=True)
class Kind:
    """One of the things there are to condense.

    Args:
        items: What is counted.
        what: What a dataset of it is called.
        holds: Whether something given as a dataset is one.
        open: Makes a task of it.
        key: What a run on a task is known by besides its data.
        has_setting: Whether it can be transductive or inductive.
    """

    items: Items
    what: str
    holds: Callable[[Any], bool]
    open: Callable[[Any, Opening], AnyTask]
    key: Callable[[Any], dict[str, str]]
    has_setting: bool = False

    @property
    def size(self) -> str:
        """Name of the argument that gives a number of items."""
        return f"num_{self.items}"


def _nodes(dataset: Any, how: Opening) -> NodeTask:
    task = as_task(
        dataset,
        root=how.root,
        setting=how.setting,
        normalize=how.normalize,
        split=how.split,
        memory=how.memory,
    )
    return placed(task, how.device)


def _graphs(dataset: Any, how: Opening) -> SetTask:
    task = as_set_task(dataset, root=how.root, normalize=how.normalize, split=how.split)
    return placed(task, how.device)


def _images(dataset: Any, how: Opening) -> ImageTask:
    task = as_image_task(dataset, root=how.root, normalize=how.normalize, split=how.split)
    return placed(task, how.device)


NODES = Kind(
    "nodes",
    "one graph",
    lambda dataset: True,
    _nodes,
    lambda task: {"setting": task.setting, "preprocess": task.preprocess.kind},
    has_setting=True,
)
GRAPHS = Kind(
    "graphs",
    "a set of graphs",
    holds_graphs,
    _graphs,
    lambda task: {"setting": "graphs", "preprocess": task.encoding.kind},
)
IMAGES = Kind(
    "images",
    "a set of images",
    holds_images,
    _images,
    lambda task: {"setting": "images", "preprocess": str(task.scale)},
)
KINDS = (IMAGES, GRAPHS, NODES)
"""In the order in which they are asked; what no other kind holds are nodes."""


def kind_of(dataset: Any) -> Kind:
    """What a dataset holds."""
    return next(kind for kind in KINDS if kind.holds(dataset))
