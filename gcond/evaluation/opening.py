"""The data that a set was condensed from, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gcond.condensed import Condensed
from gcond.datasets import (
    KINDS,
    AnyTask,
    GraphSet,
    ImageSet,
    Kind,
    NodeData,
    Opening,
    is_named,
    kind_of,
)
from gcond.graph.large.memory import Memory
from gcond.matching.device import CPU

SPLIT_ALREADY = NodeData, GraphSet, ImageSet
"""Data whose split was chosen when it was made."""


def reopened(
    condensed: Condensed,
    dataset: Any,
    normalize: Any,
    root: str | Path | None = None,
    memory: Memory = None,
    device: torch.device = CPU,
) -> Any:
    """The task that a set was condensed from, prepared as it was then; by default it is opened by
    the name it had.

    Raises:
        ValueError: The data cannot be opened by name, is of another kind, or is other data.
    """
    source = condensed.source
    kind = next(kind for kind in KINDS if kind.items == condensed.kind)
    what = "graph" if kind.items == "nodes" else kind.items
    data = _given_or_named(condensed, dataset, what)
    _check_kind(condensed, kind, data, what)
    split = 0 if isinstance(data, SPLIT_ALREADY) else source.split
    how = Opening(root, source.setting, normalize, split, memory, device)  # type: ignore[arg-type]
    task = kind.open(data, how)
    _check_same(condensed, task, what)
    return task


def _given_or_named(condensed: Condensed, dataset: Any, what: str) -> Any:
    """The dataset that was given, by default the name of the one that was condensed.

    Raises:
        ValueError: None was given, and the one that was condensed cannot be opened by name.
    """
    if dataset is not None:
        return dataset
    name = condensed.source.name
    if not is_named(name):
        raise ValueError(
            f"the set was condensed from {name!r}, which is no dataset that can be opened by name; "
            f"give the {what} as dataset="
        )
    return name


def _check_kind(condensed: Condensed, kind: Kind, data: Any, what: str) -> None:
    """Refuses data of another kind before it is opened.

    Raises:
        ValueError: It is of another kind than what the set was condensed from.
    """
    if kind_of(data) is not kind:
        given = repr(data) if isinstance(data, str) else f"the {type(data).__name__} given"
        raise _other(f"{kind.what} ({condensed.source.name}), and {given} is not one", what)


def _check_same(condensed: Condensed, task: AnyTask, what: str) -> None:
    """Refuses a task of other data than a set was condensed from.

    Raises:
        ValueError: It is of other data.
    """
    source = condensed.source
    if task.fingerprint != source.fingerprint:
        raise _other(
            f"other data ({source.name}, fingerprint {source.fingerprint[:8]}) than {task.name} "
            f"({task.fingerprint[:8]})",
            what,
        )


def _other(found: str, what: str) -> ValueError:
    return ValueError(
        f"this set was condensed from {found}; evaluate it on the {what}, labels and split it came "
        "from"
    )
