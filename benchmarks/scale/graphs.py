"""Random graphs of a given size on disk: only their numbers matter here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp

from gcond.graph.store import Store, StoreWriter, is_store

CHUNK = 1 << 16
CLASSES = 40


def graph(folder: Path, nodes: int, degree: int, features: int) -> Store:
    """A store with about ``degree`` neighbours of each node; one that is there is taken."""
    target = folder / f"random-{nodes}-{degree}-{features}"
    if is_store(target):
        return Store.open(target)
    rng = np.random.default_rng(0)
    ends = rng.integers(0, nodes, (2, nodes * degree // 2), dtype=np.int32)
    ones = np.ones(ends.shape[1], np.int8)
    adj = sp.coo_array((ones, (ends[0], ends[1])), (nodes, nodes)).tocsr()
    adj = (adj + adj.T).tocsr()
    adj.setdiag(0)
    adj.eliminate_zeros()
    adj.sort_indices()
    with StoreWriter(target, target.name, nodes, features, CLASSES) as writer:
        for start in range(0, nodes, CHUNK):
            stop = min(start + CHUNK, nodes)
            span = slice(adj.indptr[start], adj.indptr[stop])
            y = np.arange(start, stop) % CLASSES
            writer.add_neighbours(np.diff(adj.indptr[start : stop + 1]), adj.indices[span])
            x = rng.standard_normal((stop - start, features), dtype=np.float32)
            x[:, 0] += y
            writer.add("x", x)
            writer.add("y", y)
            writer.add("split", rng.choice(3, stop - start, p=(0.5, 0.2, 0.3)))
    return Store.open(target)
