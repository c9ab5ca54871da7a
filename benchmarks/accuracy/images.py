"""Accuracy of every method on images beside random images and the whole set, one command.

    python benchmarks/accuracy/images.py
    python benchmarks/accuracy/images.py --dataset fashion-mnist --per-class 1 --seeds 1 \
        --methods random dc dsa dm --root DATA

Test accuracy in percent, mean ± std over condensation seeds x networks. Every row of a table is
judged under the same protocol, but for ``dd``, whose images belong to its learned steps: it stands
beside random images under those steps. Settings of the methods were chosen on validation images;
test images are only reported. Published numbers are those of the papers under their full
schedules, ours are the library's short defaults, whose steps the table names.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from dataclasses import replace
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


def measure(name: str, per_class: int, task: ImageTask, options: Any) -> dict[str, Any]:
    """Condenses with every seed and judges each result with every network."""
    judge = ImageJudge(task, options.protocol, options.networks, options.model)
    rows, beside, seconds, steps = [], [], [], 0
    method: Any = gcond.get_method(name, "images")
    if options.set and name in LEARNED:
        method = with_settings(method, dict(setting.split("=", 1) for setting in options.set))
    for seed in range(1 if name in FIXED else options.seeds):
        small = gcond.condense(task, per_class=per_class, method=method, seed=seed, progress=False)
        seconds.append(small.seconds or 0.0)
        steps = small.history.steps
        if small.steps is None:
            rows.append(judge.row(name, small))
            continue
        own = ImageJudge(task, get_image_protocol(None, small.steps), options.networks)
        rows.append(own.row(name, small))
        beside.append(own.row("random", _random(task, per_class, small)))
    return {
        "row": name,
        "per_class": per_class,
        "protocol": "dd-steps" if beside else options.protocol.name,
        "test": [v for row in rows for v in row.accuracies],
        "validation": [v for row in rows for v in row.validation],
        "beside": [v for row in beside for v in row.accuracies],
        "bytes": rows[0].nbytes,
        "steps": steps,
        "seconds": seconds,
        "judged_in": sum(row.seconds for row in rows),
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
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began, results = time.time(), []
    task = as_image_task(options.dataset, root=options.root)
    print(
        f"{task}, {options.model}, protocol {options.protocol.name} ({options.protocol.digest}), "
        f"{options.seeds} condensation seeds x {options.networks} networks, test %"
    )
    methods = sorted(options.methods, key=lambda name: name != "random")
    for per_class in options.per_class:
        print(f"\n{per_class} per class\n\n{HEAD}", flush=True)
        random: list[float] = []
        for name in methods:
            results.append(measure(name, per_class, task, options))
            random = results[-1]["test"] if name == "random" else random
            print(line(results[-1], random or [0.0], task.name), flush=True)
            keep(results, options, time.time() - began)
    if options.whole:
        whole = ImageJudge(task, options.protocol, options.networks, options.model).whole()
        print(f"\nwhole: {whole.mean:.1f} ± {whole.std:.1f}")
        results.append({"row": "whole", "test": list(whole.accuracies), "seconds": whole.seconds})
    keep(results, options, time.time() - began)


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
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "seconds": round(seconds),
    }
    options.json.write_text(json.dumps({"about": about, "rows": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
