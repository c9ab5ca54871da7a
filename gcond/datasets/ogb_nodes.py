"""OGB's graphs with labelled nodes, read from the files as published, without their caches,
questions and network; see :mod:`gcond.datasets.ogb`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcond.datasets import npz
from gcond.datasets.ogb import SITE, table, unpacked
from gcond.datasets.raw import Array, Raw, Usual

ROWS = 1 << 17
"""Lines of a table that are read together."""


@dataclass(frozen=True)
class Published:
    """What OGB's list of datasets says of one.

    Args:
        archive: Name of the archive, and of the folder in it.
        split: Name of the standard split.
        num_classes: Number of classes.
        size: Size of the archive.
        inverse: Whether OGB's loader adds the other direction of each edge.
        binary: Whether the tables are ``.npz`` files.
    """

    archive: str
    split: str
    num_classes: int
    size: str
    inverse: bool = False
    binary: bool = False


PUBLISHED = {
    "ogbn-arxiv": Published("arxiv", "time", 40, "81 MB"),
    "ogbn-products": Published("products", "sales_ranking", 47, "1.4 GB", inverse=True),
    "ogbn-papers100M": Published("papers100M-bin", "time", 172, "57 GB", binary=True),
}


def open_ogb(name: str, base: Path) -> Raw:
    """One of :data:`PUBLISHED`, by its name in any case.

    Raises:
        FileNotFoundError: Files are neither there nor can they be downloaded.
        ValueError: The files do not fit together.
    """
    name = {known.lower(): known for known in PUBLISHED}[name.lower()]
    facts = PUBLISHED[name]
    marker = "raw/data.npz" if facts.binary else "raw/edge.csv.gz"
    url = f"{SITE}/nodeproppred/{facts.archive}.zip"
    folder = unpacked(name, base, marker, url, facts.size)
    found = (_binary if facts.binary else _tables)(name, folder, facts)
    if len(found.y) and int(found.y.max()) >= facts.num_classes:
        raise ValueError(f"{folder} has labels up to {found.y.max()}, {name} has fewer classes")
    return found


def _tables(name: str, folder: Path, facts: Published) -> Raw:
    raw = folder / "raw"
    for file in ("edge", "node-feat", "node-label", "num-node-list", "num-edge-list"):
        if not (raw / f"{file}.csv.gz").exists():
            raise FileNotFoundError(
                f"{raw / file}.csv.gz is missing; get {SITE}/nodeproppred/{facts.archive}.zip and "
                f"unpack it as {folder}"
            )
    n, many = (int(table(raw / f"num-{kind}-list.csv.gz", np.int64)[0, 0]) for kind in _COUNTED)
    width = next(iter(_lines(raw / "node-feat.csv.gz", np.float32, 1))).shape[1]
    y = _labels(table(raw / "node-label.csv.gz", np.float64)[:, 0])
    if len(y) != n:
        raise ValueError(f"{raw} has {len(y)} labels for {n} nodes; get the dataset again")
    return Raw(
        name=name.lower(),
        num_features=width,
        num_classes=int(y.max()) + 1,
        num_edges=many,
        y=y,
        split=_split(folder / "split" / facts.split, n),
        edges=lambda: (rows.T for rows in _lines(raw / "edge.csv.gz", np.int64)),
        features=lambda: _lines(raw / "node-feat.csv.gz", np.float32),
        usual=USUAL,
        finish=_both_ways if facts.inverse else np.asarray,
    )


_COUNTED = ("node", "edge")


def _binary(name: str, folder: Path, facts: Published) -> Raw:
    raw = folder / "raw"
    path = raw / "data.npz"
    (n, width), _ = npz.header(path, "node_feat")
    with np.load(raw / "node-label.npz", allow_pickle=False) as labels:
        y = _labels(labels["node_label"].reshape(-1))
    if len(y) != n:
        raise ValueError(f"{raw} has {len(y)} labels for {n} nodes; get the dataset again")
    return Raw(
        name=name.lower(),
        num_features=width,
        num_classes=int(y.max()) + 1,
        num_edges=npz.header(path, "edge_index")[0][1],
        y=y,
        split=_split(folder / "split" / facts.split, n),
        edges=lambda: npz.columns(path, "edge_index"),
        features=lambda: npz.rows(path, "node_feat"),
        usual=USUAL,
    )


USUAL = Usual("transductive", "standard")


def _lines(path: Path, dtype: Any, rows: int = ROWS) -> Iterator[Array]:
    import pandas

    for part in pandas.read_csv(path, header=None, chunksize=rows):
        yield part.to_numpy(dtype)


def _labels(y: Array) -> Array:
    return np.where(np.isnan(y), -1, y).astype(np.int64)


def _both_ways(edges: Array) -> Array:
    """Each edge followed by its inverse, as OGB's loader has them."""
    both = np.repeat(edges, 2, axis=1)
    both[:, 1::2] = edges[::-1]
    return both


def _split(folder: Path, n: int) -> Array:
    """The number of each node's split, from tables or OGB's ``split_dict.pt``."""
    found = np.full(n, -1, dtype=np.int8)
    parts = ("train", "valid", "test")
    whole = folder / "split_dict.pt"
    if whole.exists() and not (folder / "train.csv.gz").exists():
        with torch.serialization.safe_globals(_NUMPY):
            given = torch.load(whole, weights_only=True)
        indices = [np.asarray(given[part]) for part in parts]
    else:
        indices = [table(folder / f"{part}.csv.gz", np.int64)[:, 0] for part in parts]
    for number, rows in enumerate(indices):
        if len(rows) and not 0 <= rows.min() <= rows.max() < n:
            raise ValueError(f"{folder} names node {rows.max()}, the graph has {n} nodes")
        if (found[rows] >= 0).any():
            raise ValueError(f"the splits in {folder} overlap; get the dataset again")
        found[rows] = number
    return found


# What a pickled array of numbers is made of, under NumPy's old and new names.
_NUMPY: list[Any] = [
    np.ndarray,
    np.dtype,
    type(np.dtype(np.int64)),
    *(
        (np.zeros(0).__reduce__()[0], f"numpy.{core}.multiarray._reconstruct")
        for core in ("core", "_core")
    ),
]
