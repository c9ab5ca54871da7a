"""Sets of graphs that have a name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcond.datasets.graph_set import GraphSet
from gcond.datasets.ogb import open_molecules
from gcond.graph.sets.packed import Packed, starts

TU_URL = "https://www.chrsmrrs.com/graphkerneldatasets"

Loader = Callable[[Path, int], GraphSet]


def load_set(name: str, base: Path, split: int = 0) -> GraphSet:
    """Opens a set of graphs by name.

    Args:
        name: One of :func:`list_sets`.
        base: Folder of the datasets.
        split: Number of the split, where it is ours to draw.

    Raises:
        FileNotFoundError: The files are neither there nor can they be downloaded.
    """
    return _LOADERS[name.lower()][0](base, split)


def list_sets() -> dict[str, str]:
    """Names that :func:`load_set` knows, with what they are."""
    return {name: text for name, (_, text) in _LOADERS.items()}


LEVELS = (4, 10)
"""Grey values from which a pixel is grey and black, of 16."""


def _digits(base: Path, split: int) -> GraphSet:
    """Each of scikit-learn's digits as the regions of equal grey in it; needs no files."""
    from sklearn.datasets import load_digits

    flat, y = load_digits(return_X_y=True)
    images = flat.reshape(-1, 8, 8)
    regions, owner = _regions(np.digitize(images, LEVELS))
    ptr = starts(torch.as_tensor(np.bincount(owner, minlength=len(images))))
    beside = np.stack([regions[:, :, :-1].ravel(), regions[:, :, 1:].ravel()])
    below = np.stack([regions[:, :-1].ravel(), regions[:, 1:].ravel()])
    edges = torch.as_tensor(np.concatenate([beside, below], 1))
    graphs = Packed.of(_described(images, regions, len(owner)), ptr, edges)
    nothing = {"train": None, "val": None, "test": None}
    return GraphSet.from_packed(graphs, y, nothing, name="digits-graphs", split=split)


def _regions(shades: Any) -> tuple[Any, Any]:
    """Number of the region of each pixel, image after image, and the image of each region."""
    from scipy.ndimage import generate_binary_structure, label

    within = generate_binary_structure(3, 1)
    within[[0, 2]] = False  # pixels touch in their image only
    found, count = np.zeros(shades.shape, dtype=np.int64), 0
    for shade in range(len(LEVELS) + 1):
        numbers, many = label(shades == shade, within)
        found[numbers > 0] = numbers[numbers > 0] + count - 1
        count += many
    owner = np.zeros(count, dtype=np.int64)
    owner[found.ravel()] = np.repeat(np.arange(len(shades)), 64)
    order = np.argsort(owner, kind="stable")
    place = np.empty(count, dtype=np.int64)
    place[order] = np.arange(count)
    return place[found], owner[order]


def _described(images: Any, regions: Any, count: int) -> torch.Tensor:
    """Area, mean grey, centre, spread and extent of each region."""
    _, i, j = (axis.ravel() for axis in np.indices(images.shape))
    where = regions.ravel()
    area = np.bincount(where, minlength=count)

    def mean(values: Any) -> Any:
        return np.bincount(where, values, count) / area

    columns = [area, mean(images.ravel())]
    for axis in (i, j):
        low, high = np.full(count, 8), np.zeros(count, dtype=np.int64)
        np.minimum.at(low, where, axis)
        np.maximum.at(high, where, axis)
        middle = mean(axis)
        spread = np.sqrt(np.maximum(mean(axis**2) - middle**2, 0))
        columns += [middle, spread, high - low + 1]
    return torch.tensor(np.stack(columns, 1), dtype=torch.float32)


def _tu(title: str) -> Loader:
    def load(base: Path, split: int) -> GraphSet:
        from torch_geometric.io import read_tu_data

        for folder in (base, base / "tu", base / "TUDataset"):
            if (folder / title / "raw" / f"{title}_A.txt").exists():
                raw = folder / title / "raw"
                break
        else:
            raw = _downloaded(base / "tu", title)
        # Read from the raw files where they are: nothing is written beside them.
        data, slices, sizes = read_tu_data(str(raw), title)
        if data.x is None:
            ptr = starts(torch.as_tensor(data.num_nodes))
            x = torch.ones(int(ptr[-1]), 1, dtype=torch.long)
        else:
            ptr = torch.as_tensor(slices["x"]).long()
            x = data.x[:, sizes["num_node_attributes"] :]  # labels only, as PyG's default
            x = x if x.shape[1] else data.x
        edges = torch.as_tensor(slices["edge_index"])
        shift = torch.repeat_interleave(ptr[:-1], edges.diff())
        graphs = Packed.of(x, ptr, data.edge_index + shift)
        nothing = {"train": None, "val": None, "test": None}
        y = data.y.numpy()
        return GraphSet.from_packed(graphs, y, nothing, name=title.lower(), split=split)

    return load


def _downloaded(folder: Path, title: str) -> Path:
    from torch_geometric.datasets import TUDataset

    try:
        return Path(TUDataset(str(folder), title).raw_dir)
    except Exception as error:
        raise FileNotFoundError(
            f"{title} is not under {folder} and could not be downloaded from {TU_URL} "
            f"({type(error).__name__}); put the files {title}_*.txt into "
            f"{folder / title / 'raw'}, or give root= or GCOND_ROOT"
        ) from error


def _ogb(name: str) -> Loader:
    def load(base: Path, split: int) -> GraphSet:
        return open_molecules(name, base)

    return load


_LOADERS: dict[str, tuple[Loader, str]] = {
    "digits-graphs": (_digits, "1,797 digits as graphs of their regions; always there"),
    "mutag": (_tu("MUTAG"), "188 molecules (TU), 80/10/10 splits by number"),
    "nci1": (_tu("NCI1"), "4,110 molecules (TU), 80/10/10 splits by number"),
    "dd": (_tu("DD"), "1,178 proteins (TU), 80/10/10 splits by number"),
    "proteins": (_tu("PROTEINS"), "1,113 proteins (TU), 80/10/10 splits by number"),
    "enzymes": (_tu("ENZYMES"), "600 enzymes, 6 classes (TU), 80/10/10 splits by number"),
    "ogbg-molhiv": (_ogb("ogbg-molhiv"), "41,127 molecules, scaffold split, ROC-AUC (OGB)"),
    "ogbg-molbace": (_ogb("ogbg-molbace"), "1,513 molecules, scaffold split, ROC-AUC (OGB)"),
    "ogbg-molbbbp": (_ogb("ogbg-molbbbp"), "2,039 molecules, scaffold split, ROC-AUC (OGB)"),
    "ogbg-molclintox": (_ogb("ogbg-molclintox"), "1,477 molecules, 2 labels, ROC-AUC (OGB)"),
    "ogbg-molsider": (_ogb("ogbg-molsider"), "1,427 molecules, 27 labels, ROC-AUC (OGB)"),
    "ogbg-moltox21": (_ogb("ogbg-moltox21"), "7,831 molecules, 12 labels, ROC-AUC (OGB)"),
    "ogbg-moltoxcast": (_ogb("ogbg-moltoxcast"), "8,576 molecules, 617 labels, ROC-AUC (OGB)"),
    "ogbg-molmuv": (_ogb("ogbg-molmuv"), "93,087 molecules, 17 labels, precision (OGB)"),
    "ogbg-molpcba": (_ogb("ogbg-molpcba"), "437,929 molecules, 128 labels, precision (OGB)"),
}
