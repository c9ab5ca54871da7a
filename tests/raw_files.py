"""Miniature files in the exact raw formats of Flickr, Reddit and OGB's graphs."""

import gzip
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

SPLIT = {"ogbn-products": "sales_ranking"}


@dataclass
class Mini:
    """A directed graph without duplicates; ``edges [2, E]``, ``role [N]`` 0, 1, 2 or -1."""

    x: Any
    y: Any
    edges: Any
    role: Any

    @property
    def simple(self):
        """Both directions, no self-loops."""
        n = len(self.x)
        adj = sp.coo_array((np.ones(self.edges.shape[1]), self.edges), shape=(n, n)).tocsr()
        adj = ((adj + adj.T) > 0).astype(np.float32)
        adj.setdiag(0)
        adj.eliminate_zeros()
        return sp.csr_array(adj)


def mini(n=80, d=6, classes=4, edges=300, seed=0):
    """With a self-loop, nodes of no split, and edges in both directions and in one."""
    rng = np.random.default_rng(seed)
    pairs = np.unique(rng.integers(n, size=(2, edges)), axis=1)
    pairs = np.unique(np.concatenate([pairs, [[5], [5]], pairs[::-1, :20]], 1), axis=1)
    y = np.arange(n) % classes
    x = (rng.normal(size=(n, d)) + y[:, None]).astype(np.float32)
    role = rng.permutation(np.arange(n) // 4 % 4)
    role[:classes] = 0
    role[-classes:] = 2
    return Mini(x, y, pairs[:, rng.permutation(pairs.shape[1])], np.where(role == 3, -1, role))


def flickr(root, g):
    """GraphSAINT: every node has a class here, none is without a split."""
    raw = root / "Flickr" / "raw"
    raw.mkdir(parents=True)
    adj = sp.csr_matrix(g.simple, dtype=bool)
    parts = {name: getattr(adj, name) for name in ("data", "indices", "indptr", "shape")}
    np.savez(raw / "adj_full.npz", **parts)
    np.save(raw / "feats.npy", g.x.astype(np.float64))
    (raw / "class_map.json").write_text(json.dumps({str(i): int(c) for i, c in enumerate(g.y)}))
    role = {name: np.flatnonzero(g.role == i).tolist() for i, name in enumerate(("tr", "va", "te"))}
    (raw / "role.json").write_text(json.dumps(role))
    return root


def reddit(root, g, compressed=True):
    raw = root / "Reddit" / "raw"
    raw.mkdir(parents=True)
    save = np.savez_compressed if compressed else np.savez
    types = np.select([g.role == 0, g.role == 1, g.role == 2], [1, 2, 3], 0)
    save(
        raw / "reddit_data.npz",
        feature=g.x.astype(np.float64),
        label=g.y.astype(np.int32),
        node_types=types.astype(np.int32),
        node_ids=np.arange(len(g.y)),
    )
    adj = sp.coo_matrix(g.simple)
    order = np.random.default_rng(1).permutation(adj.nnz)
    shuffled = sp.coo_matrix((adj.data[order], (adj.row[order], adj.col[order])), adj.shape)
    sp.save_npz(raw / "reddit_graph.npz", shuffled)
    return root


def _table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt") as file:
        pd.DataFrame(rows).to_csv(file, header=False, index=False)


def ogb(root, name, g, folder="ogb"):
    """ogbn-arxiv and ogbn-products: tables packed with gzip."""
    top = root / folder / name.replace("-", "_")
    _table(top / "raw" / "edge.csv.gz", g.edges.T)
    _table(top / "raw" / "node-feat.csv.gz", np.round(g.x, 6))
    _table(top / "raw" / "node-label.csv.gz", g.y[:, None])
    _table(top / "raw" / "num-node-list.csv.gz", [[len(g.y)]])
    _table(top / "raw" / "num-edge-list.csv.gz", [[g.edges.shape[1]]])
    if name == "ogbn-arxiv":
        _table(top / "raw" / "node_year.csv.gz", 2010 + g.y[:, None])
    for number, part in enumerate(("train", "valid", "test")):
        rows = np.flatnonzero(g.role == number)[:, None]
        _table(top / "split" / SPLIT.get(name, "time") / f"{part}.csv.gz", rows)
    _table(top / "mapping" / "nodeidx2paperid.csv.gz", np.arange(len(g.y))[:, None])
    (top / "RELEASE_v1.txt").touch()
    return root


def papers(root, g, *, compressed=True, fortran=False, numpy_split=False):
    """ogbn-papers100M: arrays, NaN where there is no label, and a pickled split."""
    top = root / "ogb" / "ogbn_papers100M"
    (top / "raw").mkdir(parents=True)
    (top / "split" / "time").mkdir(parents=True)
    save = np.savez_compressed if compressed else np.savez
    save(
        top / "raw" / "data.npz",
        edge_index=np.asfortranarray(g.edges) if fortran else g.edges,
        num_nodes_list=np.array([len(g.y)]),
        num_edges_list=np.array([g.edges.shape[1]]),
        node_feat=g.x,
        node_year=2010 + g.y[:, None],
    )
    y = np.where(g.role < 0, np.nan, g.y).astype(np.float32)
    save(top / "raw" / "node-label.npz", node_label=y[:, None])
    rows = [np.flatnonzero(g.role == number) for number in range(3)]
    if not numpy_split:
        rows = [torch.as_tensor(part) for part in rows]
    split = dict(zip(("train", "valid", "test"), rows, strict=True))
    torch.save(split, top / "split" / "time" / "split_dict.pt")
    (top / "RELEASE_v1.txt").touch()
    return root
