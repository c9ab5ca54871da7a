"""Datasets that have a name."""

from __future__ import annotations

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch_geometric.data import Data

PLANETOID_URL = "https://github.com/kimiyoung/planetoid/raw/master/data"


def load_dataset(name: str, root: str | Path | None = None) -> Data:
    """Opens a dataset by name as a PyG ``Data`` with masks.

    Args:
        name: One of :func:`list_datasets`.
        root: Folder of the datasets; by default ``$GCOND_ROOT``, then PyG's home.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: The files are neither there nor can they be downloaded.

    Example:
        >>> load_dataset("digits").num_nodes
        1797
    """
    key = name.lower()
    if key not in _LOADERS:
        close = get_close_matches(key, _LOADERS, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(_LOADERS)}"
        raise ValueError(
            f"unknown dataset {name!r}{hint} (gcond datasets lists all; other data can be given "
            "as a PyG Data or Dataset)"
        )
    data: Data = _LOADERS[key][0](_base(root))
    data.name = key
    return data


def list_datasets() -> dict[str, str]:
    """Names that :func:`load_dataset` knows, with what they are."""
    return {name: text for name, (_, text) in _LOADERS.items()}


def _base(root: str | Path | None) -> Path:
    if root is not None:
        return Path(root)
    if os.environ.get("GCOND_ROOT"):
        return Path(os.environ["GCOND_ROOT"])
    from torch_geometric import get_home_dir

    return Path(get_home_dir())


def _digits(base: Path) -> Data:
    """scikit-learn's digits as a graph of nearest neighbours; needs no files."""
    from sklearn.datasets import load_digits
    from sklearn.neighbors import kneighbors_graph
    from torch_geometric.data import Data

    x, y = load_digits(return_X_y=True)
    near = kneighbors_graph(x, 5).tocoo()
    pairs = np.stack([near.row, near.col])
    edge_index = np.unique(np.concatenate([pairs, pairs[::-1]], 1), axis=1)
    data = Data(
        x=torch.tensor(x, dtype=torch.float32),
        edge_index=torch.tensor(edge_index, dtype=torch.long),
        y=torch.tensor(y, dtype=torch.long),
    )
    rng = np.random.default_rng(0)
    split = np.full(len(y), 2)
    for c in range(10):
        order = rng.permutation(np.flatnonzero(y == c))
        split[order[:20]], split[order[20:50]] = 0, 1
    for number, mask in enumerate(("train_mask", "val_mask", "test_mask")):
        data[mask] = torch.tensor(split == number)
    return data


def _planetoid(title: str) -> Callable[[Path], Data]:
    def load(base: Path) -> Data:
        from torch_geometric.datasets import Planetoid
        from torch_geometric.io import read_planetoid_data

        # Read from the raw files where they are: nothing is written beside them, and no cache
        # of unknown origin is unpickled.
        for folder in (base, base / "planetoid", base / "Planetoid"):
            raw = folder / title / "raw"
            if (raw / f"ind.{title.lower()}.graph").exists():
                data: Data = read_planetoid_data(str(raw), title.lower())
                return data
        try:
            found: Data = Planetoid(str(base / "planetoid"), title)[0]
        except Exception as error:
            raise FileNotFoundError(
                f"{title} is not under {base} and could not be downloaded from {PLANETOID_URL} "
                f"({type(error).__name__}); put the eight files ind.{title.lower()}.* into "
                f"{base / 'planetoid' / title / 'raw'}, or give root= or GCOND_ROOT"
            ) from error
        return found

    return load


_LOADERS: dict[str, tuple[Callable[[Path], Data], str]] = {
    "digits": (_digits, "1,797 handwritten digits, 5-nearest-neighbour graph; always there"),
    "cora": (_planetoid("Cora"), "2,708 papers, public split (Planetoid)"),
    "citeseer": (_planetoid("CiteSeer"), "3,327 papers, public split (Planetoid)"),
    "pubmed": (_planetoid("PubMed"), "19,717 papers, public split (Planetoid)"),
}
