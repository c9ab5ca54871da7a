"""Condense an OGB graph, train on the result, score with OGB's split and evaluator.

    python benchmarks/ogb/node_prop.py --dataset ogbn-arxiv --num-nodes 454
    python benchmarks/ogb/node_prop.py --dataset arxiv-like --num-nodes 454

Any ``ogbn-*`` that is one classification task (arxiv, products, papers100M), and the generated
graphs, which need no files. Each run condenses and trains with its own seed. Files are read as
published: nothing is asked, and no network is needed where they are there. The real graph is looked
at every ``--every`` epochs; training nodes of the real graph are counted, never trained on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from leaderboard import SPLITS, Run, summary
from torch.nn.functional import cross_entropy

import gcond
from gcond.datasets import as_task
from gcond.evaluation import get_protocol
from gcond.evaluation.architectures import find
from gcond.evaluation.fitting import build, inputs
from gcond.evaluation.ogb import official_accuracy
from gcond.evaluation.views import Real, of_condensed


def train(small: gcond.Condensed, real: Real, options: argparse.Namespace, seed: int) -> Run:
    """A model trained on the condensed graph, scored on the real one as it learns."""
    torch.manual_seed(seed)
    protocol, view = get_protocol("gcn-600"), of_condensed(small.full())
    model = build(options.model, small.source.num_features, small.num_classes, protocol, False)
    given = inputs(options.model, model, view.graph, protocol)
    optimizer = torch.optim.Adam(model.parameters(), options.lr, weight_decay=options.weight_decay)
    found = []
    for epoch in range(1, options.epochs + 1):
        model.train()
        optimizer.zero_grad()
        cross_entropy(model(*given), view.y).backward()
        optimizer.step()
        if epoch % options.every == 0 or epoch == options.epochs:
            found.append(score(model, real, options.model, protocol))
    return Run(tuple(found))


@torch.no_grad()
def score(model: Any, real: Real, name: str, protocol: Any) -> tuple[float, float, float]:
    """Accuracy of the three splits in percent, by OGB's evaluator, from one pass."""
    model.eval()
    logits = model(*inputs(name, model, real.train.graph, protocol))
    views = (real.view(split) for split in SPLITS)
    train, val, test = (
        100 * official_accuracy(real.task.name, logits[view.rows], view.y) for view in views
    )
    return train, val, test


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--dataset", default="ogbn-arxiv")
    add("--num-nodes", type=int, default=454)
    add("--method", default="gcond")
    add("--model", default="GCN", help="GCN, SGC, APPNP, GraphSAGE, ...")
    add("--runs", type=int, default=10)
    add("--epochs", type=int, default=600)
    add("--every", type=int, default=20, help="epochs between two looks at the real graph")
    add("--lr", type=float, default=0.01)
    add("--weight-decay", type=float, default=0.0)
    add("--root", type=Path)
    add("--json", type=Path, help="file for all figures")
    options = parser.parse_args()
    options.model = find(options.model)
    # OGB's split is one of a single graph that all of training sees.
    task = as_task(options.dataset, root=options.root, setting="transductive")
    real, runs = Real(task), []
    for seed in range(options.runs):
        began = time.perf_counter()
        small = gcond.condense(
            task, num_nodes=options.num_nodes, method=options.method, seed=seed, progress=False
        )
        print(f"{small}, {time.perf_counter() - began:.1f} s", flush=True)
        runs.append(train(small, real, options, seed))
        print(runs[-1].lines(seed + 1), flush=True)
    print(summary(runs))
    print(f"{task.name}, {options.num_nodes} nodes, {options.method}, {options.model}")
    if options.json:
        about = {key: str(value) for key, value in vars(options).items()}
        figures = [run.figures for run in runs]
        options.json.write_text(json.dumps({"about": about, "runs": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
