"""Accuracy of the node methods beside their own start and the baselines, one command.

    python benchmarks/accuracy/nodes.py --datasets cora citeseer --json nodes.json

Every number is test accuracy in percent, mean ± std over condensation seeds x evaluation seeds.
Settings and checkpoints are chosen on validation nodes; test nodes are only reported. A run that
is cut short is continued by the same command.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pieces import Pieces, joined

import gcond
from gcond.datasets import as_task
from gcond.graph.initialise import Noise
from gcond.graph.method import GraphMethod
from gcond.graph.task import NodeTask
from gcond.matching import Schedule

sys.path.insert(0, str(Path(__file__).parents[1]))
from published import NODES as PUBLISHED

SIZES = {
    "cora": (35, 70, 140),
    "citeseer": (30, 60, 120),
    "pubmed": (15, 30, 60),
    "digits": (90,),
    "coauthor-physics": (10, 100),
    "coauthor-physics 60/20/20": (345,),
}
MAIN = {"cora": 70, "citeseer": 60, "pubmed": 30, "digits": 90}
"""Of the papers' sizes; the first one elsewhere."""
SPLIT = " 60/20/20"
"""Ends the name of a graph whose nodes are split at random, class by class, instead."""


def contestants() -> dict[str, Any]:
    """Rows of the table: methods by name, and gcond's own starts."""
    main = gcond.get_method("gcond")
    assert isinstance(main, GraphMethod)
    # From noise it takes many and large steps; from a good start they only unsettle it.
    noise = replace(
        main,
        init=Noise(),
        features=replace(main.features, lr=0.03),
        schedule=Schedule(epochs=20, outer_steps=20, inner_steps=15),
    )
    return {
        "random": gcond.get_method("random"),
        "herding": gcond.get_method("herding"),
        "k-center": gcond.get_method("k-center"),
        "centroid": gcond.get_method("centroid"),
        "gcond, step 0": replace(main, schedule=replace(main.schedule, epochs=0)),
        "gcond": main,
        "gcond, adjacency held": replace(main, hold=True),
        "gcond-x": gcond.get_method("gcond-x"),
        "doscond": gcond.get_method("doscond"),
        "doscond-x": gcond.get_method("doscond-x"),
        "gcond from noise, step 0": replace(noise, schedule=replace(main.schedule, epochs=0)),
        "gcond from noise": noise,
        "doscond from noise": replace(noise, name="doscond", schedule=Schedule(epochs=400)),
        "bags-hard": gcond.get_method("bags-hard"),
        "bags": gcond.get_method("bags"),
    }


def opened(name: str, root: Path | None) -> NodeTask:
    """A graph by name, with its own split or the one that its name ends with."""
    if not name.endswith(SPLIT):
        return as_task(name, root=root)
    data = gcond.datasets.load_dataset(name.removesuffix(SPLIT), root)
    part = torch.empty(data.num_nodes, dtype=torch.long)
    generator = torch.Generator().manual_seed(0)
    for c in data.y.unique():
        rows = (data.y == c).nonzero().flatten()
        order = rows[torch.randperm(len(rows), generator=generator)]
        train, val = round(0.6 * len(rows)), round(0.8 * len(rows))
        for number, taken in enumerate((order[:train], order[train:val], order[val:])):
            part[taken] = number
    for number, mask in enumerate(("train_mask", "val_mask", "test_mask")):
        data[mask] = part == number
    return as_task(data)


def measure(
    task: NodeTask, num_nodes: int, method: Any, seed: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Condenses with one seed and judges with every one. The task is opened once: what a teacher
    has learned for one size serves the others, and ``seconds`` has it in the first only."""
    small = gcond.condense(task, num_nodes=num_nodes, method=method, seed=seed, progress=False)
    found = gcond.evaluate(small, task, seeds=options.evaluation_seeds, baselines=()).rows[0]
    return {
        "labels": small.label_source,
        "test": found.accuracies,
        "validation": found.validation,
        "seconds": [small.seconds],
        "selected_steps": [small.history.selected_step],
        "edges_above_0.01": [int((small.edge_weight > 0.01).sum())],
        "bytes": [small.nbytes],
    }


def whole(task: NodeTask, options: argparse.Namespace) -> dict[str, Any]:
    """The same GCN trained on the whole graph."""
    any_set = gcond.condense(task, method="random")
    found = gcond.evaluate(
        any_set, task, seeds=options.evaluation_seeds, baselines=("whole",)
    ).rows[1]
    return {"test": list(found.accuracies), "bytes": [found.nbytes]}


def line(row: str, found: dict[str, Any]) -> str:
    mean, std = statistics.fmean(found["test"]), statistics.pstdev(found["test"])
    val = statistics.fmean(found["validation"])
    steps = "/".join(map(str, found["selected_steps"]))
    edges = "/".join(map(str, found["edges_above_0.01"]))
    seconds = statistics.median(found["seconds"])
    return f"| {row} | {mean:.1f} ± {std:.1f} | {val:.1f} | {steps} | {edges} | {seconds:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=["digits"], choices=list(SIZES))
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_size,
        default=["main"],
        help="main, other, all (of the papers'), or numbers",
    )
    parser.add_argument("--rows", nargs="+", default=[*contestants(), "whole"])
    parser.add_argument("--condensation-seeds", type=int, default=3)
    parser.add_argument("--evaluation-seeds", type=int, default=5)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = contestants()
    began, results = time.time(), []
    pieces = Pieces(options.json, about(options))
    for name in options.datasets:
        task = opened(name, options.root)
        for num_nodes in _sizes(name, options.sizes):
            print(
                f"\n{name}, {num_nodes} nodes, GCN, protocol gcn-600, "
                f"{options.condensation_seeds} condensation x {options.evaluation_seeds} "
                "evaluation seeds\n"
            )
            print("| method | test % | validation % | selected step | edges > 0.01 | seconds |")
            print("|---|---|--:|---|---|--:|", flush=True)
            for row in (row for row in options.rows if row != "whole"):
                found = joined(
                    [
                        pieces.of(
                            f"{name}, {num_nodes} nodes, {row}, seed {seed}",
                            partial(measure, task, num_nodes, rows[row], seed, options),
                        )
                        for seed in range(options.condensation_seeds)
                    ]
                )
                results.append({"dataset": name, "nodes": num_nodes, "row": row, **found})
                print(line(row, found), flush=True)
                save(results, began, options)
            print(
                f"| gcond as published | {PUBLISHED.get((name, num_nodes), ('–', ''))[0]} | | | | |"
            )
        if "whole" in options.rows:
            found = pieces.of(f"{name}, whole", partial(whole, task, options))
            results.append({"dataset": name, "row": "whole", **found})
            accuracies = results[-1]["test"]
            mean, std = statistics.fmean(accuracies), statistics.pstdev(accuracies)
            print(f"| whole graph | {mean:.1f} ± {std:.1f} | | | | |", flush=True)
            save(results, began, options)
    pieces.end()


def _size(given: str) -> str:
    if given not in ("main", "other", "all") and not (given.isdecimal() and int(given)):
        raise argparse.ArgumentTypeError(
            f"{given!r} must be main, other, all or a number of nodes from 1"
        )
    return given


def _sizes(name: str, asked: list[str]) -> list[int]:
    main = MAIN.get(name, SIZES[name][0])
    others = [size for size in SIZES[name] if size != main]
    named = {"main": [main], "other": others, "all": list(SIZES[name])}
    return [size for each in asked for size in named.get(each) or [int(each)]]


def about(options: argparse.Namespace) -> dict[str, Any]:
    """What a run is."""
    return {
        "protocol": "gcn-600",
        "gcond": version("gcond"),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "condensation_seeds": options.condensation_seeds,
        "evaluation_seeds": options.evaluation_seeds,
    }


def save(results: list[dict[str, Any]], began: float, options: argparse.Namespace) -> None:
    """Writes what is known so far, so that a run that is stopped is not lost."""
    if not options.json:
        return
    seen = {**about(options), "seconds": round(time.time() - began)}
    options.json.write_text(json.dumps({"about": seen, "rows": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
