"""How hard the generated graphs are: SGC on all training nodes, and on a few.

    python benchmarks/accuracy/shapes.py arxiv-like reddit-like-20000 --sizes 90 454 --json out.json

SGC is a linear map of features that were propagated twice, here fitted on propagated rows by Adam;
its best epoch on validation nodes is kept and tested once. Beside all training rows stand condensed
sets, propagated over their own edges. Test accuracy in percent, mean ± std over condensation seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

import gcond
from gcond.datasets import as_task
from gcond.datasets.big import open_big
from gcond.graph.propagation import propagate_dense

HOPS = 2


def fitted(z: Tensor, y: Tensor, seen: Any, classes: int, epochs: int, every: int) -> float:
    """Test accuracy of softmax regression on rows, at its best epoch on validation rows."""
    scale = float(seen["train"][0].square().mean().sqrt())
    weight = torch.zeros(z.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], 0.02)
    best = (-1.0, 0.0)
    for epoch in range(1, epochs + 1):
        optimizer.zero_grad()
        cross_entropy(z / scale @ weight + bias, y).backward()
        optimizer.step()
        if epoch % every == 0:
            found = [correct(seen[split], scale, weight, bias) for split in ("val", "test")]
            best = max(best, (found[0], found[1]))
    return best[1]


@torch.no_grad()
def correct(rows: tuple[Tensor, Tensor], scale: float, weight: Tensor, bias: Tensor) -> float:
    z, y = rows
    return 100 * float((((z / scale) @ weight + bias).argmax(1) == y).double().mean())


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Accuracies on one graph by what was trained on, and the seconds of its parts."""
    began = time.perf_counter()
    store = open_big(name, options.root)
    task = as_task(
        gcond.NodeData.from_store(store), setting=store.about["setting"], normalize="standard"
    )
    opened = time.perf_counter()
    seen = {
        split: (torch.as_tensor(np.asarray(task.features(split, HOPS))), task.labels(split))
        for split in ("train", "val", "test")
    }
    propagated = time.perf_counter()
    classes = task.num_classes
    found: dict[str, list[float]] = {"whole": [fitted(*seen["train"], seen, classes, 120, 10)]}
    for size in options.sizes:
        for method in options.methods:
            runs = []
            for seed in range(options.seeds):
                small = gcond.condense(
                    task, num_nodes=size, method=method, seed=seed, progress=False
                ).full()
                z = small.x
                if small.adjacency is not None:
                    z = propagate_dense(small.adjacency, z, HOPS)
                runs.append(fitted(z, small.y.long(), seen, classes, 300, 20))
            found[f"{method} {size}"] = runs
            print(f"{name}: {method} {size} {shown(runs)}", flush=True)
    seconds = {"open": opened - began, "propagate": propagated - opened}
    print(f"{name}: whole {shown(found['whole'])}, {seconds}", flush=True)
    return {"accuracies": found, "seconds": seconds}


def shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("names", nargs="+")
    add("--sizes", type=int, nargs="+", default=[90, 454])
    add("--methods", nargs="+", default=["random", "centroid"])
    add("--seeds", type=int, default=3)
    add("--root", type=Path, default=Path(tempfile.gettempdir()) / "gcond-shapes")
    add("--json", type=Path)
    options = parser.parse_args()
    rows = {name: measure(name, options) for name in options.names}
    if options.json:
        about = {"hops": HOPS, "sizes": options.sizes, "seeds": options.seeds}
        options.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
