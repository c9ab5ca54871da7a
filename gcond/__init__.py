"""Dataset condensation on graphs: learn a tiny synthetic graph that trains GNNs like the whole.

Names are imported when they are used, so that ``import gcond`` and ``gcond --help`` are quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gcond.condensation import condense
    from gcond.condensed import Condensed
    from gcond.datasets import GraphSet, ImageSet, NodeData, list_datasets, load_dataset
    from gcond.evaluation import Comparison, Evaluation, Search, compare, evaluate, fit, search
    from gcond.methods import get_method, list_methods
    from gcond.reproduction import Reproduction, reproduce

_HOMES = {
    "condense": "gcond.condensation",
    "Condensed": "gcond.condensed",
    "compare": "gcond.evaluation",
    "Comparison": "gcond.evaluation",
    "evaluate": "gcond.evaluation",
    "Evaluation": "gcond.evaluation",
    "fit": "gcond.evaluation",
    "get_method": "gcond.methods",
    "GraphSet": "gcond.datasets",
    "ImageSet": "gcond.datasets",
    "list_datasets": "gcond.datasets",
    "list_methods": "gcond.methods",
    "load_dataset": "gcond.datasets",
    "reproduce": "gcond.reproduction",
    "Reproduction": "gcond.reproduction",
    "NodeData": "gcond.datasets",
    "search": "gcond.evaluation",
    "Search": "gcond.evaluation",
}

__all__ = [
    "Comparison",
    "Condensed",
    "Evaluation",
    "GraphSet",
    "ImageSet",
    "NodeData",
    "Reproduction",
    "Search",
    "compare",
    "condense",
    "evaluate",
    "fit",
    "get_method",
    "list_datasets",
    "list_methods",
    "load_dataset",
    "reproduce",
    "search",
]


_MODULES = ("datasets",)
"""Parts with names of their own, as in ``gcond.datasets.generate``."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"gcond.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gcond' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
