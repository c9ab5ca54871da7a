"""The data that a set was condensed from, and no other."""

from __future__ import annotations

from typing import Any

from gcond.condensed import Condensed
from gcond.datasets import AnyTask, is_named


def given_or_named(condensed: Condensed, dataset: Any, what: str) -> Any:
    """The dataset that was given, by default the name of the one that was condensed.

    Raises:
        ValueError: None was given, and the one that was condensed cannot be opened by name.
    """
    if dataset is not None:
        return dataset
    name = condensed.source.name
    if not is_named(name):
        raise ValueError(
            f"the set was condensed from {name!r}, which is no dataset that can be opened by name; "
            f"give the {what} as dataset="
        )
    return name


def check_same(condensed: Condensed, task: AnyTask, what: str) -> None:
    """Refuses a task of other data than a set was condensed from.

    Raises:
        ValueError: It is of other data.
    """
    source = condensed.source
    if task.fingerprint != source.fingerprint:
        raise ValueError(
            f"this set was condensed from other data ({source.name}, fingerprint "
            f"{source.fingerprint[:8]}) than {task.name} ({task.fingerprint[:8]}); evaluate it on "
            f"the {what}, labels and split it came from"
        )
