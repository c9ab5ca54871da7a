"""Numbers out of range are refused where a choice is made, before any work is done."""

from __future__ import annotations

import math
from collections.abc import Sequence


def at_least(least: float, **values: float) -> None:
    """Refuses values that are below a bound or not finite.

    Raises:
        ValueError: ``rank must be at least 1, got 0``.
    """
    for name, value in values.items():
        if not (value >= least and math.isfinite(value)):
            raise ValueError(f"{name} must be at least {least:g}, got {value}")


def positive(**values: float) -> None:
    """Refuses values that are not positive or not finite.

    Raises:
        ValueError: ``lr must be positive, got 0.0``.
    """
    for name, value in values.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive, got {value}")


def share(**values: float) -> None:
    """Refuses values outside ``[0, 1)``.

    Raises:
        ValueError: ``dropout must be from 0 to below 1, got 1.0``.
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be from 0 to below 1, got {value}")


def known(names: Sequence[str], **values: str) -> None:
    """Refuses names that are none of those given.

    Raises:
        ValueError: ``pooling must be 'mean' or 'sum', got 'max'``.
    """
    for name, value in values.items():
        if value not in names:
            allowed = " or ".join(repr(each) for each in names)
            raise ValueError(f"{name} must be {allowed}, got {value!r}")
