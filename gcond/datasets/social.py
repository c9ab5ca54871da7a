"""Flickr (GraphSAINT) and Reddit (GraphSAGE), read from the files that PyG's loaders download.

Nothing is written beside them, and PyG's caches are not opened.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from gcond.datasets import npz
from gcond.datasets.raw import Array, Raw, Usual

log = logging.getLogger("gcond")

USUAL = Usual("inductive", "standard")
"""As in GraphSAINT and GCond: training sees the graph of the training nodes only."""

FLICKR = ("adj_full.npz", "feats.npy", "class_map.json", "role.json")
REDDIT = ("reddit_data.npz", "reddit_graph.npz")
ROWS = 1 << 16


def open_flickr(base: Path) -> Raw:
    """`"GraphSAINT: Graph Sampling Based Inductive Learning Method"
    <https://arxiv.org/abs/1907.04931>`_: 89,250 pictures of 7 kinds, joined where they share
    properties.

    Raises:
        FileNotFoundError: Files are neither there nor can they be downloaded.
        ValueError: The files do not fit together.
    """
    raw = _raw(base, "Flickr", FLICKR, _fetch_flickr, "Google Drive (the ids in PyG's Flickr)")
    x = np.load(raw / "feats.npy", mmap_mode="r", allow_pickle=False)
    n = len(x)
    y = np.full(n, -1, dtype=np.int64)
    classes = {int(k): int(v) for k, v in json.loads((raw / "class_map.json").read_text()).items()}
    split = np.full(n, -1, dtype=np.int8)
    role = json.loads((raw / "role.json").read_text())
    with np.load(raw / "adj_full.npz", allow_pickle=False) as file:
        indptr, indices = file["indptr"], file["indices"]
    _fits(raw, n, indptr=len(indptr) - 1, class_map=max(classes, default=-1) + 1)
    y[list(classes)] = list(classes.values())
    for number, part in enumerate(("tr", "va", "te")):
        split[role[part]] = number

    def edges() -> Iterator[Array]:
        yield np.stack([np.repeat(np.arange(n), np.diff(indptr)), indices])

    def features() -> Iterator[Array]:
        for start in range(0, n, ROWS):
            yield np.asarray(x[start : start + ROWS], dtype=np.float32)

    return Raw(
        "flickr", x.shape[1], int(y.max()) + 1, len(indices), y, split, edges, features, USUAL
    )


def open_reddit(base: Path) -> Raw:
    """`"Inductive Representation Learning on Large Graphs" <https://arxiv.org/abs/1706.02216>`_:
    232,965 posts of 41 communities, joined where the same users comment.

    Raises:
        FileNotFoundError: Files are neither there nor can they be downloaded.
        ValueError: The files do not fit together.
    """
    raw = _raw(base, "Reddit", REDDIT, _fetch_reddit, "https://data.dgl.ai/dataset/reddit.zip")
    path = raw / "reddit_data.npz"
    with np.load(path, allow_pickle=False) as file:
        y, kinds = file["label"].astype(np.int64), file["node_types"]
    (n, width), _ = npz.header(path, "feature")
    adj = sp.load_npz(raw / "reddit_graph.npz")
    _fits(raw, n, label=len(y), node_types=len(kinds), reddit_graph=adj.shape[0])
    split = np.select([kinds == 1, kinds == 2, kinds == 3], [0, 1, 2], -1).astype(np.int8)

    def edges() -> Iterator[Array]:
        yield np.stack([adj.row, adj.col])

    def features() -> Iterator[Array]:
        for rows in npz.rows(path, "feature"):
            yield rows.astype(np.float32)

    return Raw(
        name="reddit",
        num_features=width,
        num_classes=int(y.max()) + 1,
        num_edges=adj.nnz,
        y=y,
        split=split,
        edges=edges,
        features=features,
        usual=USUAL,
        finish=_coalesced,
    )


def _coalesced(edges: Array) -> Array:
    """Edges in the order of their rows, each once, as PyG's loader has them."""
    return np.asarray(np.unique(edges, axis=1))


def _raw(
    base: Path, title: str, files: tuple[str, ...], fetch: Callable[[Path], None], source: str
) -> Path:
    """The folder with the raw files, fetched where they are not there."""
    places = [base / folder / "raw" for folder in (title, title.lower(), title.lower() + "_raw")]
    places += [base / folder for folder in (title, title.lower())]
    for folder in places:
        if all((folder / file).exists() for file in files):
            return folder
    target = next((p for p in places if any((p / f).exists() for f in files)), places[0])
    missing = ", ".join(file for file in files if not (target / file).exists())
    log.info("downloading %s from %s to %s", missing, source, target)
    try:
        target.mkdir(parents=True, exist_ok=True)
        fetch(target)
    except Exception as error:
        raise FileNotFoundError(
            f"{missing} of {title} not found in {target}, and could not be downloaded from "
            f"{source} ({type(error).__name__}); put {', '.join(files)} there, or give root= or "
            "GCOND_ROOT"
        ) from error
    return target


def _fetch_flickr(folder: Path) -> None:
    from torch_geometric.data import download_google_url
    from torch_geometric.datasets import Flickr

    ids = (Flickr.adj_full_id, Flickr.feats_id, Flickr.class_map_id, Flickr.role_id)
    for file, number in zip(FLICKR, ids, strict=True):
        if not (folder / file).exists():
            download_google_url(number, str(folder), file)


def _fetch_reddit(folder: Path) -> None:
    from torch_geometric.data import download_url, extract_zip
    from torch_geometric.datasets import Reddit

    archive = download_url(Reddit.url, str(folder), log=False)
    extract_zip(archive, str(folder), log=False)
    Path(archive).unlink()


def _fits(raw: Path, n: int, **found: int) -> None:
    for what, many in found.items():
        if many > n or (many != n and what != "class_map"):
            raise ValueError(f"{what} in {raw} is for {many} nodes, the features for {n}")
