"""The file of an unfinished run, from which it continues bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gcond.condensed import container
from gcond.condensed.container import FileError, number, whole
from gcond.matching import Progress, Score

KIND = "checkpoint"

Key = dict[str, Any]
"""What a run is, as plain data: method, seed, counts and fingerprint of the data."""


def write(path: Path, key: Key, run: Progress) -> None:
    """Writes a snapshot of a run, whole or not at all."""
    header = {
        "key": key,
        "epoch": run.epoch,
        "scores": [[step, *score] for step, score in run.scores.items()],
        "best": None if run.best is None else list(run.best),
        "best_step": run.best_step,
        "scales": run.scales,
    }
    tensors = {"losses": torch.tensor(run.losses, dtype=torch.float64)}
    groups = {"state": run.state, "best": run.best_state}
    groups |= {f"adam.{part}": state for part, state in run.optimizers.items()}
    for group, held in groups.items():
        tensors |= {f"{group}/{name}": tensor for name, tensor in held.items()}
    container.write(path, KIND, header, tensors)


def read(path: Path, key: Key) -> Progress:
    """The run in a file, if it is the run that ``key`` describes.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, or belongs to another run; the message says what differs.
    """
    header, tensors = container.read(path, KIND)
    there = header.get("key")
    if there != key:
        raise ValueError(
            f"{path} is the checkpoint of another run: {_difference(there, key)}; run it with the "
            "settings it began with, or delete it to start anew"
        )
    try:
        return _progress(header, tensors)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FileError(f"{path} is no valid checkpoint ({error}); delete it") from error


def _progress(header: dict[str, Any], tensors: dict[str, Tensor]) -> Progress:
    groups: dict[str, dict[str, Tensor]] = {"state": {}, "best": {}}
    losses = tensors.pop("losses").tolist()
    for name, tensor in tensors.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = tensor
    state, best_state = groups.pop("state"), groups.pop("best")
    scores = {step: Score(*values) for step, *values in header["scores"]}
    best = None if header["best"] is None else Score(*header["best"])
    every = [*scores.values(), *([best] if best else [])]
    if not all(number(v) for score in every for v in score) or not all(map(whole, scores)):
        raise ValueError("its scores are no numbers")
    if not whole(header["epoch"]) or not whole(header["best_step"]) or not state:
        raise ValueError("it has no epoch or no state")
    return Progress(
        epoch=header["epoch"],
        state=state,
        optimizers={name.removeprefix("adam."): held for name, held in groups.items()},
        losses=losses,
        scores=scores,
        best=best,
        best_step=header["best_step"],
        best_state=best_state,
        scales={name: float(scale) for name, scale in header["scales"].items()},
    )


def _difference(there: Any, here: Any, path: str = "") -> str:
    """The first place where two pieces of plain data differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in sorted(there.keys() | here.keys()):
            if there.get(name) != here.get(name):
                return _difference(there.get(name), here.get(name), f"{path}.{name}".strip("."))
    return f"{path or 'its key'} was {there!r:.60} there and is {here!r:.60} here"
