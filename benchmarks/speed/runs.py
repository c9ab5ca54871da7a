"""Whole runs: the default with its parts, and the paper's full schedule beside the plain reference.

python benchmarks/speed/runs.py --cases cora:70 pubmed:30
python benchmarks/speed/runs.py --cases coauthor-physics:100 --default-only

The default run is split into the choice of its start, its matching steps, and the validation of
steps. The full schedule is a median of outer steps times the paper's count, for both sides, and
labelled as extrapolated; one outer step in five moves the structure, four the features. Process
start, imports and the opening of the data are excluded; the propagation of the graph is included.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from contestants import SEED, Ours, Problem, Reference
from timing import CLOCKS, clock_of, machine

import gcond
from gcond import recipes
from gcond.budget import allocate
from gcond.datasets import as_task
from gcond.graph.method import GraphMethod
from gcond.graph.task import NodeTask
from gcond.matching import Best, Moment
from gcond.matching.device import device_of, placed


def opened(name: str, options: argparse.Namespace, **preparation: Any) -> NodeTask:
    """A dataset on the device, with nothing found out about it yet."""
    return placed(as_task(name, root=options.root, **preparation), device_of(options.device))


def default_run(name: str, num_nodes: int, options: argparse.Namespace) -> dict[str, float]:
    """Seconds of a default run and of its parts."""
    task = opened(name, options)
    clock = clock_of(options.clock, task.device)
    counts = torch.tensor(allocate(num_nodes, task.train_counts))
    method = gcond.get_method("gcond")
    assert isinstance(method, GraphMethod)
    assert isinstance(method.selection, Best)
    marks: list[float] = []

    def watch(moment: Moment) -> None:
        marks.append(clock())

    began = clock()
    method.run(task, counts, seed=SEED, observers=[watch])
    total, start = clock() - began, marks[0] - began
    # The same run with one check less often; the difference tells what a check costs.
    checks = method.selection.checks
    rare = replace(method, selection=replace(method.selection, checks=1))
    task = opened(name, options)
    again = clock()
    rare.run(task, counts, seed=SEED)
    each = max(total - (clock() - again), 0.0) / max(checks - 1, 1)
    return {
        "total": total,
        "choice of the start": start,
        "matching": total - start - checks * each,
        "validation of steps": checks * each,
    }


def full_schedule(name: str, num_nodes: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of the paper's whole loop, extrapolated from medians of outer steps."""
    recipe = recipes.find("gcond", name, num_nodes)
    method = recipe.method
    assert isinstance(method, GraphMethod)
    task = opened(name, options, normalize=recipe.normalize)
    counts = torch.tensor(allocate(num_nodes, task.train_counts))
    problem = Problem(task, method, counts, clock_of(options.clock, task.device))
    inner, schedule = method.schedule.inner_steps, method.schedule
    seconds = {"gcond": 0.0, "reference": 0.0}
    for turn, share in (("structure", 0.2), ("features", 0.8)):
        sides = {
            "gcond": Ours(problem, turn, inner, options.steps),
            "reference": Reference(problem, turn, inner, options.steps),
        }
        for side, run in sides.items():
            seconds[side] += share * schedule.steps * median(run())
    return {
        "schedule": f"{schedule.epochs} x {schedule.outer_steps} x {inner}",
        "timed outer steps": options.steps,
        **seconds,
        "ratio": seconds["reference"] / seconds["gcond"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--cases", nargs="+", default=["cora:70"], help="dataset:nodes")
    add("--repeats", type=int, default=3)
    add("--steps", type=int, default=20)
    add("--default-only", action="store_true", help="for graphs that no recipe is for")
    add("--root", type=Path)
    add("--device", default="cpu", help="cpu, cuda, or cuda:1")
    add("--clock", choices=CLOCKS, default="wall")
    add("--json", type=Path)
    options = parser.parse_args()
    about = machine(device_of(options.device))
    found: dict[str, Any] = {"machine": about, "clock": options.clock, "cases": {}}
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    for case in options.cases:
        name, nodes = case.split(":")
        runs = [default_run(name, int(nodes), options) for _ in range(options.repeats)]
        parts = {part: median(run[part] for run in runs) for part in runs[0]}
        found["cases"][case] = {"default": parts}
        print(
            f"\n{name}, {nodes} nodes, {options.clock} seconds, median of {options.repeats} runs\n"
        )
        print("| | seconds |\n|---|--:|")
        for part, seconds in parts.items():
            print(f"| default gcond, {part} | {seconds:.2f} |", flush=True)
        if options.default_only:
            continue
        whole = full_schedule(name, int(nodes), options)
        speedup = whole["reference"] / parts["total"]
        found["cases"][case] |= {"full schedule": whole, "speedup": speedup}
        title = f"full schedule {whole['schedule']}, extrapolated from {options.steps} outer steps"
        print(f"| {title}: gcond | {whole['gcond']:.0f} |")
        print(f"| ... plain reference | {whole['reference']:.0f} |")
        print(f"| ... ratio | {whole['ratio']:.1f} |")
        print(f"| reference's full schedule / default run | {speedup:.0f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
