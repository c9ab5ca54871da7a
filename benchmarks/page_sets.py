"""The page of results on sets of graphs, from the files that accuracy/graph_sets.py wrote."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import figures
from published import SETS as PUBLISHED

RESULTS = Path(__file__).parent / "results"
INTRODUCTION = """# Results on sets of graphs

Written by `python benchmarks/page.py` from the files in `benchmarks/results` that
`python benchmarks/accuracy/graph_sets.py NAME --json FILE` made.

Protocol `pool-200`, one set of defaults, test score in percent as mean ± std: accuracy over random
stratified 80/10/10 splits for TU sets, ROC-AUC by OGB's evaluator on its scaffold split for
molecules. Defaults were chosen on validation scores, never on test: distance and form of the
features on those of ogbg-molbace and ogbg-molbbbp, starts and checkpoints on those of mutag,
digits-graphs and ogbg-molbbbp, the step size of the features and how a set is scored inside a run
on those of nci1, mutag, digits-graphs, ogbg-molbace and ogbg-molbbbp. *[n]* marks a cell of fewer
than 9 trainings: a first reading. Where nothing is drawn, as by herding, a set is condensed once
per split. *Step 0* is the start of `doscond`, untouched by matching: the best of herding, medoids
and six random draws on validation and training graphs; *edges of its start* learns the features
only. Seconds are of a machine shared with other jobs and contain those in which a run waited."""

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
    sections = [_section(*each) for each in found.items()]
    hardware = figures.hardware(run["about"] for runs in found.values() for run in runs)
    return "\n\n".join([INTRODUCTION, hardware, *sections, *_speed(), READING])


def _section(dataset: str, runs: list[dict[str, Any]]) -> str:
    about, rows = runs[0]["about"], [row for run in runs for row in run["rows"] if row["test"]]
    cells = figures.longest(((row["row"], row.get("per_class", 0)), row) for row in rows)
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
            whole = _cell({**cells[name, 0], "seconds": [0]})
            lines.append(f"| whole | {' | '.join([whole] + [''] * (len(sizes) - 1))} |")
        elif any((name, size) in cells for size in sizes):
            shown = [_cell(cells.get((name, size))) for size in sizes]
            lines.append(f"| {NAMES.get(name, name)} | {' | '.join(shown)} |")
    for name in ORDER:
        if any((dataset, size, name) in PUBLISHED for size in sizes):
            shown = [PUBLISHED.get((dataset, size, name), "") for size in sizes]
            lines.append(f"| {name} as published | {' | '.join(shown)} |")
    return "\n".join(lines)


def _speed() -> list[str]:
    """Time of a step beside a plain loop, where it was measured."""
    file = RESULTS / "step-sets.json"
    if not file.exists():
        return []
    run = json.loads(file.read_text())
    about = run["about"]
    lines = [
        "## Time of a matching step\n",
        f"`python benchmarks/speed/graph_sets.py`, {about['per_class']} graphs per class, "
        f"{about['threads']} thread, {about['unit']} per step, medians of {about['repeats']} "
        f"turns.\n{SPEED}",
        "| dataset | plain loop | fresh models | ratio | bank, over 200 steps | ratio "
        "| a later step | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in run["rows"]:
        ours = [row[side] for side in ("fresh", "bank", "later")]
        cells = [f"{ms:.0f} | {row['plain'] / ms:.1f}x" for ms in ours]
        lines.append(f"| {row['dataset']} | {row['plain']:.0f} | {' | '.join(cells)} |")
    return ["\n".join(lines)]


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
    few = f" [{len(row['test'])}]" if len(row["test"]) < _wanted(row["row"]) else ""
    return _spread(row["test"]) + few + (f" ({seconds:.0f} s)" if seconds >= 1 else "")


def _wanted(row: str) -> int:
    """Trainings that a cell should have; where nothing is drawn, one condensation is all."""
    return 3 if row in ("herding", "k-center", "whole") else 9


def _spread(values: list[float]) -> str:
    return f"{statistics.fmean(values):.1f} ± {statistics.pstdev(values):.1f}"


SPEED = """\
The plain loop is written from the description of the official one: each step draws a module,
collates up to 256 real graphs of each class and differentiates through sparse messages; its
synthetic graphs have the mean size, ours up to twice that. *Fresh models* does the same with our
code, in which real nodes that a network cannot tell apart are one row. *Bank*, the default,
compares at 20 models in turns, whose gradients on one sample of real graphs (about 40,000 nodes, up
to 800 graphs of each class) are measured once, in the first 20 steps: a mean over 200 steps with
that measurement, and a step after it.
"""

READING = """## How to read this

The motifs are generated graphs whose nodes all look the same, so that only edges tell the classes
apart: there a form without edges is left with chance and luck. At one graph per class learned
features carry a gain over random and over selected graphs on ogbg-molbace and ogbg-molbbbp;
learning the edges adds little or nothing to them: the edges of the start, or none, do as well. On
ogbg-molhiv the gain is that of the start, one of six random draws that validation picks, and
matching keeps it. From ten graphs per class on selected or random graphs do as well as learned ones
in several places: random graphs on ogbg-molbbbp, herding and at fifty medoids on ogbg-molbace,
random and selected graphs on MUTAG. At ten graphs per class of NCI1 and MUTAG the runs that were
looked at kept their start, the best of several selections, as matching lowered its score, and so
did all runs of `doscond` at fifty of ogbg-molbace and ogbg-molbbbp; at fifty of NCI1 herding is
level with `doscond`, both over five splits. On DD at one graph per class herding, medoids and
k-center do better than `doscond`, which is above random; at ten herding is level with it; at fifty
medoids, herding and the form without edges do best, and `doscond` is level with random graphs, one
condensation of each split. On digits-graphs a form without edges does better, and all are far below
the whole set. At ten and fifty graphs per class of ogbg-molhiv `doscond` is above selected and
random graphs, whose draws differ by six points. One random graph per class of ogbg-molbbbp was
drawn twenty times: the first three draws alone have a mean of 58.1. Multi-step matching (`gcond`)
takes several times as long as one-step matching and is worse: on ogbg-molbace at one graph per
class, one condensation of each in one run, 91 s and 65.6 ± 0.8 beside 21 s and 69.3 ± 0.5.
"""
