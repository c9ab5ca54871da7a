"""The defaults on generated graphs that are unlike the citation graphs they were chosen on.

    python benchmarks/accuracy/generated.py --json generated.json

Heterophilous graphs, classes of very unequal size, raw counts, binary bags of words, long documents
and features that say nothing. Beside ``gcond`` with its defaults stand random nodes (raw features,
with the edges between them) and random rows of propagated features without edges; the last column
is the difference to the better of them and its standard error over condensation seeds. Protocol
gcn-600, test accuracy in percent, mean ± std over condensation seeds x evaluation seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

import gcond
from gcond import NodeData
from gcond.coreset import Random
from gcond.graph.initialise import Selected
from gcond.graph.selection import Selection


@dataclass(frozen=True)
class Kind:
    """A kind of graph.

    Args:
        homophily: Share of edges within a class.
        shares: Relative sizes of the classes.
        features: ``"normal"``, ``"counts"``, ``"binary"``, ``"long"`` (rows that hold a third of
            all words) or ``"constant"``.
    """

    homophily: float = 0.8
    shares: tuple[float, ...] = (1, 1, 1, 1, 1)
    features: str = "normal"


KINDS = {
    "homophily 0.8": Kind(),
    "homophily 0.3": Kind(homophily=0.3),
    "homophily 0.1": Kind(homophily=0.1),
    "imbalance 20:1": Kind(shares=(20, 10, 5, 2, 1)),
    "imbalance 20:1, homophily 0.1": Kind(0.1, (20, 10, 5, 2, 1)),
    "raw counts": Kind(features="counts"),
    "raw counts, homophily 0.1": Kind(0.1, features="counts"),
    "binary bags of words": Kind(features="binary"),
    "binary bags of words, homophily 0.3": Kind(0.3, features="binary"),
    "long documents": Kind(features="long"),
    "constant features": Kind(features="constant"),
}


def generate(kind: Kind, num_nodes: int = 3000, degree: float = 8.0, seed: int = 0) -> NodeData:
    """A block model: each edge picks a class for its other end, then a node of that class."""
    rng = np.random.default_rng(seed)
    shares = np.array(kind.shares) / sum(kind.shares)
    y = rng.choice(len(shares), num_nodes, p=shares)
    members = [np.flatnonzero(y == c) for c in range(len(shares))]
    source = rng.integers(num_nodes, size=int(num_nodes * degree / 2))
    same = rng.random(len(source)) < kind.homophily
    # Heterophilous edges prefer the next class, so that they say something of the label.
    near = rng.random(len(source)) < 0.7
    other = np.where(near, y[source] + 1, y[source] + rng.integers(1, len(shares), len(source)))
    ends = np.where(same, y[source], other % len(shares))
    target = np.array([rng.choice(members[c]) for c in ends])
    ones = np.ones(len(source), dtype=np.float32)
    adj = sp.coo_array((ones, (source, target)), shape=(num_nodes, num_nodes)).tocsr()
    order = rng.permutation(num_nodes)
    train, val, test = np.split(order, [num_nodes // 10, num_nodes // 5])
    x = _features(kind.features, y, rng)
    return NodeData.from_arrays(
        x, adj + adj.T, y, train=train, val=val, test=test, name="generated"
    )


def _features(kind: str, y: Any, rng: Any) -> Any:
    classes = int(y.max()) + 1
    if kind == "constant":
        return np.ones((len(y), 8))
    if kind == "normal":
        return rng.normal(size=(classes, 32))[y] + 2.5 * rng.normal(size=(len(y), 32))
    words = 300
    topics = 0.6 * rng.dirichlet(np.full(words, 0.5)) + 0.4 * rng.dirichlet(
        np.full(words, 0.05), classes
    )
    if kind == "long":
        return (rng.random((len(y), words)) < (20 * topics)[y] ** 0.7 / 2).astype(float)
    lengths = rng.integers(5, 60, len(y))
    counts = np.stack([rng.multinomial(n, topics[c]) for n, c in zip(lengths, y, strict=True)])
    return (counts > 0).astype(float) if kind == "binary" else counts.astype(float)


METHODS: dict[str, Any] = {
    "gcond": gcond.get_method("gcond"),
    "random": gcond.get_method("random"),
    "random propagated": Selection("random-propagated", Selected(Random())),
}


def measure(kind: Kind, method: Any, options: argparse.Namespace) -> dict[str, list[float]]:
    """Accuracies of each graph and condensation seed, and their means on validation nodes."""
    runs, validation = [], []
    for graph, seed in product(options.graph_seeds, range(options.condensation_seeds)):
        data = generate(kind, seed=graph)
        small = gcond.condense(data, ratio=0.01, method=method, seed=seed, progress=False)
        found = gcond.evaluate(small, data, seeds=options.evaluation_seeds, baselines=())
        runs.append(list(found.rows[0].accuracies))
        validation.append(statistics.fmean(found.rows[0].validation))
    return {"runs": runs, "validation": validation}


def _means(runs: list[list[float]], graphs: int) -> list[float]:
    """Of each run, or of each graph where there are several: what runs on one graph share, such
    as how often a class is in a split, is one draw."""
    means = [statistics.fmean(run) for run in runs]
    size = 1 if graphs == 1 else len(runs) // graphs
    return [statistics.fmean(means[i : i + size]) for i in range(0, len(means), size)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--condensation-seeds", type=int, default=5)
    add("--evaluation-seeds", type=int, default=3)
    add("--graph-seeds", type=int, nargs="+", default=[0])
    add("--threads", type=int)
    add("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"| graph | {' | '.join(METHODS)} | difference / standard error |")
    print("|---|--:|--:|--:|--:|")
    rows: dict[str, Any] = {}
    for name in options.kinds:
        found = {m: measure(KINDS[name], value, options) for m, value in METHODS.items()}
        means = {m: _means(f["runs"], len(options.graph_seeds)) for m, f in found.items()}
        other = max(("random", "random propagated"), key=lambda m: statistics.fmean(means[m]))
        errors = [statistics.variance(means[m]) / len(means[m]) for m in ("gcond", other)]
        gap = statistics.fmean(means["gcond"]) - statistics.fmean(means[other])
        error = math.sqrt(sum(errors)) or float("nan")
        shown = {m: [a for run in f["runs"] for a in run] for m, f in found.items()}
        cells = [f"{statistics.fmean(a):.1f} ± {statistics.stdev(a):.1f}" for a in shown.values()]
        print(f"| {name} | {' | '.join(cells)} | {gap:+.1f} / {error:.1f} |", flush=True)
        graphs = len(options.graph_seeds)
        shown_as = name if graphs == 1 else f"{name}, {graphs} other graphs"
        rows[shown_as] = {**found, "difference": gap, "standard_error": error}
        if options.json:
            about = {
                "protocol": "gcn-600",
                "graph_seeds": options.graph_seeds,
                "condensation_seeds": options.condensation_seeds,
                "evaluation_seeds": options.evaluation_seeds,
            }
            options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
