"""The page of results on sets of graphs, from the files that accuracy/graph_sets.py wrote."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from published import SETS as PUBLISHED

RESULTS = Path(__file__).parent / "results"
INTRODUCTION = """# Results on sets of graphs

Written by `python benchmarks/page.py` from the files in `benchmarks/results` that
`python benchmarks/accuracy/graph_sets.py NAME --json FILE` made.

Protocol `pool-200`, one set of defaults, test score in percent as mean ± std: accuracy over random
stratified 80/10/10 splits for TU sets, ROC-AUC by OGB's evaluator on its scaffold split for
molecules. Step sizes, distance and form of the features were chosen on validation scores of
ogbg-molbace and ogbg-molbbbp; starts and checkpoints, and what they are scored on, on those of
mutag, digits-graphs and ogbg-molbbbp. Where a cell of `doscond` has fewer than 9 trainings (15 for
TU sets, on 5 splits), it is a first reading. *Step 0* is the start of `doscond`, untouched by
matching: the best of herding, medoids and six random draws on validation and training graphs;
*edges of its start* learns the features only."""

NAMES = {
    "start": "doscond, step 0",
    "fixed": "doscond, edges of its start",
    "centroid": "centroid (medoids)",
    "gcond": "gcond (multi-step)",
}
ORDER = (
    *("random", "herding", "k-center", "centroid", "start", "doscond-x", "fixed", "doscond"),
    *("gcond", "whole"),
)


def page() -> str:
    """The whole page."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(RESULTS.glob("sets-*.json")):
        run = json.loads(file.read_text())
        found.setdefault(run["about"]["dataset"], []).append(run)
    return "\n\n".join([INTRODUCTION, *(_section(*each) for each in found.items()), READING])


def _section(dataset: str, runs: list[dict[str, Any]]) -> str:
    about, rows = runs[0]["about"], [row for run in runs for row in run["rows"] if row["test"]]
    cells = {(row["row"], row.get("per_class", 0)): row for row in rows}
    sizes = sorted({size for _, size in cells if size})
    lines = [
        f"## {dataset}\n",
        f"{about['metric']} %, {_seeds(cells, sizes)}; in brackets the median seconds of a "
        "condensation, on a shared machine.\n",
        f"| trained on | {' | '.join(f'{size} per class' for size in sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for name in ORDER:
        if name == "whole" and (name, 0) in cells:
            whole = _spread(cells[name, 0]["test"])
            lines.append(f"| whole | {' | '.join([whole] + [''] * (len(sizes) - 1))} |")
        elif any((name, size) in cells for size in sizes):
            shown = [_cell(cells.get((name, size))) for size in sizes]
            lines.append(f"| {NAMES.get(name, name)} | {' | '.join(shown)} |")
    for name in ORDER:
        if any((dataset, size, name) in PUBLISHED for size in sizes):
            shown = [PUBLISHED.get((dataset, size, name), "") for size in sizes]
            lines.append(f"| {name} as published | {' | '.join(shown)} |")
    return "\n".join(lines)


def _seeds(cells: dict[tuple[str, int], dict[str, Any]], sizes: list[int]) -> str:
    """How many trainings a number is the mean of; selectors without chance have fewer."""
    found = {
        size: len(cells["doscond", size]["test"]) for size in sizes if ("doscond", size) in cells
    }
    every = "; ".join(f"{n} at {size} per class" for size, n in found.items())
    return f"trainings of each learned number: {every or 'none yet'}"


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    seconds = statistics.median(row["seconds"])
    return _spread(row["test"]) + (f" ({seconds:.0f} s)" if seconds >= 1 else "")


def _spread(values: list[float]) -> str:
    return f"{statistics.fmean(values):.1f} ± {statistics.pstdev(values):.1f}"


READING = """## How to read this

The motifs are generated graphs whose nodes all look the same, so that only edges tell the classes
apart: there a form without edges is left with chance and luck. At one graph per class learned
features carry a gain over random and over selected graphs on the molecules; learning the edges
adds little or nothing to them: `doscond-x` and the edges of the start do as well or better. On DD
medoids do as well as `doscond`. On MUTAG, at ten graphs per class on ogbg-molbbbp, and at one on
NCI1, random or selected graphs do as well as learned ones; at ten on NCI1 herding is clearly
better in a first reading on one split; at ten on ogbg-molbace herding nearly does. On
digits-graphs medoids are nearly as good as `doscond`, and both are far below the whole set.
Multi-step matching (`gcond`, measured when runs began at herding and kept their last step) takes
several times as long as one-step matching and is worse. Rows of learned graphs on ogbg-molhiv, and
at one graph per class on ogbg-molbace and (but for `doscond`) ogbg-molbbbp, were measured with up
to 1,000 real graphs of each class in the bank instead of 600 to 800.
"""
