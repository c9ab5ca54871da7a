"""The file of a condensed set of graphs: what it has besides that of a single graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gcond import config
from gcond.condensed.container import FileError, number, whole
from gcond.condensed.provenance import Source
from gcond.graph.sets.encoding import Encoding

if TYPE_CHECKING:
    from gcond.condensed.result import Condensed

KIND = "graphs"
FIELDS = ("num_graphs", "metric")
"""Fields of the source that only sets of graphs have."""

Rules = Mapping[str, Callable[[Any], bool]]

_MORE: Rules = {
    "num_graphs": lambda v: whole(v, 1),
    "metric": lambda v: v in ("accuracy", "rocauc", "ap"),
    "preprocess": lambda v: isinstance(v, dict),
}
_FLOATS = (torch.float32, torch.float16)
_WHOLE = (torch.int64, torch.int32, torch.int16)


def tensors(condensed: Condensed) -> dict[str, Tensor]:
    """Tensors that only sets of graphs have; none for a single graph."""
    return {} if condensed.ptr is None else {"ptr": condensed.ptr}


def check_fields(found: dict[str, Any], rules: Rules) -> None:
    """Checks that a source has these fields, all of them valid, and no others."""
    for name, valid in rules.items():
        _that(name in found and valid(found[name]), f"source has no valid {name}")
    _that(found.keys() == rules.keys(), f"source has unknown fields: {found.keys() - rules.keys()}")


def source(found: dict[str, Any], rules: Rules) -> Source:
    """The source of a set of graphs; ``rules`` are those of a single graph."""
    check_fields(found, {**rules, **_MORE})
    encoding = _encoding(found["preprocess"], found["num_features"])
    labels = tuple(found["label_names"])
    return Source(**{**found, "preprocess": encoding, "label_names": labels})


def _encoding(plain: dict[str, Any], columns: int) -> Encoding:
    try:
        found = config.from_plain(plain, {"Encoding": Encoding})
    except ValueError as error:
        raise FileError(str(error)) from None
    _that(isinstance(found, Encoding) and found.columns == columns, "preprocess does not fit")
    one_hot, standard = found.kind == "one-hot", found.kind == "standard"
    _that(one_hot or standard or found.kind == "none", "preprocess has no valid kind")
    wanted = (1 if found.indicator else columns) if one_hot else 0
    _that(found.indicator in (0, columns), "preprocess has no valid indicator")
    _that(
        isinstance(found.categories, tuple)
        and len(found.categories) == wanted
        and all(isinstance(v, tuple) and v and all(map(_code, v)) for v in found.categories),
        f"preprocess must have the categories of {wanted} columns",
    )
    for values in (found.mean, found.std):
        fits = isinstance(values, tuple) and len(values) == (columns if standard else 0)
        _that(fits and all(map(number, values)), "preprocess has other means and deviations")
    _that(all(value > 0 for value in found.std), "deviations must be positive")
    kept: Encoding = found
    return kept


def _code(value: Any) -> bool:
    return whole(value, -(2**63))


def check(header: dict[str, Any], tensors: dict[str, Tensor], source: Source) -> None:
    """Checks shapes, types and ranges of all tensors."""
    wanted = {"x", "edge_index", "edge_weight", "y", "ptr", "losses"}
    _that(tensors.keys() == wanted, f"it holds the tensors {sorted(tensors)}")
    encoded = header.get("encoded")
    _that(isinstance(encoded, bool), "encoded must be true or false")
    x, y, ptr, edges = (tensors[name] for name in ("x", "y", "ptr", "edge_index"))
    weight, losses = tensors["edge_weight"], tensors["losses"]
    assert isinstance(source.preprocess, Encoding)
    columns = source.preprocess.width if encoded else source.num_features
    _that(x.dim() == 2 and x.shape[1] == columns and len(x) > 0, f"x has shape {list(x.shape)}")
    _that(x.dtype in (*_FLOATS, *_WHOLE), f"x has the type {x.dtype}")
    _that(ptr.dim() == 1 and ptr.dtype == torch.int64 and len(ptr) > 1, "ptr must be a list")
    _that(int(ptr[0]) == 0 and int(ptr[-1]) == len(x), "ptr does not fit x")
    _that(bool((ptr.diff() > 0).all()), "ptr must rise")
    _check_labels(y, len(ptr) - 1, len(source.label_names))
    _that(edges.dim() == 2 and len(edges) == 2 and edges.dtype in _WHOLE, "edge_index is no list")
    _that(bool((edges >= 0).all() and (edges < len(x)).all()), "edge_index names nodes beyond x")
    owner = torch.repeat_interleave(ptr.diff())[edges.long()]
    _that(bool((owner[0] == owner[1]).all()), "edge_index joins different graphs")
    _that(bool((edges[0].diff() >= 0).all()), "edge_index is not sorted")
    _that(weight.shape == edges.shape[1:] and weight.dtype in _FLOATS, "edge_weight does not fit")
    _that(losses.dim() == 1 and losses.dtype == torch.float64, "losses must be a list")
    for name in ("x", "edge_weight", "losses"):
        _that(bool(torch.isfinite(tensors[name]).all()), f"{name} is not finite")
    _that(bool((weight >= 0).all()), "edge weights must not be negative")


def _check_labels(y: Tensor, graphs: int, classes: int) -> None:
    if y.dim() == 2:
        known = y[~y.isnan()]
        fits = y.shape == (graphs, classes) and y.is_floating_point()
        _that(fits and bool(((known == 0) | (known == 1)).all()), "y must hold 0, 1 or NaN")
        return
    _that(y.dim() == 1 and len(y) == graphs and y.dtype in _WHOLE, "y must be a list of classes")
    _that(bool((y >= 0).all() and (y < classes).all()), "y names classes it does not have")


def _that(condition: bool, message: str) -> None:
    if not condition:
        raise FileError(message)
