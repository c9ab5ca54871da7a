"""OGB's official evaluator, imported when a number of OGB is reported."""

from __future__ import annotations

import sys
from typing import Any

from torch import Tensor

from gcond.graph.sets.metrics import columns, score_of
from gcond.graph.sets.task import SetTask

_KEYS = {"rocauc": "rocauc", "ap": "ap", "accuracy": "acc"}


def official(task: SetTask, logits: Tensor, y: Tensor) -> float:
    """The metric of predictions ``[G, C]``, from 0 to 1, by OGB's evaluator where the dataset is
    one of OGB's; NaN where it is not defined."""
    if not task.name.startswith("ogbg-"):
        return score_of(logits, y, task.metric)
    predicted, truth = columns(logits, y)
    found = _evaluator(task.name).eval({"y_true": truth.numpy(), "y_pred": predicted.numpy()})
    return float(found[_KEYS[task.metric]])


def _evaluator(name: str) -> Any:
    # Importing ogb starts a thread that asks PyPI for its newest version; without the package
    # that asks, it does not.
    hidden = "outdated" not in sys.modules and "ogb" not in sys.modules
    if hidden:
        sys.modules["outdated"] = None  # type: ignore[assignment]
    try:
        from ogb.graphproppred import Evaluator
    finally:
        if hidden:
            del sys.modules["outdated"]
    return Evaluator(name)
