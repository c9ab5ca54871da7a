"""The page of results on images, from the files that accuracy/images.py wrote."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from published import IMAGES as PUBLISHED

RESULTS = Path(__file__).parent / "results"
INTRODUCTION = """# Results on images

Written by `python benchmarks/page.py` from the files in `benchmarks/results` that
`python benchmarks/accuracy/images.py --workers 2 --json FILE` made.

Test score in percent as mean ± std over condensation seeds x networks, the short defaults of every
method, chosen on validation images of `digits-images`; test images are only reported. *Steps* are
matching steps, *seconds* the median of a condensation on one thread of a shared machine. `dd` is
judged by its own learned steps, and *over random* is over random images under those steps."""


def page() -> str:
    """The whole page."""
    runs = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("images-*.json"))]
    sections = [_section(run, size) for run in runs for size in _sizes(run)]
    judged = [json.loads(f.read_text()) for f in sorted(RESULTS.glob("architectures-*.json"))]
    parts = [INTRODUCTION, *sections, *map(_architectures, judged)]
    recipes = [json.loads(f.read_text()) for f in sorted(RESULTS.glob("recipes-*.json"))]
    return "\n\n".join([*parts, *([_recipes(recipes)] if recipes else []), READING])


def _sizes(run: dict[str, Any]) -> list[int]:
    return sorted({row["per_class"] for row in run["rows"]})


def _section(run: dict[str, Any], per_class: int) -> str:
    about = run["about"]
    rows = {row["row"]: row for row in run["rows"] if row["per_class"] == per_class}
    published = any((about["dataset"], per_class, name) in PUBLISHED for name in rows)
    head = "| trained on | seeds | steps | bytes | test | validation | over random | seconds |"
    rule = "|---|---|--:|--:|---|--:|--:|--:|"
    lines = [
        f"## {about['dataset']}, {per_class} per class\n",
        f"`{about['model']}`, protocol `{about['protocol'].split()[0]}`.\n",
        head + (" published |" if published else ""),
        rule + ("---|" if published else ""),
    ]
    for name, row in rows.items():
        cell = f" {PUBLISHED.get((about['dataset'], per_class, name), '')} |" if published else ""
        lines.append(_line(row, rows["random"]) + cell)
    return "\n".join(lines)


def _architectures(found: dict[str, Any]) -> str:
    about, models = found["about"], found["models"]
    networks = len(found["rows"][0][0]["accuracies"])
    lines = [
        f"## {about['dataset']}, {about['per_class']} per class, other architectures\n",
        "`python benchmarks/accuracy/image_architectures.py`, one condensation of each method, "
        f"mean ± std over {networks} networks of each architecture, protocol "
        f"`{found['protocol'].split()[0]}`. All matched a ConvNet of width 32.\n",
        f"| trained on | {' | '.join(models)} | mean |",
        f"|---|{'--:|' * (len(models) + 1)}",
    ]
    for subject, row in zip(found["subjects"], found["rows"], strict=True):
        lists = [cell["accuracies"] for cell in row]
        cells = [f"{statistics.fmean(a):.1f} ± {statistics.pstdev(a):.1f}" for a in lists]
        mean = statistics.fmean(map(statistics.fmean, lists))
        lines.append(f"| {subject['method']} | {' | '.join(cells)} | {mean:.1f} |")
    return "\n".join(lines)


def _recipes(runs: list[dict[str, Any]]) -> str:
    lines = [
        "## The papers' own settings\n",
        "`gcond reproduce NAME --device cuda` on an NVIDIA H200 that several runs shared: the last "
        "step, never the best, with the network of the paper. `dc/mnist-10` was judged by "
        "`dc-300`, which trains for 300 epochs on the digits as they are; the recipe now asks for "
        "`dc-1000`, as the authors do: 1,000 epochs on shifted, scaled and rotated digits.\n",
        "| recipe | protocol | ours | published | seeds | seconds |",
        "|---|---|--:|--:|---|--:|",
    ]
    for run in runs:
        recipe, *others = recipe_cells(run)
        protocol = run["protocol"].split()[1]
        lines.append(f"| {' | '.join([recipe, f'`{protocol}`', *others])} |")
    return "\n".join(lines)


def recipe_cells(run: dict[str, Any]) -> list[str]:
    """Name, ours, published, seeds and seconds of a recipe that was run."""
    seeds = f"{len(run['accuracies'])} x {len(run['accuracies'][0])}"
    ours = f"{run['mean']:.1f} ± {run['std']:.1f}"
    return [
        run["recipe"],
        ours,
        run["published"],
        seeds,
        f"{statistics.median(run['seconds']):.0f}",
    ]


def _line(row: dict[str, Any], random: dict[str, Any]) -> str:
    beside = row["beside"] or random["test"]
    over = statistics.fmean(row["test"]) - statistics.fmean(beside)
    name = row["row"] if row["protocol"] != "dd-steps" else f"{row['row']} (dd-steps)"
    shown = [
        name,
        f"{len(row['seconds'])} x {len(row['test']) // len(row['seconds'])}",
        f"{row['steps']:,}",
        f"{row['bytes']:,}",
        f"{statistics.fmean(row['test']):.1f} ± {statistics.pstdev(row['test']):.1f}",
        f"{statistics.fmean(row['validation']):.1f}" if row["validation"] else "",
        "" if row["row"] == "random" else f"{over:+.1f}",
        f"{statistics.median(row['seconds']):.1f}",
    ]
    return f"| {' | '.join(shown)} |"


READING = """## How to read this

Every method beats random images of the same number, `dcc` with ten images per class by little. None
is clearly above `centroid`, means of pixels that cost no training; with ten images per class
`k-center`, real images, is level with `dd` and above all others. Published numbers are those
of the papers' full schedules (1,000 outer iterations of 256 images per class, width 128) and their
own protocols; ours take minutes on a CPU.
"""
