"""What the pages of results share: which run a cell shows, and on what it ran."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

Figures = dict[str, Any]


def longest(rows: Iterable[tuple[Hashable, Figures]]) -> dict[Any, Figures]:
    """Of equal cells the one of most trainings, of those the last."""
    cells: dict[Any, Figures] = {}
    for cell, row in rows:
        if cell not in cells or len(row["test"]) >= len(cells[cell]["test"]):
            cells[cell] = row
    return cells


def hardware(abouts: Iterable[Figures]) -> str:
    """Machines and versions of runs, each once."""
    kinds = sorted({(about["machine"], about["torch"], about["threads"]) for about in abouts})
    runs = [f"{machine}, torch {torch}, threads {threads}" for machine, torch, threads in kinds]
    return f"Hardware: {'; '.join(runs)}."
