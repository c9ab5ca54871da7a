"""Accuracy of the methods on sets of graphs beside selectors and the whole set, one command.

    python benchmarks/accuracy/graph_sets.py ogbg-molbace --json molbace.json

Every number is the dataset's metric on test graphs in percent, mean ± std over splits (5 for sets
that bring none) x condensation seeds x evaluation seeds, protocol ``pool-200``. Settings are one
set of defaults for all datasets; a model keeps its best check on validation graphs; test graphs
are only reported. A run that is cut short is continued by the same command.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pieces import Pieces, joined

import gcond
from gcond.datasets import as_set_task
from gcond.evaluation.sets import POOL_200, Judge
from gcond.graph.sets.structure import Unlearned

sys.path.insert(0, str(Path(__file__).parents[1]))
from published import SETS as PUBLISHED

SIZES = {"mutag": (1, 10, 20)}
ROWS = ("random", "herding", "k-center", "centroid", "start", "doscond-x", "fixed", "doscond")
TEXTS = {
    "start": "doscond, step 0",
    "fixed": "doscond with the edges of its start",
    "centroid": "centroid (medoids)",
}


def motifs(split: int, num_graphs: int = 400) -> gcond.GraphSet:
    """Trees with a ring of six nodes, or with the same six nodes as two triangles: all nodes look
    the same, so that only the edges tell the classes apart."""
    from torch_geometric.data import Data

    rng = np.random.default_rng(0)
    graphs = []
    for number in range(num_graphs):
        c = number % 2
        n = int(rng.integers(10, 16))
        ring = [(i, (i + 1) % 6) for i in range(6)]
        triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3), (0, 3)]
        # Class 1 also hangs its tree on one node, class 0 on many.
        edges = triangles if c else ring
        edges = edges + [(int(rng.integers(0, 1 if c else i)), i) for i in range(6, n)]
        graphs.append(Data(edge_index=torch.tensor(edges).T, num_nodes=n, y=c))
    return gcond.GraphSet.from_pyg(graphs, name="motifs", split=split)


def method_of(row: str) -> Any:
    if row in ("start", "fixed"):
        method = gcond.get_method("doscond", "graphs")
        if row == "start":
            return replace(method, schedule=replace(method.schedule, epochs=0))  # type: ignore
        return replace(method, name="fixed", adjacency=Unlearned())  # type: ignore[type-var]
    return gcond.get_method(row, "graphs")


def measure(
    row: str, per_class: int, judges: list[Judge], seeds: int, pieces: Pieces
) -> dict[str, Any]:
    """Condenses and judges with every split and seed."""
    found = []
    selected = row in ("random", "herding", "k-center", "centroid")
    for number, judge in enumerate(judges):
        if selected and per_class > min(judge.task.train_counts):
            return {"test": []}
        for seed in range(1 if row in ("herding", "k-center") else seeds):
            name = f"{row}, {per_class} per class, split {number}, seed {seed}"
            found.append(pieces.of(name, partial(condensed, row, per_class, judge, seed)))
    return joined(found)


def condensed(row: str, per_class: int, judge: Judge, seed: int) -> dict[str, Any]:
    began = time.perf_counter()
    small = gcond.condense(
        judge.task, per_class=per_class, method=method_of(row), seed=seed, progress=False
    )
    seconds = time.perf_counter() - began
    found = judge.row(row, small)
    return {"test": found.accuracies, "validation": found.validation, "seconds": [seconds]}


def whole(judge: Judge) -> dict[str, Any]:
    found = judge.whole()
    return {"test": found.accuracies, "validation": found.validation, "seconds": [found.seconds]}


def line(row: str, per_class: int, found: dict[str, Any], name: str) -> str:
    text = TEXTS.get(row, row)
    published = PUBLISHED.get((name, per_class, row), "–")
    if not found["test"]:
        return f"| {text} | fewer graphs than asked for | | | {published} |"
    mean, std = statistics.fmean(found["test"]), statistics.pstdev(found["test"])
    val = statistics.fmean(found["validation"])
    seconds = statistics.median(found["seconds"])
    return f"| {text} | {mean:.1f} ± {std:.1f} | {val:.1f} | {seconds:.1f} | {published} |"


def judges_of(options: argparse.Namespace) -> list[Judge]:
    name = options.dataset
    splits = 1 if name.startswith("ogbg-") else options.splits
    tasks = [
        as_set_task(motifs(split) if name == "motifs" else name, root=options.root, split=split)
        for split in range(splits)
    ]
    return [Judge(task, POOL_200, options.evaluation_seeds) for task in tasks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="mutag, nci1, dd, ogbg-mol..., digits-graphs, motifs")
    parser.add_argument("--per-class", type=int, nargs="+")
    parser.add_argument("--rows", nargs="+", default=[*ROWS, "whole"])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--condensation-seeds", type=int, default=3)
    parser.add_argument("--evaluation-seeds", type=int, default=3)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    name, began = options.dataset, time.time()
    judges = judges_of(options)
    metric = {"rocauc": "ROC-AUC"}.get(judges[0].task.metric, "accuracy")
    print(
        f"{name}, {metric} %, protocol pool-200 ({POOL_200.digest}), {len(judges)} splits x "
        f"{options.condensation_seeds} condensation x {options.evaluation_seeds} evaluation seeds"
    )
    results: list[dict[str, Any]] = []
    about = {
        "dataset": name,
        "metric": metric,
        "protocol": f"pool-200 ({POOL_200.digest})",
        "splits": len(judges),
        "condensation_seeds": options.condensation_seeds,
        "evaluation_seeds": options.evaluation_seeds,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
    }

    pieces = Pieces(options.json, about)

    def write() -> None:
        """What is known so far: a run that is cut short keeps its rows."""
        if options.json:
            seen = {**about, "seconds": round(time.time() - began)}
            options.json.write_text(json.dumps({"about": seen, "rows": results}, indent=1))

    rows = [row for row in options.rows if row != "whole"]
    sizes = options.per_class or SIZES.get(name, (1, 10, 50))
    for per_class in sizes if rows else ():
        print(
            f"\n{per_class} per class\n\n| trained on | test | validation | seconds | published |"
        )
        print("|---|---|--:|--:|---|", flush=True)
        for row in rows:
            found = measure(row, per_class, judges, options.condensation_seeds, pieces)
            results.append({"row": row, "per_class": per_class, **found})
            print(line(row, per_class, found, name), flush=True)
            write()
    if "whole" in options.rows:
        found = joined(
            [
                pieces.of(f"whole, split {number}", partial(whole, judge))
                for number, judge in enumerate(judges)
            ]
        )
        results.append({"row": "whole", **found})
        print("\n" + line("whole", 0, found, name), flush=True)
        write()
    pieces.end()


if __name__ == "__main__":
    main()
