"""OGB's datasets, read from the files as published: what all have in common, and the molecules.

OGB's own loader opens a pickled cache in a way that torch 2.6 and later refuse, may ask questions
on standard input, and looks for a newer version of itself on the network when it is imported. The
published files are plain tables, so they are read directly.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcond.datasets.graph_set import GraphSet
from gcond.graph.sets.packed import Packed, starts
from gcond.graph.sets.task import Metric

log = logging.getLogger("gcond")

SITE = "http://snap.stanford.edu/ogb/data"
URL = f"{SITE}/graphproppred/csv_mol_download"
_PRECISION = ("ogbg-molmuv", "ogbg-molpcba")


def open_molecules(name: str, base: Path) -> GraphSet:
    """The molecules of an OGB dataset with its scaffold split; edge features are left out.

    Args:
        name: Such as ``"ogbg-molhiv"``.
        base: Folder with ``ogbg_molhiv/``, or with ``ogb/ogbg_molhiv/``.

    Raises:
        FileNotFoundError: The files are neither there nor can they be downloaded.
    """
    short = name.removeprefix("ogbg-mol")
    folder = unpacked(name, base, "raw/node-feat.csv.gz", f"{URL}/{short}.zip")
    raw = folder / "raw"
    y = table(raw / "graph-label.csv.gz", np.float64)
    sizes = torch.as_tensor(table(raw / "num-node-list.csv.gz", np.int64)[:, 0])
    bonds = torch.as_tensor(table(raw / "num-edge-list.csv.gz", np.int64)[:, 0])
    x = torch.as_tensor(table(raw / "node-feat.csv.gz", np.int64))
    edges = torch.as_tensor(table(raw / "edge.csv.gz", np.int64)).T
    ptr = starts(sizes)
    if int(ptr[-1]) != len(x) or int(bonds.sum()) != edges.shape[1] or len(y) != len(sizes):
        raise ValueError(f"the tables in {raw} do not fit together; get them again from {URL}")
    graphs = Packed.of(x, ptr, edges + torch.repeat_interleave(ptr[:-1], bonds))
    parts = {"train": "train", "val": "valid", "test": "test"}
    given = {
        part: table(folder / "split" / "scaffold" / f"{file}.csv.gz", np.int64)[:, 0]
        for part, file in parts.items()
    }
    metric: Metric = "ap" if name in _PRECISION else "rocauc"
    return GraphSet.from_packed(graphs, y, given, name=name, metric=metric)


def unpacked(name: str, base: Path, marker: str, url: str, size: str = "") -> Path:
    """The folder of a dataset, fetched where it is not there.

    Args:
        name: Such as ``"ogbn-arxiv"``.
        base: Folder with ``ogbn_arxiv/``, or with ``ogb/ogbn_arxiv/``.
        marker: A file of it.
        url: The archive as published.
        size: How big that is, where it should be said.

    Raises:
        FileNotFoundError: The files are neither there nor can they be downloaded.
    """
    title = name.replace("-", "_")
    # OGB calls a folder so that its PyTorch Geometric loader made.
    for folder in (base / title, base / "ogb" / title, base / f"{title}_pyg"):
        if (folder / marker).exists():
            return folder
    return _downloaded(base / "ogb" / title, marker, url, size)


def _downloaded(target: Path, marker: str, url: str, size: str) -> Path:
    """Fetches and unpacks the published archive."""
    from torch_geometric.data import download_url, extract_zip

    log.info("downloading %s%s to %s", url, f" ({size})" if size else "", target.parent)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        archive = Path(download_url(url, str(target.parent), log=False))
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            extract_zip(str(archive), scratch, log=False)
            (inside,) = Path(scratch).iterdir()
            inside.rename(target)
        archive.unlink()
    except Exception as error:
        raise FileNotFoundError(
            f"{target / marker} is not there and could not be downloaded from {url} "
            f"({type(error).__name__}); unpack that archive as {target}, or give root= or "
            "GCOND_ROOT"
        ) from error
    return target


def table(path: Path, dtype: Any) -> Any:
    """A table of numbers without a header, packed with gzip."""
    import pandas

    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; get the dataset again from {SITE}")
    return pandas.read_csv(path, header=None).to_numpy(dtype, copy=True)
