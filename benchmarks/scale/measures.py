"""What is measured, each in a process of its own: ``measures.py NAME ARGUMENTS`` prints JSON."""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from graphs import graph

import gcond
from gcond.datasets import as_task
from gcond.graph.initialise import Noise
from gcond.graph.large.edges import Edges, neighbour_sums
from gcond.graph.large.memory import in_bytes, resident
from gcond.graph.large.propagation import Plan, Propagation
from gcond.graph.preprocess import Preprocess
from gcond.graph.propagation import csr
from gcond.matching import Last, Schedule

Facts = dict[str, Any]


def step(folder: Path, nodes: int, num_nodes: int, memory: str) -> Facts:
    """Seconds of a matching step after propagation."""
    store = graph(folder, nodes, 10, 128)
    # So few rows of a class that the smallest graph has more: every size draws as many.
    method = replace(
        gcond.get_method("doscond-x"),
        schedule=Schedule(110),
        init=Noise(),
        selection=Last(),
        batch_size=100,
    )
    task = as_task(store, memory=memory)
    times: list[float] = []
    cpu: list[float] = []

    def watch(moment: Any) -> None:
        times.append(time.perf_counter())
        cpu.append(time.process_time())

    gcond.condense(task, num_nodes=num_nodes, method=method, observers=[watch], progress=False)
    kept = "memory" if task.features("train", 2).fits else "disk"
    # The first steps read the rows.
    return {
        "nodes": nodes,
        "num_nodes": num_nodes,
        "rows_in": kept,
        "step_s": median(np.diff(times[10:]).tolist()),
        "step_cpu_s": median(np.diff(cpu[10:]).tolist()),
    }


def propagation(
    folder: Path, nodes: int, degree: int, features: int, memory: str, precision: str
) -> Facts:
    """Seconds and peak memory of two hops, from the files of the store to those of the cache."""
    store = graph(folder, nodes, degree, features)
    budget, before = in_bytes(memory), resident()
    job = Propagation(store, Preprocess("none"), 2, precision=precision)  # type: ignore[arg-type]
    width = Plan.of(job, budget).width
    cache = Path(tempfile.mkdtemp(dir=folder))
    try:
        began, used = time.perf_counter(), time.process_time()
        job.run(cache, budget)
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
    finally:
        shutil.rmtree(cache)
    return {
        "nodes": nodes,
        "edges": store.num_edges,
        "features": features,
        "precision": precision,
        "feature_bytes": store.x.nbytes,
        "budget": budget,
        "width": width,
        "process_before": before,
        # Kilobytes on Linux; pages of mapped files are among them.
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "seconds": seconds,
        "cpu_s": cpu,
    }


def product(folder: Path, nodes: int, degree: int, features: int) -> Facts:
    """Seconds of one hop in memory: ours, scipy's and torch's, in turns."""
    store = graph(folder, nodes, degree, features)
    indptr, indices = np.array(store.indptr), np.array(store.indices)
    ones, shape = np.ones(len(indices), np.float32), (nodes, nodes)
    x = np.array(store.x)
    theirs = sp.csr_array((ones, indices, indptr.astype(np.int32)), shape)
    other = csr(
        torch.from_numpy(indptr.astype(np.int32)),
        torch.from_numpy(indices),
        torch.from_numpy(ones),
        shape,
    )
    edges, u = Edges.of(store), torch.from_numpy(x)
    half = u.half()
    plan = Plan(features, 1 << 22, 1 << 16, 1 << 16)

    def ours(u: torch.Tensor) -> Callable[[], Any]:
        return lambda: [
            neighbour_sums(piece, u) for piece in edges.pieces(None, plan.edges, plan.rows)
        ]

    contestants: dict[str, Callable[[], Any]] = {
        "ours_s": ours(u),
        "ours_half_s": ours(half),
        "scipy_s": lambda: theirs @ x,
        "torch_s": lambda: other @ u,
    }
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(3):
        for name, work in contestants.items():
            began = time.perf_counter()
            work()
            found[name].append(time.perf_counter() - began)
    facts = {"nodes": nodes, "edges": store.num_edges, "features": features}
    return facts | {name: median(seconds) for name, seconds in found.items()}


def prepare(folder: Path, nodes: int, degree: int, features: int) -> Facts:
    """Writes a graph, so that whoever measures on it only opens it."""
    return {"edges": graph(folder, nodes, degree, features).num_edges}


MEASURES: dict[str, Callable[..., Facts]] = {
    "prepare": prepare,
    "step": step,
    "propagation": propagation,
    "product": product,
}


def main(name: str, folder: str, *arguments: str) -> None:
    values = [int(a) if a.isdigit() else a for a in arguments]
    print(json.dumps(MEASURES[name](Path(folder), *values)))


if __name__ == "__main__":
    main(*sys.argv[1:])
