"""Condense an OGB molecule set, train on the result, score with OGB's split and evaluator.

    python benchmarks/ogb/graph_prop.py --dataset ogbg-molbace --per-class 10

``--model pool`` is the network of the protocol ``pool-200``; ``--model ogb`` is an ordinary OGB
model, an ``AtomEncoder`` followed by ``GCNConv`` and mean pooling, trained on ``small.graphs``,
whose node features must be whole numbers for it (``--categorical``). Bonds have no features here.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from leaderboard import line
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCNConv, global_mean_pool

import gcond
from gcond.datasets import as_set_task
from gcond.evaluation.ogb import official
from gcond.evaluation.sets import POOL_200, Judge
from gcond.graph.sets.features import Categorical


class Molecules(torch.nn.Module):
    """Atom embeddings, three graph convolutions, mean pooling."""

    def __init__(self, outputs: int, hidden: int = 128) -> None:
        super().__init__()
        from ogb.graphproppred.mol_encoder import AtomEncoder

        self.atoms = AtomEncoder(hidden)
        self.convs = torch.nn.ModuleList([GCNConv(hidden, hidden) for _ in range(3)])
        self.head = torch.nn.Linear(hidden, outputs)

    def forward(self, batch: Any) -> torch.Tensor:
        x = self.atoms(batch.x)
        for conv in self.convs:
            x = conv(x, batch.edge_index).relu()
        return self.head(global_mean_pool(x, batch.batch))


def loss_of(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    if logits.shape == y.shape:
        known = ~y.isnan()
        return torch.nn.functional.binary_cross_entropy_with_logits(logits[known], y[known])
    return torch.nn.functional.cross_entropy(logits, y)


def train_ogb(small: gcond.Condensed, task: Any, epochs: int, seed: int) -> float:
    """Score of an ordinary OGB model trained on the condensed graphs."""
    data = gcond.GraphSet(task.graphs, task.y, task.index, task.label_names)
    loaders = {
        split: DataLoader([data[int(i)] for i in task.index[split]], batch_size=512)
        for split in ("val", "test")
    }
    torch.manual_seed(seed)
    model = Molecules(task.num_classes)
    optimizer = torch.optim.Adam(model.parameters(), 0.005)

    def score(split: str) -> float:
        model.eval()
        with torch.no_grad():
            logits = torch.cat([model(batch) for batch in loaders[split]])
        model.train()
        return official(task, logits, task.labels(split))

    best, kept = -1.0, copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        for batch in DataLoader(small.graphs, batch_size=128, shuffle=True):
            optimizer.zero_grad()
            loss_of(model(batch), batch.y).backward()
            optimizer.step()
        if (epoch + 1) % 20 == 0 and (found := score("val")) > best:
            best, kept = found, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return score("test")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="ogbg-molbace")
    parser.add_argument("--method", default="doscond")
    parser.add_argument("--per-class", type=int)
    parser.add_argument("--num-graphs", type=int)
    parser.add_argument("--categorical", action="store_true")
    parser.add_argument("--model", choices=["pool", "ogb"], default="pool")
    parser.add_argument("--condensation-seeds", type=int, default=3)
    parser.add_argument("--evaluation-seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=200, help="of --model ogb")
    parser.add_argument("--whole", action="store_true", help="also train on the whole set")
    parser.add_argument("--root", type=Path)
    options = parser.parse_args()
    task = as_set_task(options.dataset, root=options.root)
    method: Any = gcond.get_method(options.method, "graphs")
    if options.categorical:
        method = replace(method, node_features=Categorical())
    judge = Judge(task, POOL_200, options.evaluation_seeds)
    found: list[float] = []
    for seed in range(options.condensation_seeds):
        small = gcond.condense(
            task,
            per_class=options.per_class,
            num_graphs=options.num_graphs,
            method=method,
            seed=seed,
        )
        if options.model == "pool":
            scores = list(judge.row(options.method, small).accuracies)
        elif small.encoded:
            raise SystemExit("--model ogb needs whole numbers as node features: --categorical")
        else:
            seeds = range(options.evaluation_seeds)
            scores = [100 * train_ogb(small, task, options.epochs, s) for s in seeds]
        print(f"{small}, {small.seconds:.1f} s: {[round(s, 1) for s in scores]}", flush=True)
        found += scores
    print(f"{line('Final Test', found)} ({task.metric}, OGB's evaluator)")
    if options.whole:
        row = judge.whole()
        print(f"Whole set: {row.mean:.2f} ± {row.std:.2f}")


if __name__ == "__main__":
    main()
