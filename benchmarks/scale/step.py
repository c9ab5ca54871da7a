"""Seconds of a matching step on a big graph, and what share of the processor's peak it reaches.

    python benchmarks/scale/step.py arxiv-like --sizes 454 909 --json benchmarks/results/step.json

A step of ``gcond`` with the pairwise MLP by whose turn it is, with the paper's settings for arxiv:
3 training steps of the model between two matches, 20 matches to a model, 1 epoch in 5 for the
structure, 20,020 matches in all. The run itself is not made: its time is extrapolated from the
steps that were. Operations are counted from the method (multiply and add are two), all but those
that are linear in a matrix' entries; the peak is that of a product of two square matrices in single
precision, measured in the same process between the steps. On a busy machine CPU seconds count.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import torch

import gcond
from gcond.datasets import as_task
from gcond.graph.initialise import Noise
from gcond.graph.task import NodeTask
from gcond.matching import AllAtOnce, Last, Schedule, Turns

sys.path.insert(0, str(Path(__file__).parents[1] / "speed"))

MATCHES, INNER, STEPS, SHARE = 20, 3, 20_020, 0.2
"""Matches to a model, training steps between two, matches of a run, share of the structure."""

SIDE = 1536

Facts = dict[str, Any]

TURNS = {
    "structure": {"turns": Turns(1, 0)},
    "features": {"turns": Turns(0, 1), "hold": False},
    "features, held": {"turns": Turns(0, 1), "hold": True},
}


def peak() -> float:
    """Operations per CPU second of a product of square matrices, all threads together."""
    a = torch.randn(SIDE, SIDE)
    best = 0.0
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        a @ a
        # Threads share the work: what one of them does in a second of its own is counted once.
        used = min(time.perf_counter() - wall, time.process_time() - cpu)
        best = max(best, 2 * SIDE**3 / used)
    return best


def timed(task: NodeTask, method: Any, num_nodes: int, epochs: int, matches: int) -> Facts:
    """Median seconds of a match with what belongs to it, the first epoch left out."""
    wall: list[float] = []
    cpu: list[float] = []

    def watch(moment: Any) -> None:
        wall.append(time.perf_counter())
        cpu.append(time.process_time())

    short = replace(
        method,
        schedule=Schedule(epochs + 1, matches, INNER),
        init=Noise(),
        settle=False,
        selection=Last(),
    )
    gcond.condense(task, num_nodes=num_nodes, method=short, observers=[watch], progress=False)
    spans = [[b - a for a, b in pairwise(t[1:])] for t in (wall, cpu)]
    return {"step_s": median(spans[0]) / matches, "step_cpu_s": median(spans[1]) / matches}


def operations(task: NodeTask, n: int, h: int, turn: str) -> float:
    """Floating-point operations of a step, by whose turn it is."""
    d, c = task.num_features, task.num_classes
    rows = sum(min(count, 256) for count in task.train_counts)
    both_sides = 4 * (rows + n) * d * c + 4 * n * d * c
    training = 4 * INNER * n * d * c
    if turn == "no edges":
        return both_sides + training
    # Two hops at once by the square of the matrix; the way back to the features is one product.
    forward, to_features = 2 * n**3 + 2 * n * n * d, 2 * n * n * d
    if turn == "features, held":
        return both_sides + training + forward + to_features
    products = {"structure": 3, "features": 2}[turn]
    mlp = products * (2 * n * n * h * h + 4 * n * d * h)
    to_matrix = 2 * n * n * d + 8 * n**3
    back = to_matrix + (to_features if turn == "features" else 0)
    return both_sides + training + mlp + forward + back


def measure(task: NodeTask, n: int, options: argparse.Namespace) -> list[Facts]:
    gcond_, x = gcond.get_method("gcond"), gcond.get_method("gcond-x")
    h = gcond_.adjacency.hidden_channels
    methods = {turn: replace(gcond_, **settings) for turn, settings in TURNS.items()}
    methods["no edges"] = replace(x, turns=AllAtOnce())
    found = []
    for turn, method in methods.items():
        long = turn in ("no edges", "features, held")
        matches = MATCHES if long else options.matches
        facts = timed(task, method, n, options.epochs, matches)
        flops, top = operations(task, n, h, turn), peak()
        speed = flops / facts["step_cpu_s"]
        facts |= {"num_nodes": n, "turn": turn, "operations": flops, "per_s": speed, "peak": top}
        found.append(facts | {"share": speed / top})
        print(row(found[-1]), flush=True)
    return found


def row(facts: Facts) -> str:
    return (
        f"| {facts['num_nodes']} | {facts['turn']} | {1e3 * facts['step_s']:.0f} ms | "
        f"{1e3 * facts['step_cpu_s']:.0f} ms | {facts['operations'] / 1e9:.2f} G | "
        f"{facts['per_s'] / 1e9:.1f} G/s | {facts['peak'] / 1e9:.1f} G/s | {facts['share']:.0%} |"
    )


def run_time(found: list[Facts], n: int, features: str) -> float:
    """CPU seconds of a whole run, extrapolated."""
    step = {f["turn"]: f["step_cpu_s"] for f in found if f["num_nodes"] == n}
    return STEPS * (SHARE * step["structure"] + (1 - SHARE) * step[features])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("dataset", nargs="?", default="arxiv-like")
    parser.add_argument("--sizes", type=int, nargs="+", default=[454])
    parser.add_argument("--epochs", type=int, default=2, help="epochs that are measured")
    parser.add_argument("--matches", type=int, default=4, help="matches to an epoch, with edges")
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from timing import machine

    task = as_task(options.dataset, root=options.root, memory=options.memory)
    task.features("train", 2)
    head = "| n' | turn | step | CPU | operations | speed | peak | of it |"
    print(f"{task.name}, {torch.get_num_threads()} threads\n\n{head}")
    print("|--:|---|" + "--:|" * 6)
    found: list[Facts] = []
    for n in options.sizes:
        found += measure(task, n, options)
    whole = {
        n: {turn: run_time(found, n, turn) for turn in ("features", "features, held")}
        for n in options.sizes
    }
    for n, seconds in whole.items():
        print(
            f"\n{n} nodes, {STEPS:,} steps, extrapolated: {seconds['features'] / 3600:.1f} CPU "
            f"hours, {seconds['features, held'] / 3600:.1f} with the adjacency held"
        )
    if options.json:
        about = {"dataset": task.name, "machine": machine(), "steps": STEPS}
        content = {"about": about, "found": found, "extrapolated_cpu_s": whole}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
