"""Speed of condensing nodes, gcond beside a plain form of the published loop, from one run.

python benchmarks/speed/nodes.py --dataset cora --num-nodes 70
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from contestants import Judges, Ours, Pairs, Problem, Reference, agreement
from timing import CLOCKS, Row, alternate, clock_of, head, machine

import gcond
from gcond.budget import allocate
from gcond.datasets import as_task
from gcond.graph.adjacency import Identity
from gcond.graph.method import GraphMethod
from gcond.matching import Gradients, Turns
from gcond.matching.device import device_of, placed

SEEDS = 10
TURNS = ("structure", "features")


def main() -> None:
    options = _options()
    if options.threads:
        torch.set_num_threads(options.threads)
    problem = _problem(options)
    about = machine(problem.task.device)
    print(f"{options.dataset}, {options.num_nodes} nodes")
    print(f"{options.clock} time per piece of work: median of turns (least to largest)")
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    same = agreement(problem)
    print("\nOne matching step on exact neighbourhoods, relative differences of the two sides:")
    print(", ".join(f"{name} {value:.7g}" for name, value in same.items()))
    rows = _shown(_steps(problem, options), head())
    rows += _shown(_cycle(problem, options), head())
    pairs = Pairs(problem, options.steps)
    found = alternate(options.repeats, pairs.factored, pairs.concatenated)
    rows += _shown([Row("pairwise MLP alone, forward and backward", *found)], head())
    print(f"\nlargest difference of A' in the two forms: {pairs.difference():.2g}")
    rows += _shown(_held(problem, options), head("held adjacency", "following"))
    rows += _shown(_forms(problem, options), head("closed form", "torch.func"))
    accuracies: dict[str, list[float]] = {}
    if options.evaluation_epochs:
        rows += _shown(_judged(problem, options, accuracies), head())
        print(_accuracies(accuracies))
    print(_FAIRNESS, end="")
    if options.json:
        plain = {k: v for k, v in vars(options).items() if k not in ("root", "json")}
        facts = {"machine": about, "options": plain, "agreement": same}
        facts |= {"pairs_difference": pairs.difference(), "accuracies": accuracies}
        facts["rows"] = [row.plain() for row in rows]
        options.json.write_text(json.dumps(facts, indent=2))


def _shown(rows: Iterable[Row], heading: str) -> list[Row]:
    print(heading)
    found = []
    for row in rows:
        print(row, flush=True)
        found.append(row)
    return found


def _problem(options: argparse.Namespace) -> Problem:
    device = device_of(options.device)
    task = placed(as_task(options.dataset, root=options.root), device)
    counts = torch.tensor(allocate(options.num_nodes, task.train_counts))
    method = gcond.get_method("gcond")
    assert isinstance(method, GraphMethod)
    # The step of the paper, whose adjacency follows the features in every turn.
    return Problem(task, replace(method, hold=False), counts, clock_of(options.clock, device))


def _steps(problem: Problem, options: argparse.Namespace) -> Iterator[Row]:
    repeats, steps, inner = options.repeats, options.steps, options.inner_steps
    for turn in TURNS:
        ours, theirs, kept = alternate(
            repeats,
            Ours(problem, turn, 0, steps),
            Reference(problem, turn, 0, steps),
            Reference(problem, turn, 0, steps, resample=False),
        )
        yield Row(f"matching step, {turn} turn", ours, theirs)
        yield Row(f"matching step, {turn} turn", ours, kept, "reference samples once for all")
    for turn in TURNS:
        work = problem, turn, inner, steps
        found = alternate(repeats, Ours(*work), Reference(*work))
        yield Row(f"outer step, {inner} inner steps, {turn} turn", *found)


def _cycle(problem: Problem, options: argparse.Namespace) -> Iterator[Row]:
    """A matching step of the whole method: the mean over one cycle of its turns."""
    turns = problem.method.turns
    assert isinstance(turns, Turns)
    held = replace(problem, method=replace(problem.method, hold=True))
    sides = [
        contestant
        for turn in TURNS
        for contestant in (
            Ours(problem, turn, 0, options.steps),
            Ours(held, turn, 0, options.steps),
            Reference(problem, turn, 0, options.steps),
        )
    ]
    found = alternate(options.repeats, *sides)
    following, default, theirs = (
        [
            (turns.structure * a + turns.features * b) / (turns.structure + turns.features)
            for a, b in zip(found[side], found[side + 3], strict=True)
        ]
        for side in range(3)
    )
    name = f"matching step, {turns.structure} structure : {turns.features} features"
    yield Row(name, following, theirs)
    yield Row(name, default, theirs, "as gcond runs: the adjacency held for the features")


def _held(problem: Problem, options: argparse.Namespace) -> Iterator[Row]:
    """A features turn that holds the adjacency, beside one whose adjacency follows."""
    held = replace(problem.method, hold=True)
    contestants = [
        Ours(replace(problem, method=method), "features", options.inner_steps, options.steps)
        for method in (held, problem.method)
    ]
    found = alternate(options.repeats, *contestants)
    yield Row(f"outer step, {options.inner_steps} inner steps, features turn", *found)


def _forms(problem: Problem, options: argparse.Namespace) -> Iterator[Row]:
    """Closed form beside torch.func, with the structure's cost in both and without it."""
    for name, adjacency in (("pairwise MLP", problem.method.adjacency), ("no edges", Identity())):
        closed = replace(problem.method, adjacency=adjacency)
        general = replace(closed, signal=Gradients(closed_form=False))
        contestants = [
            Ours(replace(problem, method=method), "features", 0, options.steps)
            for method in (closed, general)
        ]
        found = alternate(options.repeats, *contestants)
        yield Row(f"matching step of gcond, features turn, {name}", *found)


def _judged(
    problem: Problem, options: argparse.Namespace, accuracies: dict[str, list[float]]
) -> list[Row]:
    judges = Judges(problem, SEEDS, options.evaluation_epochs, accuracies)
    turns = judges.ours, partial(judges.reference, 1), partial(judges.reference, 10)
    ours, each, tenth = alternate(options.reference_seeds, *turns)
    name = f"judging {SEEDS} seeds, {options.evaluation_epochs} epochs"
    scaled = f"extrapolated from {options.reference_seeds} seeds"
    return [
        Row(name, ours, each, f"reference validates each epoch, as published; {scaled}"),
        Row(name, ours, tenth, f"reference validates each 10th epoch, as gcond; {scaled}"),
    ]


def _accuracies(found: dict[str, list[float]]) -> str:
    lines = [f"{k}: {statistics.fmean(v):.1f} % over {len(v)} seeds" for k, v in found.items()]
    return "\ntest accuracy of the judged start, as a check: " + "; ".join(lines)


_FAIRNESS = """
Both sides are eager torch on the same threads, and the Python overhead of both is in the figures;
the reference needs no library but torch, and PyG's GCN for judging. It makes its index of pairs
once and normalises without dense diagonal products or scipy. Its sampler is vectorised torch where
the published one is compiled: the rows that sample once for all bound what a faster one could give.
What gcond does once per run (propagation of the real graph, choice of the start) is not in a step.
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--root", type=Path, help="folder of the datasets; by default $GCOND_ROOT")
    add("--dataset", default="cora")
    add("--num-nodes", type=int, default=70)
    add("--repeats", type=int, default=7, help="turns of each contestant")
    add("--steps", type=int, default=12, help="timed steps in a turn, after one that warms up")
    add("--inner-steps", type=int, default=15)
    add(
        "--evaluation-epochs",
        "--epochs",
        type=int,
        default=600,
        help="epochs of each judging model; 0 leaves the evaluation out",
    )
    add("--reference-seeds", type=int, default=2, help="seeds that the reference judges")
    add("--threads", type=int, help="threads of torch; its own choice by default")
    add("--device", default="cpu", help="cpu, cuda, or cuda:1")
    add("--clock", choices=CLOCKS, default="wall", help="cpu with one thread, if others are busy")
    add("--json", type=Path, help="file for all figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
