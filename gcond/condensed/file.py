"""The file of a condensed set: safetensors with a JSON header."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gcond import config
from gcond.condensed.provenance import History, Source
from gcond.graph.preprocess import Preprocess

if TYPE_CHECKING:
    from gcond.condensed.result import Condensed

FORMAT = 1


def write(condensed: Condensed, path: Path) -> None:
    """Writes the file, whole or not at all; the same set gives the same bytes."""
    from safetensors.torch import save

    header = {
        "format": FORMAT,
        "kind": "nodes",
        "source": {
            **asdict(condensed.source),
            "preprocess": config.to_plain(condensed.source.preprocess),
        },
        "config": condensed.config,
        "seed": condensed.seed,
        "scores": condensed.history.scores,
        "selected_step": condensed.history.selected_step,
        "versions": condensed.versions,
    }
    tensors = {
        "x": condensed.x.contiguous(),
        "edge_index": condensed.edge_index.contiguous(),
        "edge_weight": condensed.edge_weight.contiguous(),
        "y": condensed.y.contiguous(),
        "losses": torch.tensor(condensed.history.losses, dtype=torch.float64),
    }
    content = save(tensors, {"gcond": json.dumps(header, sort_keys=True)})
    _replace(path, content)


def read(path: Path) -> dict[str, Any]:
    """Fields of the condensed set in a file written by :func:`write`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a condensed dataset, or of a newer format.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; gcond condense --out writes one")
    try:
        with safe_open(str(path), "pt") as file:
            header = json.loads((file.metadata() or {})["gcond"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a condensed dataset of gcond ({error})") from error
    if header["format"] > FORMAT:
        raise ValueError(
            f"{path} has format {header['format']}, this version reads up to {FORMAT}; "
            "upgrade gcond"
        )
    source = header["source"]
    preprocess = config.from_plain(source["preprocess"], {"Preprocess": Preprocess})
    labels = tuple(source["label_names"])
    losses = tuple(tensors.pop("losses").tolist())
    scores = {int(step): score for step, score in header["scores"].items()}
    return {
        **{name: tensors[name] for name in ("x", "edge_index", "edge_weight", "y")},
        "source": Source(**{**source, "preprocess": preprocess, "label_names": labels}),
        "config": header["config"],
        "seed": header["seed"],
        "history": History(losses, scores, header["selected_step"]),
        "versions": header["versions"],
    }


def _replace(path: Path, content: bytes) -> None:
    """Writes beside the target and renames, so that a file is there whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    try:
        os.replace(file.name, path)  # noqa: PTH105 - atomic within a folder
    except OSError:
        Path(file.name).unlink(missing_ok=True)
        raise
