"""A matching step on a set of graphs, against a plain form of the published loop, in one run.

    python benchmarks/speed/graph_sets.py nci1 ogbg-molhiv --per-class 10

The reference is written from the description of the official loop: every step builds a fresh
module, and for each class collates up to 256 real PyG graphs, takes their gradient by autograd
through sparse message passing, runs the padded synthetic graphs of the class through the same
weights, and differentiates that gradient again. Both sides take turns; medians.

"Fresh models" takes steps of ours in the same setting: a model of its own and 256 real graphs of
each class per step. "Bank" is the default: 20 models, whose gradients on one sample of real graphs
(about 40,000 nodes) are measured once: the time of 200 steps with that measurement, divided by 200,
and the time of a step after the first 20, which measure.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch_geometric.data import Batch as PygBatch
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv, global_mean_pool

import gcond
from gcond.datasets import as_set_task
from gcond.graph.sets.real import RealGraphs
from gcond.graph.sets.validation import SetValidation
from gcond.matching import Fresh, Last, Schedule, match


class Plain(nn.Module):
    """Three convolutions of 128 units, mean pooling, a linear head; sparse and dense."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = (inputs, 128, 128, 128)
        self.convs = nn.ModuleList([GCNConv(a, b) for a, b in pairwise(widths)])
        self.head = nn.Linear(128, outputs)

    def forward(self, batch: Any) -> Tensor:
        x = batch.x
        for conv in self.convs:
            x = conv(x, batch.edge_index).relu()
        return self.head(global_mean_pool(x, batch.batch))

    def dense(self, x: Tensor, adj: Tensor) -> Tensor:
        eye = torch.eye(adj.shape[1])
        degree = (adj + eye).sum(-1).clamp_min(1).rsqrt()
        a_hat = degree[:, :, None] * (adj + eye) * degree[:, None]
        for conv in self.convs:
            x = (a_hat @ conv.lin(x) + conv.bias).relu()
        return self.head(x.mean(1))


class Reference:
    """The plain loop."""

    def __init__(self, task: Any, per_class: int, size: int) -> None:
        self.task, self.per_class = task, per_class
        self.outputs = task.num_classes
        train = task.numbers("train")
        y = task.labels("train")
        self.classes: list[list[Data]] = []
        for c in range(task.num_classes):
            graphs = []
            for number in train[y == c][:1000].tolist():
                x, edge_index, _ = task.graphs.graph(number)
                graphs.append(Data(x=task.encoding(x), edge_index=edge_index))
            self.classes.append(graphs)
        shape = (task.num_classes, per_class, size, task.num_features)
        self.x = torch.rand(shape).requires_grad_()
        self.logits = torch.randn(*shape[:3], size).requires_grad_()
        self.adam = torch.optim.Adam([self.x, self.logits], 0.01)

    def step(self) -> None:
        model = Plain(self.task.num_features, self.outputs)
        weights = list(model.parameters())
        loss = torch.zeros(())
        for c, graphs in enumerate(self.classes):
            drawn = random.sample(graphs, min(256, len(graphs)))
            batch = PygBatch.from_data_list(drawn)
            target = torch.full((len(drawn),), c)
            real = torch.autograd.grad(cross_entropy(model(batch), target), weights)
            u = torch.rand_like(self.logits[c])
            logits = (self.logits[c] + self.logits[c].mT) / 2
            adj = torch.sigmoid(logits + (u / (1 - u)).log()) * (1 - torch.eye(u.shape[-1]))
            out = model.dense(self.x[c], adj)
            target = torch.full((len(out),), c)
            mine = torch.autograd.grad(cross_entropy(out, target), weights, create_graph=True)
            apart = sum((a - b).square().sum() for a, b in zip(mine, real, strict=True))
            loss = loss + apart / sum(b.square().sum() for b in real)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()


def ours(task: Any, per_class: int, fresh: bool) -> Any:
    """A function that takes the given number of matching steps."""
    method: Any = replace(gcond.get_method("doscond", "graphs"), selection=Last())
    if fresh:
        method = replace(method, stream=Fresh(), batch_size=256, sample_once=False)
    counts = torch.full((task.num_classes,), per_class)
    validation = SetValidation(task, method.validator, 0)
    synthetic, _ = method.start(task, counts, 0)
    real = RealGraphs(
        task,
        method.model,
        counts,
        method.grouping,
        method.batch_size,
        method.sample_once,
        validation,
        0,
    )
    held: dict[str, Any] = {}

    def steps(number: int) -> None:
        # The snapshot of the first call holds nothing of the bank: it is measured in each.
        plan = replace(method, schedule=Schedule(number)).plan(
            task.num_features, task.num_classes, synthetic.y, "softmax"
        )
        held["run"] = match(real, synthetic, plan, seed=0)

    return steps, method


def timed(clock: Any, call: Any, *arguments: Any) -> float:
    began = clock()
    call(*arguments)
    return float(clock() - began)


def medians(task: Any, options: argparse.Namespace, clock: Any) -> dict[str, float]:
    """Milliseconds of a step on each side, which take turns."""
    plain = Reference(task, options.per_class, task.mean_size)
    fresh, _ = ours(task, options.per_class, fresh=True)
    bank, _ = ours(task, options.per_class, fresh=False)
    plain.step()
    fresh(1)
    found: dict[str, list[float]] = {"plain": [], "fresh": [], "bank": [], "later": []}
    for _ in range(options.repeats):
        found["plain"].append(timed(clock, plain.step))
        found["fresh"].append(timed(clock, fresh, 4) / 4)
        # The first 20 steps measure the bank, the others do not.
        first, whole = timed(clock, bank, 20), timed(clock, bank, 200)
        found["bank"].append(whole / 200)
        found["later"].append((whole - first) / 180)
    return {key: 1e3 * statistics.median(times) for key, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--per-class", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--cpu", action="store_true", help="CPU time, for a busy machine")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    threads, clock = torch.get_num_threads(), time.perf_counter
    if options.cpu:
        clock = time.process_time
    unit = "ms of CPU time" if options.cpu else "ms"
    print(f"{options.per_class} per class, {threads} threads, {unit} per step, medians\n")
    sides = ("fresh models", "bank, over 200 steps", "bank, a later step")
    print(f"| dataset | plain loop | {' | ratio | '.join(sides)} | ratio |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    rows = []
    for name in options.datasets:
        ms = medians(as_set_task(name, root=options.root), options, clock)
        cells = [f"{ms[k]:.1f} | {ms['plain'] / ms[k]:.1f}x" for k in ("fresh", "bank", "later")]
        print(f"| {name} | {ms['plain']:.0f} | {' | '.join(cells)} |", flush=True)
        rows.append({"dataset": name, **ms})
    if options.json:
        about = {
            "per_class": options.per_class,
            "repeats": options.repeats,
            "threads": threads,
            "unit": unit,
            "torch": torch.__version__,
            "machine": platform.processor() or platform.machine(),
        }
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
