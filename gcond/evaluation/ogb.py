"""OGB's official evaluators, imported when a number of OGB is reported."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

from torch import Tensor

from gcond.datasets.ogb_nodes import PUBLISHED
from gcond.graph.sets.metrics import columns, score_of
from gcond.graph.sets.task import SetTask

_KEYS = {"rocauc": "rocauc", "ap": "ap", "accuracy": "acc"}


def official(task: SetTask, logits: Tensor, y: Tensor) -> float:
    """The metric of predictions ``[G, C]``, from 0 to 1, by OGB's evaluator where the dataset is
    one of OGB's; NaN where it is not defined."""
    if not task.name.startswith("ogbg-"):
        return score_of(logits, y, task.metric)
    predicted, truth = columns(logits, y)
    evaluator = _evaluator("graphproppred", task.name)
    found = evaluator.eval({"y_true": truth.numpy(), "y_pred": predicted.numpy()})
    return float(found[_KEYS[task.metric]])


def official_accuracy(name: str, logits: Tensor, y: Tensor) -> float:
    """Accuracy of predictions ``[n, C]`` of nodes, from 0 to 1, by OGB's evaluator: that of the
    dataset where it is one of OGB's, else that of ogbn-arxiv, which is the same."""
    known = {given.lower(): given for given in PUBLISHED}
    evaluator = _evaluator("nodeproppred", known.get(name.lower(), "ogbn-arxiv"))
    predicted = logits.argmax(-1, keepdim=True)
    return float(evaluator.eval({"y_true": y[:, None].numpy(), "y_pred": predicted.numpy()})["acc"])


@cache
def _evaluator(kind: str, name: str) -> Any:
    """OGB's evaluator from ``ogb.graphproppred`` or ``ogb.nodeproppred``."""
    # Importing ogb starts a thread that asks PyPI for its newest version; without the package
    # that asks, it does not.
    hidden = "outdated" not in sys.modules and "ogb" not in sys.modules
    if hidden:
        sys.modules["outdated"] = None  # type: ignore[assignment]
    try:
        return import_module(f"ogb.{kind}").Evaluator(name)
    finally:
        if hidden:
            del sys.modules["outdated"]
