"""What a long run has measured so far, so that one that is cut short goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gcond.condensed.container import replace_file


class Pieces:
    """Measurements by name, in ``NAME.pieces.json`` beside the JSON of a run until it has ended.

    Args:
        result: The JSON that the run will write; without one nothing is kept.
        about: What the run is: pieces of another one are not taken.
    """

    def __init__(self, result: Path | None, about: dict[str, Any]) -> None:
        self.path = result and result.with_suffix(".pieces.json")
        self.about = about
        self.known: dict[str, Any] = {}
        if self.path and self.path.exists():
            found = json.loads(self.path.read_text())
            if found["about"] != about:
                raise SystemExit(f"{self.path} is of another run; delete it or name another --json")
            self.known = found["pieces"]

    def of(self, name: str, measure: Callable[[], Any]) -> Any:
        """What is known by this name, measured if nothing is."""
        if name not in self.known:
            self.known[name] = measure()
            if self.path:
                text = json.dumps({"about": self.about, "pieces": self.known})
                replace_file(self.path, text.encode())
        return self.known[name]

    def end(self) -> None:
        """The result has it all."""
        if self.path:
            self.path.unlink(missing_ok=True)


def joined(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Measurements as one: their lists one after the other, their texts, which are equal, once."""
    return {
        key: value if isinstance(value, str) else [v for each in found for v in each[key]]
        for key, value in found[0].items()
    }
