"""The way in: a name, a PyG dataset or a PyG ``Data`` becomes a task."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.graph.preprocess import Normalisation, fit
from gcond.graph.propagation import adjacency
from gcond.graph.task import NodeTask, Setting, Split

if TYPE_CHECKING:
    from torch_geometric.data import Data

SPARSE_BELOW = 0.1
"""Share of non-zero features below which features are kept sparse."""

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


def as_task(
    dataset: Any,
    *,
    root: str | Path | None = None,
    setting: Setting = "transductive",
    normalize: Normalisation = "auto",
    split: int = 0,
) -> NodeTask:
    """Turns whatever describes a graph with labelled nodes into a task; nothing is changed.

    Args:
        dataset: A name, a PyG ``Dataset`` with one graph, or a PyG ``Data``.
        root: Folder of the datasets, for names.
        setting: ``"transductive"`` or ``"inductive"``.
        normalize: Preprocessing of the features, see :func:`gcond.graph.preprocess.fit`.
        split: Column of the masks, where a dataset brings several splits.

    Raises:
        TypeError: The dataset is of a kind that is not known.
        ValueError: The data cannot be condensed; the message says why and what to do.
    """
    if isinstance(dataset, NodeTask):
        return dataset
    data = _single(load_dataset(dataset, root) if isinstance(dataset, str) else dataset)
    name = _name(dataset, data)
    if setting not in ("transductive", "inductive"):
        raise ValueError(f"setting must be 'transductive' or 'inductive', got {setting!r}")
    n = _num_nodes(data)
    x = _features(data.x, n)
    adj = _edges(data, n)
    labels, masks = _labels(data, n), _masks(data, n, split)
    index: dict[Split, Any] = {s: np.flatnonzero(mask) for s, mask in masks.items()}
    known = np.concatenate(list(index.values()))
    if not np.isfinite(labels[known]).all():
        raise ValueError("some nodes of the masks have no label (NaN); leave them out of the masks")
    names = np.unique(labels[known])
    names = names[names >= 0] if names.dtype.kind == "i" else names
    y = np.searchsorted(names, labels).clip(0, len(names) - 1)
    _check_classes(names, labels, index["train"])
    prepared = fit(normalize, x, index["train"])
    return NodeTask(
        name=name,
        x=prepared(x),
        adj=adj,
        y=y,
        index=index,
        num_classes=len(names),
        setting=setting,
        preprocess=prepared,
        fingerprint=_fingerprint(x, adj, y, index),
        label_names=tuple(int(v) for v in names),
    )


def _single(dataset: Any) -> Any:
    from torch_geometric.data import Data, Dataset

    if isinstance(dataset, Data):
        return dataset
    if isinstance(dataset, Dataset) or (isinstance(dataset, list | tuple) and dataset):
        if len(dataset) == 1 and isinstance(dataset[0], Data):
            return dataset[0]
        raise ValueError(
            f"a dataset of {len(dataset)} graphs is a task on graphs, which this version does "
            "not condense; give one graph with node labels"
        )
    raise TypeError(
        f"cannot condense a {type(dataset).__name__}; give a name ({', '.join(_LOADERS)}), a PyG "
        "Dataset with one graph, or a PyG Data with x, edge_index, y and masks"
    )


def _name(dataset: Any, data: Any) -> str:
    if isinstance(dataset, str):
        return dataset.lower()
    for holder in (dataset, data):
        name = getattr(holder, "name", None)
        if isinstance(name, str) and name:
            return name.lower()
    return "graph"


def _num_nodes(data: Any) -> int:
    for field in ("x", "y"):
        if getattr(data, field, None) is None:
            raise ValueError(f"the graph has no {field}; set data.{field}")
    return int(data.x.shape[0])


def _features(x: Tensor, n: int) -> Any:
    if x.dim() != 2 or x.shape[1] == 0:
        raise ValueError(f"x must have shape [num_nodes, num_features], got {list(x.shape)}")
    if x.layout != torch.strided:
        coo = _coo(x)
        row, col = coo.indices().numpy()
        values = coo.values().float().numpy()
        matrix = sp.csr_array((values, (row, col)), shape=tuple(x.shape))
    else:
        dense = x.detach().cpu().to(torch.float32).numpy()
        sparse = np.count_nonzero(dense) < SPARSE_BELOW * dense.size
        matrix = sp.csr_array(dense) if sparse else dense
    finite = np.isfinite(matrix.data if sp.issparse(matrix) else matrix)
    if not finite.all():
        bad = int((~finite).sum())
        raise ValueError(f"x has {bad} entries that are NaN or infinite; replace or drop them")
    return matrix


def _edges(data: Any, n: int) -> Any:
    edge_index = getattr(data, "edge_index", None)
    if edge_index is None and getattr(data, "adj_t", None) is not None:
        return _from_adj_t(data.adj_t, n)
    if edge_index is None:
        raise ValueError("the graph has no edge_index; an empty one is torch.empty(2, 0).long()")
    if edge_index.dim() != 2 or edge_index.shape[0] != 2:
        raise ValueError(f"edge_index must have shape [2, E], got {list(edge_index.shape)}")
    if edge_index.is_floating_point():
        raise ValueError(f"edge_index must hold integers, got {edge_index.dtype}; use .long()")
    if edge_index.numel() and not (int(edge_index.min()) >= 0 and int(edge_index.max()) < n):
        raise ValueError(
            f"edge_index names nodes {int(edge_index.min())} to {int(edge_index.max())}, but the "
            f"graph has nodes 0 to {n - 1}"
        )
    weight = getattr(data, "edge_weight", None)
    if weight is not None and weight.numel() != edge_index.shape[1]:
        raise ValueError(
            f"edge_weight has {weight.numel()} entries for {edge_index.shape[1]} edges"
        )
    if weight is not None:
        weight = weight.detach().reshape(-1).float()
        if not bool(torch.isfinite(weight).all()) or bool((weight < 0).any()):
            raise ValueError("edge_weight must be finite and not negative")
    return adjacency(edge_index, weight, n)


def _from_adj_t(adj_t: Any, n: int) -> Any:
    """A torch sparse tensor or torch-sparse's ``SparseTensor``; row i holds the edges into i."""
    if not isinstance(adj_t, Tensor):
        row, col, value = adj_t.coo()
        edge_index = torch.stack([col, row])
        return adjacency(edge_index, None if value is None else value.float(), n)
    coo = _coo(adj_t)
    return adjacency(coo.indices().flip(0), coo.values().float(), n)


def _coo(matrix: Tensor) -> Tensor:
    coo: Tensor = matrix.detach().cpu().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
    return coo


def _labels(data: Any, n: int) -> Any:
    y = data.y.detach().cpu().numpy()
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,):
        raise ValueError(f"y must have one label for each of the {n} nodes, got {list(y.shape)}")
    return y


def _masks(data: Any, n: int, split: int) -> dict[Split, Any]:
    masks: dict[Split, Any] = {}
    names: tuple[Split, ...] = ("train", "val", "test")
    for name in names:
        mask = getattr(data, f"{name}_mask", None)
        if mask is None:
            if name != "val":
                raise ValueError(
                    f"the graph has no {name}_mask; set data.{name}_mask, for example with "
                    "torch_geometric.transforms.RandomNodeSplit()"
                )
            mask = torch.zeros(n, dtype=torch.bool)
        if mask.dim() == 2:
            if not 0 <= split < mask.shape[1]:
                raise ValueError(f"split={split}, but the masks have {mask.shape[1]} columns")
            mask = mask[:, split]
        if mask.shape != (n,) or mask.dtype != torch.bool:
            raise ValueError(
                f"{name}_mask must be boolean of shape [{n}], got {mask.dtype} of "
                f"{list(mask.shape)}"
            )
        masks[name] = mask.cpu().numpy()
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = int((masks[a] & masks[b]).sum())  # type: ignore[index]
        if both:
            raise ValueError(f"{a}_mask and {b}_mask share {both} nodes; they must not overlap")
    for name in ("train", "test"):
        if not masks[name].any():
            raise ValueError(f"{name}_mask marks no node")
    return masks


def _check_classes(names: Any, labels: Any, train: Any) -> None:
    absent = [int(c) for c in names if not (labels[train] == c).any()]
    if absent:
        raise ValueError(
            f"classes {absent} have no training node, so nothing can be condensed for them; "
            "change the split or drop their nodes from the masks"
        )
    if len(names) < 2:
        raise ValueError(f"there is one class only ({names.tolist()}); classification needs two")


def _fingerprint(x: Any, adj: Any, y: Any, index: dict[Split, Any]) -> str:
    digest = hashlib.sha256()
    for matrix in (x, adj):
        parts = (matrix.data, matrix.indices, matrix.indptr) if sp.issparse(matrix) else (matrix,)
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    for part in (y, *index.values()):
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()
