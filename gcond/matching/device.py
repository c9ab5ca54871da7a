"""Where a computation takes place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import torch

CPU = torch.device("cpu")
T = TypeVar("T", bound=Any)

Device = str | torch.device | None
"""``"cpu"`` (``None`` too), ``"cuda"``, ``"cuda:1"``, or ``"auto"``: CUDA where there is some."""


def device_of(given: Device, environment: Mapping[str, str] = os.environ) -> torch.device:
    """The device that was asked for, once it is known to be there.

    Of several processes that ``torchrun`` started, each takes the CUDA device of its own number
    where ``"cuda"`` says no other.

    Raises:
        ValueError: There is no such device, or computations are not known to run on it.
    """
    if given is None:
        return CPU
    if given == "auto":
        given = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(given)
    except (RuntimeError, TypeError):
        raise _unknown(given) from None
    if device.type == "cpu" and not device.index:
        return CPU
    if device.type != "cuda":
        raise _unknown(given)
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not there:
        raise ValueError(
            f"device={str(given)!r} is not there: torch {torch.__version__} sees no CUDA device "
            "here; use device='cpu', or a torch that is built for your driver "
            "(https://pytorch.org/get-started)"
        )
    index = int(environment.get("LOCAL_RANK", "0")) if device.index is None else device.index
    if index >= there:
        raise ValueError(
            f"device={f'cuda:{index}'!r} is not there: the last one here is 'cuda:{there - 1}'; "
            "use that, or start no more processes than there are devices"
        )
    return torch.device("cuda", index)


def placed(task: T, device: torch.device) -> T:
    """A task on a device; the very same where it is there, with all that it has found out."""
    return task if task.device == device else replace(task, device=device)


def _unknown(given: object) -> ValueError:
    return ValueError(
        f"device must be 'cpu', 'cuda', 'cuda:N' or 'auto', got {str(given)!r}; others lack the "
        "double precision or the sparse products that are needed"
    )
