"""Big graphs by name: published ones, generated ones, and stores."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gcond.datasets import generated, ogb_nodes, social
from gcond.datasets.node_data import NodeData
from gcond.datasets.raw import Edges, Raw, Usual
from gcond.graph.store import SPLITS, Store, is_store
from gcond.spelling import meant

if TYPE_CHECKING:
    from torch_geometric.data import Data

log = logging.getLogger("gcond")

STORES = "stores"
"""Folder under the root where stores are looked for by name."""


def _ogb(name: str) -> Callable[[Path], Raw]:
    return lambda base: ogb_nodes.open_ogb(name, base)


PUBLISHED: dict[str, tuple[Callable[[Path], Raw], str]] = {
    "flickr": (social.open_flickr, "89,250 pictures, inductive (GraphSAINT)"),
    "reddit": (social.open_reddit, "232,965 posts, inductive (GraphSAGE)"),
    "ogbn-arxiv": (_ogb("ogbn-arxiv"), "169,343 papers, split by time (OGB)"),
    "ogbn-products": (_ogb("ogbn-products"), "2,449,029 products, split by sales (OGB)"),
    "ogbn-papers100m": (_ogb("ogbn-papers100M"), "111,059,956 papers, split by time (OGB)"),
}


def list_big() -> dict[str, str]:
    """Names of big graphs, with what they are."""
    found = {name: text for name, (_, text) in PUBLISHED.items()}
    return found | {name: shape.text for name, shape in generated.SHAPES.items()}


def is_big(name: str) -> bool:
    """Whether :func:`open_big` knows a name: those of :func:`list_big`, and generated graphs of
    other sizes and seeds, such as ``"arxiv-like-20000"``."""
    return name.lower() in PUBLISHED or generated.parse(name) is not None


def open_big(name: str, base: Path) -> Raw | Store:
    """Opens a big graph by name, and reads nearly nothing of it yet.

    A store under that name in ``base/stores`` comes first, then the published files; a generated
    graph that is not there is generated.

    Raises:
        FileNotFoundError: The files are neither there nor can they be downloaded.
        ValueError: They are damaged, or do not fit together.
    """
    wanted = generated.parse(name)
    key = name.lower() if wanted is None else generated.spelled(*wanted)
    places = [base / STORES / key]
    if wanted is not None:
        places.append(_home() / STORES / key)
    for folder in places:
        if is_store(folder):
            return Store.open(folder)
    if wanted is None:
        return PUBLISHED[key][0](base)
    folder = next(place for place in places if _writable(place.parent) or place is places[-1])
    log.info("generating %s in %s", key, folder)
    return generated.write(key, folder, num_nodes=wanted[1], seed=wanted[2])


def generate(
    name: str,
    root: str | Path | None = None,
    *,
    num_nodes: int | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    x_dtype: Any = np.float32,
    overwrite: bool = False,
) -> Store:
    """Writes a generated graph as a store: a degree-corrected block model with class-dependent
    features, unequal classes and wrong labels, see :class:`gcond.datasets.Shape`.

    Args:
        name: ``"arxiv-like"``, ``"flickr-like"``, ``"reddit-like"`` or ``"products-like"``.
        root: Folder of the datasets; the store is ``root/stores/NAME``, where it is found by its
            name, for example ``gcond.condense("arxiv-like-20000", root=root)``.
        num_nodes: Number of nodes; by default as many as the real graph has.
        seed: Seeds everything: same seed, same files.
        folder: Where to write it instead.
        x_dtype: ``float32``, or ``float16`` for half the size.
        overwrite: Whether a store that is there may be replaced.

    Raises:
        ValueError: The name is unknown, or the graph cannot be so small.
        FileExistsError: There is something under that name.

    Example:
        >>> import tempfile
        >>> generate("flickr-like", tempfile.mkdtemp(), num_nodes=300)
        Store(flickr-like-300, 300 nodes, 2856 edges, 500 features, 7 classes)
    """
    shape, size, number = generated.known(name)
    num_nodes, seed = size if num_nodes is None else num_nodes, seed or number
    title = generated.spelled(shape, num_nodes, seed)
    target = base_of(root) / STORES / title if folder is None else Path(folder)
    return generated.write(
        title, target, num_nodes=num_nodes, seed=seed, x_dtype=x_dtype, overwrite=overwrite
    )


def pack(
    name: str,
    root: str | Path | None = None,
    *,
    folder: str | Path | None = None,
    x_dtype: Any = np.float32,
) -> Store:
    """Writes a published big graph as a store, which opens at once and need not fit in memory.

    Args:
        name: ``"flickr"``, ``"reddit"``, ``"ogbn-arxiv"``, ``"ogbn-products"`` or
            ``"ogbn-papers100M"``.
        root: Folder of the datasets; the store is ``root/stores/NAME``, and is what the name
            stands for from then on.
        folder: Where to write it instead.
        x_dtype: ``float32``, or ``float16`` for half the size.

    Raises:
        ValueError: The name is unknown, or the files do not fit together.
        FileNotFoundError: The files are neither there nor can they be downloaded.
        FileExistsError: There is something under that name.
    """
    key = name.lower()
    if key not in PUBLISHED:
        raise ValueError(
            f"cannot pack {name!r}; {meant(key, PUBLISHED)}known: {', '.join(PUBLISHED)}"
        )
    base = base_of(root)
    target = base / STORES / key if folder is None else Path(folder)
    if target.exists():
        raise FileExistsError(f"{target} is there already; remove it, or name another folder")
    return PUBLISHED[key][0](base).pack(target, x_dtype=x_dtype)


def usual_of(opened: Any) -> Usual:
    """How an opened dataset is usually condensed."""
    if isinstance(opened, Raw):
        return opened.usual
    if isinstance(opened, Store):
        about = opened.about
        return Usual(about.get("setting", "transductive"), about.get("normalize", "auto"))
    return Usual()


def node_data(opened: Raw, split: int = 0) -> NodeData:
    """All of it in memory, as checked arrays.

    Raises:
        ValueError: It does not fit, or cannot be condensed.
    """
    if split:
        raise ValueError(f"split={split}, but {opened.name} has one split; use split=0")
    # Features once as they are and once prepared; the adjacency and its normalised form.
    needed = len(opened.y) * opened.num_features * 8 + 2 * opened.num_edges * 24
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ValueError(
            f"{opened.name} takes about {needed / 1e9:.0f} GB in memory, this machine has "
            f"{there / 1e9:.0f} GB; `gcond datasets pack {opened.name}` makes a store of it, which "
            "need not be in memory"
        )
    return opened.node_data()


def data(opened: Raw | Store, edges: Edges = "simple") -> Data:
    """All of it in memory, as a PyG ``Data`` with masks."""
    if isinstance(opened, Raw):
        return opened.data(edges)
    import torch
    from torch_geometric.data import Data

    if edges != "simple":
        raise ValueError(
            f"the store {opened.folder} holds simple edges only; move it away to read the "
            "published files"
        )
    rows = np.repeat(np.arange(opened.num_nodes), np.diff(opened.indptr))
    found = Data(
        x=torch.from_numpy(np.array(opened.x, dtype=np.float32)),
        edge_index=torch.from_numpy(np.stack([rows, opened.indices])),
        y=torch.from_numpy(np.array(opened.y)),
    )
    for number, part in enumerate(SPLITS):
        found[f"{part}_mask"] = torch.from_numpy(np.asarray(opened.split) == number)
    return found


def base_of(root: str | Path | None) -> Path:
    """Folder of the datasets: the one given, then ``$GCOND_ROOT``, then PyG's home."""
    if root is not None:
        return Path(root)
    if os.environ.get("GCOND_ROOT"):
        return Path(os.environ["GCOND_ROOT"])
    return _home()


def _home() -> Path:
    from torch_geometric import get_home_dir

    return Path(get_home_dir())


def _writable(folder: Path) -> bool:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return os.access(there, os.W_OK)
