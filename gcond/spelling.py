"""What a misspelt name probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(given: str, known: Iterable[str]) -> str:
    """``"did you mean 'gcond-x'? "``, or nothing where no known name is near.

    Example:
        >>> meant("gcond_y", ["gcond-x", "random"])
        "did you mean 'gcond-x'? "
    """
    spelled = {name.lower(): name for name in known}
    close = get_close_matches(given.lower().replace("_", "-"), spelled, 1)
    return f"did you mean {spelled[close[0]]!r}? " if close else ""
