"""OGB's molecules, read from the files as published.

OGB's own loader opens a pickled cache in a way that torch 2.6 and later refuse, may ask questions
on standard input, and looks for a newer version of itself on the network when it is imported. The
published files are plain tables, so they are read directly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcond.datasets.graph_set import GraphSet
from gcond.graph.sets.packed import Packed, starts
from gcond.graph.sets.task import Metric

URL = "http://snap.stanford.edu/ogb/data/graphproppred/csv_mol_download"
_PRECISION = ("ogbg-molmuv", "ogbg-molpcba")


def open_molecules(name: str, base: Path) -> GraphSet:
    """The molecules of an OGB dataset with its scaffold split; edge features are left out.

    Args:
        name: Such as ``"ogbg-molhiv"``.
        base: Folder with ``ogbg_molhiv/``, or with ``ogb/ogbg_molhiv/``.

    Raises:
        FileNotFoundError: The files are neither there nor can they be downloaded.
    """
    folder = _folder(name, base)
    raw = folder / "raw"
    y = _table(raw / "graph-label.csv.gz", np.float64)
    sizes = torch.as_tensor(_table(raw / "num-node-list.csv.gz", np.int64)[:, 0])
    bonds = torch.as_tensor(_table(raw / "num-edge-list.csv.gz", np.int64)[:, 0])
    x = torch.as_tensor(_table(raw / "node-feat.csv.gz", np.int64))
    edges = torch.as_tensor(_table(raw / "edge.csv.gz", np.int64)).T
    ptr = starts(sizes)
    if int(ptr[-1]) != len(x) or int(bonds.sum()) != edges.shape[1] or len(y) != len(sizes):
        raise ValueError(f"the tables in {raw} do not fit together; get them again from {URL}")
    graphs = Packed.of(x, ptr, edges + torch.repeat_interleave(ptr[:-1], bonds))
    parts = {"train": "train", "val": "valid", "test": "test"}
    given = {
        part: _table(folder / "split" / "scaffold" / f"{file}.csv.gz", np.int64)[:, 0]
        for part, file in parts.items()
    }
    metric: Metric = "ap" if name in _PRECISION else "rocauc"
    return GraphSet.from_packed(graphs, y, given, name=name, metric=metric)


def _folder(name: str, base: Path) -> Path:
    title = name.replace("-", "_")
    for folder in (base / title, base / "ogb" / title):
        if (folder / "raw" / "node-feat.csv.gz").exists():
            return folder
    return _downloaded(name, base / "ogb" / title)


def _downloaded(name: str, target: Path) -> Path:
    """Fetches and unpacks the published archive."""
    from torch_geometric.data import download_url, extract_zip

    short = name.removeprefix("ogbg-mol")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        archive = download_url(f"{URL}/{short}.zip", str(target.parent), log=False)
        extract_zip(archive, str(target.parent), log=False)
        Path(archive).unlink()
        (target.parent / short).rename(target)
    except Exception as error:
        raise FileNotFoundError(
            f"{target / 'raw' / 'node-feat.csv.gz'} is not there and could not be downloaded from "
            f"{URL}/{short}.zip ({type(error).__name__}); unpack that archive as {target}, or "
            "give root= or GCOND_ROOT"
        ) from error
    return target


def _table(path: Path, dtype: Any) -> Any:
    import pandas

    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; get the dataset again from {URL}")
    return pandas.read_csv(path, header=None).to_numpy(dtype, copy=True)
