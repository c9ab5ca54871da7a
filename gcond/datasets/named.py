"""Datasets that have a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gcond.datasets import big, named_images, named_sets
from gcond.datasets.big import base_of
from gcond.datasets.raw import Edges
from gcond.spelling import meant

if TYPE_CHECKING:
    from torch_geometric.data import Data

PLANETOID_URL = "https://github.com/kimiyoung/planetoid/raw/master/data"


def load_dataset(name: str, root: str | Path | None = None, *, edges: Edges = "simple") -> Any:
    """Opens a dataset by name: a PyG ``Data`` with masks, a :class:`gcond.GraphSet`, or a
    :class:`gcond.ImageSet`.

    Args:
        name: One of :func:`list_datasets`.
        root: Folder of the datasets; by default ``$GCOND_ROOT``, then PyG's home.
        edges: Of Flickr, Reddit and OGB's graphs: ``"simple"``, both directions of every edge,
            each once and without self-loops (ogbn-arxiv is published with one direction), or
            ``"published"``, as PyG's and OGB's loaders give them.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: The files are neither there nor can they be downloaded.

    Example:
        >>> load_dataset("digits").num_nodes
        1797
    """
    key = name.lower()
    if key in named_sets.list_sets():
        return named_sets.load_set(key, base_of(root))
    if key in named_images.list_images():
        return named_images.load_images(key, base_of(root))
    if edges not in ("simple", "published"):
        raise ValueError(f"edges must be 'simple' or 'published', got {edges!r}")
    if big.is_big(key):
        found: Data = big.data(big.open_big(key, base_of(root)), edges)
        found.name = key
        return found
    if key not in _LOADERS:
        known = list_datasets()
        raise ValueError(
            f"unknown dataset {name!r}; {meant(key, known)}known: {', '.join(known)}; other "
            "data can be given as a PyG Data or Dataset"
        )
    data: Data = _LOADERS[key][0](base_of(root))
    data.name = key
    return data


def list_datasets() -> dict[str, str]:
    """Names that :func:`load_dataset` knows, with what they are."""
    nodes = {name: text for name, (_, text) in _LOADERS.items()}
    nodes = {name: text for name, (_, text) in _LOADERS.items()} | big.list_big()
    return nodes | named_sets.list_sets() | named_images.list_images()


def is_named(name: str) -> bool:
    """Whether :func:`load_dataset` knows a name: those of :func:`list_datasets`, and generated
    graphs of other sizes and seeds, such as ``"arxiv-like-20000"``."""
    return name.lower() in list_datasets() or big.is_big(name)


def _digits(base: Path) -> Data:
    """scikit-learn's digits as a graph of nearest neighbours; needs no files."""
    from sklearn.datasets import load_digits
    from sklearn.metrics.pairwise import euclidean_distances
    from torch_geometric.data import Data

    x, y = load_digits(return_X_y=True)
    # Squared distances of whole numbers are exact; ties go to the smaller number, whatever the
    # number of threads.
    apart = euclidean_distances(x, squared=True)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1, kind="stable")[:, :5]
    pairs = np.stack([np.repeat(np.arange(len(x)), 5), near.ravel()])
    edge_index = np.unique(np.concatenate([pairs, pairs[::-1]], 1), axis=1)
    data = Data(
        x=torch.tensor(x, dtype=torch.float32),
        edge_index=torch.tensor(edge_index, dtype=torch.long),
        y=torch.tensor(y, dtype=torch.long),
    )
    return _with_masks(data, _drawn(y, 0))


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


@dataclass(frozen=True)
class _Family:
    """Datasets that one PyG class reads from one file each.

    Args:
        kind: Name of the class in ``torch_geometric.datasets``.
        folder: Where under the root its files are.
        url: Where they come from.
        split: Whether the split is ours to draw: 20 training and 30 validation nodes of each
            class, the others for testing, with the number of the split as the seed, as in
            `"Pitfalls of Graph Neural Network Evaluation" <https://arxiv.org/abs/1811.05868>`_.
    """

    kind: str
    folder: str
    url: str
    split: bool = False

    def loader(self, file: str, **options: Any) -> Callable[[Path], Data]:
        """A loader for one of the family; ``file`` is its raw file under the folder."""

        def load(base: Path) -> Data:
            import torch_geometric.datasets

            try:
                kind = getattr(torch_geometric.datasets, self.kind)
                data: Data = kind(str(base / self.folder), **options)[0]
            except Exception as error:
                raise FileNotFoundError(
                    f"{base / self.folder / file} is not there or not readable, and could not be "
                    f"downloaded from {self.url} ({type(error).__name__}: {error}); put the file "
                    "there, or give root= or GCOND_ROOT"
                ) from error
            return _with_splits(data) if self.split else data

        return load


Marks = np.ndarray[Any, Any]

SPLITS = 10
"""Random splits of datasets that bring none."""


def _with_splits(data: Data) -> Data:
    """Masks with a column for each of the random splits."""
    y = data.y.numpy()
    return _with_masks(data, np.stack([_drawn(y, number) for number in range(SPLITS)], 1))


def _drawn(y: Marks, seed: int) -> Marks:
    """0 for 20 training nodes of each class, 1 for 30 validation nodes, 2 for the others."""
    rng = np.random.default_rng(seed)
    marks = np.full(len(y), 2)
    for c in np.unique(y):
        order = rng.permutation(np.flatnonzero(y == c))
        marks[order[:20]], marks[order[20:50]] = 0, 1
    return marks


def _with_masks(data: Data, marks: Marks) -> Data:
    for number, name in enumerate(("train_mask", "val_mask", "test_mask")):
        data[name] = torch.tensor(marks == number)
    return data


_SHCHUR = "https://github.com/shchur/gnn-benchmark/raw/master/data/npz"
_AMAZON = _Family("Amazon", "amazon", _SHCHUR, split=True)
_COAUTHOR = _Family("Coauthor", "coauthor", _SHCHUR, split=True)
_WIKICS = _Family(
    "WikiCS", "wikics", "https://github.com/pmernyei/wiki-cs-dataset/raw/master/dataset"
)
_HETEROPHILOUS = _Family(
    "HeterophilousGraphDataset",
    "heterophilous",
    "https://github.com/yandex-research/heterophilous-graphs/raw/main/data",
)


def _heterophilous(name: str) -> Callable[[Path], Data]:
    title = name.replace("-", "_")
    return _HETEROPHILOUS.loader(f"{title}/raw/{title}.npz", name=name)


_LOADERS: dict[str, tuple[Callable[[Path], Data], str]] = {
    "digits": (_digits, "1,797 handwritten digits, 5-nearest-neighbour graph; always there"),
    "cora": (_planetoid("Cora"), "2,708 papers, public split (Planetoid)"),
    "citeseer": (_planetoid("CiteSeer"), "3,327 papers, public split (Planetoid)"),
    "pubmed": (_planetoid("PubMed"), "19,717 papers, public split (Planetoid)"),
    "amazon-computers": (
        _AMAZON.loader("Computers/raw/amazon_electronics_computers.npz", name="computers"),
        "13,752 products, 10 random splits (20 and 30 nodes of each class)",
    ),
    "amazon-photo": (
        _AMAZON.loader("Photo/raw/amazon_electronics_photo.npz", name="photo"),
        "7,650 products, 10 random splits (20 and 30 nodes of each class)",
    ),
    "coauthor-cs": (
        _COAUTHOR.loader("CS/raw/ms_academic_cs.npz", name="CS"),
        "18,333 authors, 10 random splits (20 and 30 nodes of each class)",
    ),
    "coauthor-physics": (
        _COAUTHOR.loader("Physics/raw/ms_academic_phy.npz", name="Physics"),
        "34,493 authors, 10 random splits (20 and 30 nodes of each class)",
    ),
    "wikics": (_WIKICS.loader("raw/data.json", is_undirected=True), "11,701 articles, 20 splits"),
    "roman-empire": (_heterophilous("roman-empire"), "22,662 words, 10 splits (heterophilous)"),
    "amazon-ratings": (
        _heterophilous("amazon-ratings"),
        "24,492 products, 10 splits (heterophilous)",
    ),
    "minesweeper": (_heterophilous("minesweeper"), "10,000 cells, 10 splits (heterophilous)"),
    "tolokers": (_heterophilous("tolokers"), "11,758 workers, 10 splits (heterophilous)"),
    "questions": (_heterophilous("questions"), "48,921 users, 10 splits (heterophilous)"),
}
