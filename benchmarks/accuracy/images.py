"""Accuracy of every method on images beside random images and the whole set, one command.

    python benchmarks/accuracy/images.py --workers 2
    python benchmarks/accuracy/images.py --dataset fashion-mnist --per-class 1 --seeds 1 \
        --methods random dc dsa dm --root DATA

Test accuracy in percent, mean ± std over condensation seeds x networks. Every row of a table is
judged under the same protocol, but for ``dd``, whose images belong to its learned steps: it stands
beside random images under those steps. Settings of the methods were chosen on validation images;
test images are only reported. Published numbers are those of the papers under their full
schedules, ours are the library's short defaults, whose steps the table names.

Every cell of a table, a method with a condensation seed, is work of its own for one thread; workers
share the cells, and the figures do not depend on how many there are.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

import gcond
from gcond.condensed import Condensed
from gcond.datasets import as_image_task
from gcond.evaluation.images import ImageJudge, get_image_protocol
from gcond.image.task import ImageTask
from gcond.methods.settings import with_settings

sys.path.insert(0, str(Path(__file__).parents[1]))
from published import IMAGES as PUBLISHED

LEARNED = ("dc", "dsa", "dm", "dcc", "multi-level", "dd")
SELECTED = ("random", "herding", "k-center", "centroid")
FIXED = ("herding", "k-center")
"""Methods in which nothing is random."""


@dataclass(frozen=True)
class Cell:
    """One condensation and the networks that judge it."""

    name: str
    per_class: int
    seed: int


def measure(cell: Cell, options: Any) -> dict[str, Any]:
    """Condenses with a seed and judges the result with every network."""
    torch.set_num_threads(1)
    task = opened(options.dataset, options.root)
    judge = ImageJudge(task, options.protocol, options.networks, options.model)
    method: Any = gcond.get_method(cell.name, "images")
    if options.set and cell.name in LEARNED:
        method = with_settings(method, dict(setting.split("=", 1) for setting in options.set))
    small = gcond.condense(
        task, per_class=cell.per_class, method=method, seed=cell.seed, progress=False
    )
    beside: list[float] = []
    if small.steps is not None:
        judge = ImageJudge(task, get_image_protocol(None, small.steps), options.networks)
        beside += judge.row("random", _random(task, cell.per_class, small)).accuracies
    row = judge.row(cell.name, small)
    return {
        "test": list(row.accuracies),
        "validation": list(row.validation),
        "beside": beside,
        "protocol": judge.protocol.name,
        "bytes": row.nbytes,
        "steps": small.history.steps,
        "selected": small.history.selected_step,
        "seconds": [small.seconds or 0.0],
        "judged_in": row.seconds,
    }


@cache
def opened(dataset: str, root: Path | None) -> ImageTask:
    """The dataset, once for each process."""
    return as_image_task(dataset, root=root)


def joined(name: str, per_class: int, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the table, of one cell for each seed."""
    lists = ("test", "validation", "beside", "seconds")
    return {
        "row": name,
        "per_class": per_class,
        **{key: cells[0][key] for key in ("protocol", "bytes", "steps")},
        **{key: [value for cell in cells for value in cell[key]] for key in lists},
        "selected": [cell["selected"] for cell in cells],
        "judged_in": sum(cell["judged_in"] for cell in cells),
    }


def _random(task: ImageTask, per_class: int, small: Condensed) -> Condensed:
    """Random images in place of learned ones, under the same learned steps."""
    other = gcond.condense(task, per_class=per_class, method="random", seed=small.seed)
    return replace(small, x=other.x, y=other.y)


def line(found: dict[str, Any], random: list[float], dataset: str) -> str:
    mean, std = statistics.fmean(found["test"]), statistics.pstdev(found["test"])
    base = found["beside"] or random
    over = "" if found["row"] == "random" else f"{mean - statistics.fmean(base):+.1f}"
    published = PUBLISHED.get((dataset, found["per_class"], found["row"]), "–")
    note = " (dd-steps)" if found["beside"] else ""
    return (
        f"| {found['row']}{note} | {found['steps']:,} | {found['bytes'] / 1e3:.1f} kB | "
        f"{mean:.1f} ± {std:.1f} | {statistics.fmean(found['validation']):.1f} | {over} | "
        f"{statistics.median(found['seconds']):.1f} | {published} |"
    )


HEAD = (
    "| trained on | steps | bytes | test | validation | over random | seconds | published |\n"
    "|---|--:|--:|---|--:|--:|--:|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="digits-images")
    parser.add_argument("--per-class", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--methods", nargs="+", default=[*SELECTED, *LEARNED])
    parser.add_argument("--seeds", type=int, default=3, help="condensations of each method")
    parser.add_argument("--networks", type=int, default=5, help="networks that judge each")
    parser.add_argument("--model", default="ConvNet")
    parser.add_argument("--protocol", type=get_image_protocol, default="short-300")
    parser.add_argument("--set", nargs="*", default=[], help="PATH=VALUE for learned methods")
    parser.add_argument("--whole", action="store_true", help="add the whole training set")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began, results = time.time(), []
    task = opened(options.dataset, options.root)
    print(
        f"{task}, {options.model}, protocol {options.protocol.name} ({options.protocol.digest}), "
        f"{options.seeds} condensation seeds x {options.networks} networks, test %"
    )
    rows = {
        (per_class, name): [
            Cell(name, per_class, seed) for seed in range(1 if name in FIXED else options.seeds)
        ]
        for per_class in options.per_class
        for name in sorted(options.methods, key=lambda name: name != "random")
    }
    with workers(options.workers) as pool:
        work = {
            cell: pool.submit(measure, cell, options) for cells in rows.values() for cell in cells
        }
        size, random = 0, list[float]()
        for (per_class, name), cells in rows.items():
            if per_class != size:
                size, random = per_class, []
                print(f"\n{per_class} per class\n\n{HEAD}", flush=True)
            results.append(joined(name, per_class, [work[cell].result() for cell in cells]))
            random = results[-1]["test"] if name == "random" else random
            print(line(results[-1], random or [0.0], task.name), flush=True)
            keep(results, options, time.time() - began)
    if options.whole:
        whole = ImageJudge(task, options.protocol, options.networks, options.model).whole()
        print(f"\nwhole: {whole.mean:.1f} ± {whole.std:.1f}")
        results.append({"row": "whole", "test": list(whole.accuracies), "seconds": whole.seconds})
    keep(results, options, time.time() - began)
    print(f"\n{time.time() - began:.0f} s with {options.workers} workers")


def workers(number: int) -> ProcessPoolExecutor:
    """Processes that import everything anew, so that none inherits threads or a random state."""
    return ProcessPoolExecutor(number, mp_context=get_context("spawn"))


def keep(results: list[dict[str, Any]], options: argparse.Namespace, seconds: float) -> None:
    """Writes the figures there are, so that an interrupted run loses none."""
    if options.json is None:
        return
    about = {
        "dataset": options.dataset,
        "model": options.model,
        "protocol": f"{options.protocol.name} ({options.protocol.digest})",
        "set": options.set,
        "torch": torch.__version__,
        "threads": 1,
        "workers": options.workers,
        "machine": platform.processor() or platform.machine(),
        "seconds": round(seconds),
    }
    options.json.write_text(json.dumps({"about": about, "rows": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
