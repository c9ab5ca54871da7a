"""Condenses big graphs out of core and judges the result, with seconds and peak memory.

    python benchmarks/scale/condense.py arxiv-like --sizes 90 454 909
    python benchmarks/scale/condense.py reddit-like --sizes 76 153 307 --memory 6GB

A generated graph that is not there is written first. The first run propagates, later ones find the
rows in the cache; ``--fresh`` keeps the cache of this run in a temporary folder. The judge is
softmax regression on propagated rows (SGC), beside random nodes of the same number and the same on
all propagated training rows. Everything is chosen on validation nodes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import gcond
from gcond.datasets import as_task
from gcond.methods.settings import with_settings


def measured(task: Any, num_nodes: int, whole: bool, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of one size, the propagation in those of the first, and its scores."""
    began, used = time.perf_counter(), time.process_time()
    method = with_settings(
        gcond.get_method(options.method), dict(each.split("=", 1) for each in options.set)
    )
    small = gcond.condense(task, num_nodes=num_nodes, method=method, progress=False)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    found = gcond.evaluate(
        small,
        task,
        model=options.model,
        seeds=options.seeds,
        baselines=("random", "whole") if whole else ("random",),
    )
    return {
        "num_nodes": num_nodes,
        "step": small.history.selected_step,
        "seconds": seconds,
        "cpu_s": cpu,
        "test": {row.name: list(row.accuracies) for row in found.rows},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


def shown(values: list[float] | None) -> str:
    if not values:
        return ""
    tensor = torch.tensor(values, dtype=torch.float64)
    return f"{tensor.mean():.1f} ± {tensor.std(correction=0):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("dataset", help="a name, or the folder of a store")
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--method", default="gcond-x")
    parser.add_argument("--set", nargs="*", default=[], help="settings of it, such as hold=true")
    parser.add_argument("--model", default="SGC", choices=("SGC", "GCN"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--fresh", action="store_true", help="propagate, whatever is in the cache")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.fresh:
            os.environ["GCOND_CACHE"] = scratch
        task = as_task(options.dataset, root=options.root, memory=options.memory)
        print(
            f"{task.name}, {options.method}, {options.model}, {torch.get_num_threads()} threads, "
            f"budget {options.memory}\n\n| nodes | step | test % | random | whole (SGC) | "
            "seconds | CPU | peak |\n|--:|--:|--:|--:|--:|--:|--:|--:|"
        )
        rows = []
        for i, size in enumerate(options.sizes):
            row = measured(task, size, i == 0, options)
            rows.append(row)
            whole = next((v for name, v in row["test"].items() if name.startswith("whole")), None)
            scores = [row["test"]["condensed"], row["test"]["random"], whole]
            print(
                f"| {size} | {row['step']} | {' | '.join(map(shown, scores))} | "
                f"{row['seconds']:.0f} | {row['cpu_s']:.0f} | {row['peak_mb']:,.0f} MB |",
                flush=True,
            )
            if options.json:
                about = {
                    "dataset": task.name,
                    "method": options.method,
                    "set": options.set,
                    "model": options.model,
                    "memory": options.memory,
                    "threads": torch.get_num_threads(),
                    "seeds": options.seeds,
                }
                options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
