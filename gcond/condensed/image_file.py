"""The file of a set of condensed images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gcond import config
from gcond.condensed.container import FileError, number, whole
from gcond.condensed.provenance import Source
from gcond.condensed.set_file import Rules, check_fields
from gcond.image.outcome import Steps
from gcond.image.task import PixelScale

if TYPE_CHECKING:
    from gcond.condensed.result import Condensed

KIND = "images"
FIELDS = ("shape",)
"""Fields of the source that only images have."""

_MORE: Rules = {
    "shape": lambda v: isinstance(v, list) and len(v) == 3 and all(whole(n, 1) for n in v),
}
_FLOATS = (torch.float32, torch.float16)
_WHOLE = (torch.int64, torch.int32, torch.int16)


def tensors(condensed: Condensed) -> dict[str, Tensor]:
    """What is stored: pixels, labels and, where it was learned, the training they belong to."""
    found = {"images": condensed.x, "y": condensed.y}
    return found | (condensed.steps._asdict() if condensed.steps is not None else {})


def fields(held: dict[str, Tensor]) -> dict[str, Any]:
    """The same as fields of a condensed set."""
    steps = Steps(held["lr"], held["batch"]) if "lr" in held else None
    return {
        "x": held["images"],
        "y": held["y"],
        "edge_index": torch.empty(2, 0, dtype=torch.long),
        "edge_weight": torch.empty(0),
        "steps": steps,
    }


def source(found: dict[str, Any], rules: Rules) -> Source:
    """The source of a set of images; ``rules`` are those that all sources share."""
    check_fields(found, {**rules, **_MORE})
    shape, labels = tuple(found["shape"]), tuple(found["label_names"])
    _that(found["num_features"] == shape[0] * shape[1] * shape[2], "shape does not fit")
    scale = _scale(found["preprocess"], shape[0])
    return Source(**{**found, "preprocess": scale, "label_names": labels, "shape": shape})


def _scale(plain: dict[str, Any], channels: int) -> PixelScale:
    try:
        found = config.from_plain(plain, {"PixelScale": PixelScale})
    except ValueError as error:
        raise FileError(str(error)) from None
    _that(isinstance(found, PixelScale), "preprocess is no scale of pixels")
    for values in (found.mean, found.std):
        fits = isinstance(values, tuple) and len(values) == channels and all(map(number, values))
        _that(fits, f"preprocess must have {channels} means and deviations")
    _that(all(value > 0 for value in found.std), "deviations must be positive")
    _that(number(found.top) and found.top > 0, "the value of a pixel that is 1 must be positive")
    kept: PixelScale = found
    return kept


def check(tensors: dict[str, Tensor], source: Source) -> None:
    """Checks shapes, types and ranges of all tensors."""
    wanted = {"images", "y", "losses"}
    optional = {"lr", "batch"}
    _that(tensors.keys() in (wanted, wanted | optional), f"it holds the tensors {sorted(tensors)}")
    x, y, losses = tensors["images"], tensors["y"], tensors["losses"]
    n = len(y) if y.dim() else 0
    _that(y.dim() == 1 and n > 0 and y.dtype in _WHOLE, "y must be a list of class numbers")
    fits = bool((y >= 0).all() and (y < len(source.label_names)).all())
    _that(fits, "y names classes it does not have")
    _that(source.shape is not None and x.shape == (n, *source.shape), f"images are {list(x.shape)}")
    _that(x.dtype in _FLOATS, f"images have the type {x.dtype}")
    _that(losses.dim() == 1 and losses.dtype == torch.float64, "losses must be a list")
    if "lr" in tensors:
        _check_steps(tensors["lr"], tensors["batch"], n)
    for name, tensor in tensors.items():
        _that(bool(torch.isfinite(tensor).all()), f"{name} is not finite")


def _check_steps(lr: Tensor, batch: Tensor, n: int) -> None:
    _that(lr.dim() == 1 and len(lr) > 0 and lr.is_floating_point(), "lr must be a list of steps")
    _that(batch.shape == (n,) and batch.dtype == torch.int64, "batch must name one for each image")
    present = torch.unique(batch)
    every = torch.equal(present, torch.arange(len(present)))
    _that(every, "batches must be numbered from 0 without gaps")


def _that(condition: bool, message: str) -> None:
    if not condition:
        raise FileError(message)
