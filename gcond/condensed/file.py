"""The file of a condensed set, and the check that one is what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gcond import config
from gcond.condensed import container, image_file, set_file
from gcond.condensed.container import FileError, number, whole
from gcond.condensed.provenance import History, Source
from gcond.graph.preprocess import KINDS, Preprocess

if TYPE_CHECKING:
    from gcond.condensed.result import Condensed

KIND = "nodes"
_FLOATS = (torch.float32, torch.float16)
_WHOLE = (torch.int64, torch.int32, torch.int16)


def write(condensed: Condensed, path: Path) -> None:
    """Writes the file, whole or not at all; the same set gives the same bytes."""
    source, kind = condensed.source, condensed.kind
    about = {**asdict(source), "preprocess": config.to_plain(source.preprocess)}
    own = {"nodes": (), set_file.KIND: set_file.FIELDS, image_file.KIND: image_file.FIELDS}
    for name in {*set_file.FIELDS, *image_file.FIELDS} - set(own[kind]):
        del about[name]
    header = {
        "source": about,
        "config": condensed.config,
        "seed": condensed.seed,
        "scores": condensed.history.scores,
        "selected_step": condensed.history.selected_step,
        "versions": condensed.versions,
    }
    if kind == set_file.KIND:
        header["encoded"] = condensed.encoded
    losses = torch.tensor(condensed.history.losses, dtype=torch.float64)
    container.write(path, kind, header, {**_tensors(condensed), "losses": losses})


def _tensors(condensed: Condensed) -> dict[str, Tensor]:
    if condensed.kind == image_file.KIND:
        return image_file.tensors(condensed)
    found = {name: getattr(condensed, name) for name in ("x", "edge_index", "edge_weight", "y")}
    if condensed.soft is not None:
        found["soft"] = condensed.soft
    return {**found, **set_file.tensors(condensed)}


def read(path: Path) -> dict[str, Any]:
    """Fields of the condensed set in a file written by :func:`write`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a condensed dataset, damaged, or of a newer format.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; gcond condense --out writes one")
    header, tensors = container.read(path, KIND, set_file.KIND, image_file.KIND)
    try:
        return _fields(header, tensors)
    except FileError as error:
        raise FileError(f"{path} is no valid condensed dataset: {error}") from None


def write_log(path: Path, seconds: float | None) -> None:
    """Writes what differs from run to run beside a file, where it is known."""
    log = container.beside(path, "log.json")
    if seconds is None:
        log.unlink(missing_ok=True)
    else:
        log.write_text(json.dumps({"seconds": seconds, "threads": torch.get_num_threads()}) + "\n")


def seconds_of(path: Path) -> float | None:
    """Wall-clock of the run from the log beside a file; a log is a convenience, and one that is
    missing or damaged is none."""
    try:
        found = json.loads(container.beside(path, "log.json").read_text())["seconds"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(found) if number(found) and found >= 0 else None


def _fields(header: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    about = _entry(header, "source", dict, "an object")
    kind = header["kind"]
    if kind == set_file.KIND:
        source = set_file.source(about, _RULES)
        set_file.check(header, tensors, source)
    elif kind == image_file.KIND:
        source = image_file.source(about, _RULES)
        image_file.check(tensors, source)
    else:
        source = _source(about)
        _check_tensors(tensors, source)
    configuration = _entry(header, "config", dict, "an object")
    if not isinstance(configuration.get("name"), str):
        raise FileError("the configuration has no name")
    scores = _entry(header, "scores", dict, "an object")
    for step, score in scores.items():
        if not re.fullmatch(r"\d{1,18}", step) or not number(score):
            raise FileError(f"scores has the entry {step!r:.40}: {score!r:.40}")
    versions = _entry(header, "versions", dict, "an object")
    if not all(isinstance(v, str) for v in versions.values()):
        raise FileError("versions must be texts")
    _that(whole(header.get("seed"), -(2**63)), "seed must be a whole number")
    _that(whole(header.get("selected_step")), "selected_step must be a whole number")
    losses = tuple(tensors["losses"].tolist())
    kept = {int(step): float(score) for step, score in scores.items()}
    return {
        **_held(kind, header, tensors),
        "source": source,
        "config": configuration,
        "seed": header["seed"],
        "history": History(losses, kept, header["selected_step"]),
        "versions": versions,
    }


def _held(kind: str, header: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Fields that are tensors, and what only a kind of set has."""
    if kind == image_file.KIND:
        return image_file.fields(tensors)
    found: dict[str, Any] = {
        name: tensors[name] for name in ("x", "edge_index", "edge_weight", "y")
    }
    if kind == set_file.KIND:
        return found | {"ptr": tensors["ptr"], "encoded": header["encoded"]}
    return found | {"soft": tensors.get("soft")}


_RULES: dict[str, Callable[[Any], bool]] = {
    "name": lambda v: isinstance(v, str),
    "num_nodes": lambda v: whole(v, 1),
    "num_features": lambda v: whole(v, 1),
    "label_names": lambda v: (
        isinstance(v, list)
        and len(v) > 1
        and all(whole(name, -(2**63)) for name in v)
        and len(set(v)) == len(v)
    ),
    "setting": lambda v: v in ("transductive", "inductive"),
    "fingerprint": lambda v: isinstance(v, str) and bool(re.fullmatch("[0-9a-f]{64}", v)),
    "preprocess": lambda v: isinstance(v, dict),
    "nbytes": whole,
    "split": whole,
}


def _source(found: dict[str, Any]) -> Source:
    set_file.check_fields(found, _RULES)
    preprocess = _preprocess(found["preprocess"], found["num_features"])
    labels = tuple(found["label_names"])
    return Source(**{**found, "preprocess": preprocess, "label_names": labels})


def _preprocess(plain: dict[str, Any], width: int) -> Preprocess:
    try:
        found = config.from_plain(plain, {"Preprocess": Preprocess})
    except ValueError as error:
        raise FileError(str(error)) from None
    _that(isinstance(found, Preprocess) and found.kind in KINDS, "preprocess has no valid kind")
    for values in (found.mean, found.std):
        wanted = width if found.kind == "standard" else 0
        fits = isinstance(values, tuple) and len(values) == wanted and all(map(number, values))
        _that(fits, f"preprocess must have {wanted} means and deviations")
    _that(all(value > 0 for value in found.std), "deviations must be positive")
    _that(number(found.scale) and found.scale > 0, "the scale of features must be positive")
    kept: Preprocess = found
    return kept


def _check_tensors(tensors: dict[str, Tensor], source: Source) -> None:
    wanted = {"x", "edge_index", "edge_weight", "y", "losses"}
    _that(tensors.keys() - {"soft"} == wanted, f"it holds the tensors {sorted(tensors)}")
    x, y, edges = tensors["x"], tensors["y"], tensors["edge_index"]
    weight, losses = tensors["edge_weight"], tensors["losses"]
    n, classes = len(y) if y.dim() else 0, len(source.label_names)
    _that(y.dim() == 1 and n > 0 and y.dtype in _WHOLE, "y must be a list of class numbers")
    _that(bool((y >= 0).all()) and bool((y < classes).all()), "y names classes it does not have")
    _that(x.shape == (n, source.num_features) and x.dtype in _FLOATS, f"x has shape {x.shape}")
    _that(edges.dim() == 2 and len(edges) == 2 and edges.dtype in _WHOLE, "edge_index is no list")
    inside = bool((edges >= 0).all()) and bool((edges < n).all())
    _that(inside, f"edge_index names nodes beyond the {n} it has")
    _that(weight.shape == edges.shape[1:] and weight.dtype in _FLOATS, "edge_weight does not fit")
    _that(losses.dim() == 1 and losses.dtype == torch.float64, "losses must be a list")
    for name in ("x", "edge_weight", "losses"):
        _that(bool(torch.isfinite(tensors[name]).all()), f"{name} is not finite")
    _that(bool((weight >= 0).all()), "edge weights must not be negative")
    if "soft" in tensors:
        _check_soft(tensors["soft"], n, classes)


def _check_soft(soft: Tensor, n: int, classes: int) -> None:
    fits = soft.shape == (n, classes) and soft.dtype in _FLOATS
    _that(fits, f"soft labels have shape {list(soft.shape)}, not {[n, classes]}")
    _that(bool((soft >= 0).all()), "soft labels must not be negative")
    # Half precision keeps three digits of each entry.
    total = soft.float().sum(1)
    _that(bool(((total - 1).abs() < 0.01).all()), "soft labels of a node must sum to one")


def _entry(header: dict[str, Any], key: str, kind: type, text: str) -> Any:
    value = header.get(key)
    _that(isinstance(value, kind), f"{key} must be {text}, found {value!r:.40}")
    return value


def _that(condition: bool, message: str) -> None:
    if not condition:
        raise FileError(message)
