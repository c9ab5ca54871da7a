"""Parts of a graph as arrays, checked: every refusal names the value and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

SPARSE_BELOW = 0.1
"""Share of non-zero features below which dense features are kept sparse."""

SPLITS = ("train", "val", "test")


def features(x: Any) -> Any:
    """Features as a float32 ndarray, or as CSR where few of them are not zero.

    Takes an array, a scipy sparse matrix, or a tensor of any layout.
    """
    matrix = _matrix("x", x)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(
            f"x must have shape [num_nodes, num_features], got {list(matrix.shape)}; a node "
            "without features can be given its degree, see torch_geometric.transforms.OneHotDegree"
        )
    if not sp.issparse(matrix):
        with np.errstate(over="ignore"):
            matrix = np.asarray(matrix, dtype=np.float32)
        if np.count_nonzero(matrix) < SPARSE_BELOW * matrix.size:
            matrix = sp.csr_array(matrix)
    if sp.issparse(matrix):
        matrix = _tidy(matrix)
    finite = np.isfinite(matrix.data if sp.issparse(matrix) else matrix)
    if not finite.all():
        bad = int((~finite).sum())
        raise ValueError(f"x has {bad} entries that are NaN or infinite; replace or drop them")
    return matrix


def adjacency(adj: Any, n: int) -> Any:
    """A matrix of edge weights, entry ``[i, j]`` for the edge from ``i`` to ``j``, as CSR whose
    row ``i`` holds the edges into ``i``."""
    matrix = _matrix("adj", adj)
    if matrix.shape != (n, n):
        raise ValueError(
            f"adj must have shape [{n}, {n}], a row and a column for each of the {n} rows of x, "
            f"got {list(matrix.shape)}"
        )
    return _checked_weights(sp.csr_array(matrix).T, "adj")


def edge_list(edge_index: Any, edge_weight: Any, n: int) -> Any:
    """Edges ``[2, E]``, sources above targets, as such a CSR; duplicate edges are added up, as
    message passing does."""
    index = _array("edge_index", edge_index)
    if index.ndim != 2 or index.shape[0] != 2:
        raise ValueError(f"edge_index must have shape [2, E], got {list(index.shape)}")
    if index.dtype.kind not in "iu":
        raise ValueError(f"edge_index must hold integers, got {index.dtype}; use .long()")
    if index.size and not (int(index.min()) >= 0 and int(index.max()) < n):
        raise ValueError(
            f"edge_index names nodes {int(index.min())} to {int(index.max())}, but the graph has "
            f"nodes 0 to {n - 1}"
        )
    if edge_weight is None:
        weight = np.ones(index.shape[1], dtype=np.float32)
    else:
        weight = _array("edge_weight", edge_weight)
        if weight.size != index.shape[1]:
            raise ValueError(f"edge_weight has {weight.size} entries for {index.shape[1]} edges")
        weight = weight.reshape(-1)
    return _checked_weights(sp.csr_array((weight, (index[1], index[0])), shape=(n, n)), "edges")


def labels(y: Any, n: int) -> Any:
    """One class number per node, -1 where it is NaN."""
    y = _array("y", y)
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,):
        raise ValueError(
            f"y must have one label for each of the {n} nodes, got shape {list(y.shape)}; several "
            "labels per node are not a task that this version condenses"
        )
    if y.dtype.kind == "f":
        y = np.nan_to_num(y, nan=-1)
        if (y != np.round(y)).any():
            raise ValueError("y must hold class numbers, got fractions (regression is refused)")
    return y.astype(np.int64)


def masks(given: dict[str, Any], n: int, split: int) -> dict[str, Any]:
    """Boolean masks of the three splits from masks or node numbers; an absent ``val`` is empty."""
    if isinstance(split, bool) or not isinstance(split, int):
        raise ValueError(f"split must be a whole number, got {split!r}")
    if split and max(getattr(mask, "ndim", 1) for mask in given.values()) < 2:
        raise ValueError(f"split={split}, but the masks have one column; use split=0")
    found = {name: _mask(name, given.get(name), n, split) for name in SPLITS}
    for a, b in (("train", "val"), ("train", "test"), ("val", "test")):
        both = int((found[a] & found[b]).sum())
        if both:
            raise ValueError(f"{a} and {b} nodes must not overlap, but they share {both} nodes")
    for name in ("train", "test"):
        if not found[name].any():
            raise ValueError(f"{name}_mask marks no node; {name} nodes are needed")
    return found


def check_labels(y: Any, masks: dict[str, Any]) -> Any:
    """The original label of each class. Every class needs a training node, every node of a split
    a label, and there must be two classes."""
    known = y[masks["train"] | masks["val"] | masks["test"]]
    unlabelled = int((known < 0).sum())
    if unlabelled:
        raise ValueError(
            f"{unlabelled} nodes of the masks have no label (negative or NaN); leave them out of "
            "the masks"
        )
    names = np.unique(known)
    absent = np.setdiff1d(names, y[masks["train"]]).tolist()
    if absent:
        raise ValueError(
            f"classes {absent} have no training node, so nothing can be condensed for them; "
            "change the split or drop their nodes from the masks"
        )
    if len(names) < 2:
        raise ValueError(f"there is one class only ({names.tolist()}); classification needs two")
    return names


def _mask(name: str, given: Any, n: int, split: int) -> Any:
    if given is None:
        if name != "val":
            raise ValueError(
                f"the graph has no {name}_mask; set it, for example with "
                "torch_geometric.transforms.RandomNodeSplit()"
            )
        return np.zeros(n, dtype=bool)
    mask = _array(f"{name}_mask", given)
    if mask.ndim == 2:
        if not 0 <= split < mask.shape[1]:
            raise ValueError(f"split={split}, but the masks have {mask.shape[1]} columns")
        mask = mask[:, split]
    if mask.dtype == bool and mask.shape == (n,):
        return mask
    if mask.dtype != bool and mask.shape == (0,):  # an empty list of node numbers
        return np.zeros(n, dtype=bool)
    if mask.dtype.kind not in "iu" or mask.ndim != 1:
        raise ValueError(
            f"{name}_mask must be boolean of shape [{n}] or a list of node numbers, got "
            f"{mask.dtype} of shape {list(mask.shape)}"
        )
    if mask.size and not (mask.min() >= 0 and mask.max() < n):
        raise ValueError(
            f"{name}_mask names nodes {mask.min()} to {mask.max()}, but the graph has nodes 0 to "
            f"{n - 1}"
        )
    # A mask of zeros and ones in another dtype would read as nodes 0 and 1, again and again.
    if len(np.unique(mask)) < len(mask):
        raise ValueError(
            f"{name}_mask is of {mask.dtype} and names nodes twice; a mask must be boolean, use "
            ".bool()"
        )
    marked = np.zeros(n, dtype=bool)
    marked[mask] = True
    return marked


def _checked_weights(adj: Any, name: str) -> Any:
    adj = _tidy(adj)
    if not np.isfinite(adj.data).all() or (adj.data < 0).any():
        raise ValueError(f"edge weights must be finite and not negative, those of {name} are not")
    return adj


def _tidy(matrix: Any) -> Any:
    """CSR of float32 with sorted indices, no entry twice and no zeros stored, so that all forms of
    a graph give the same arrays; the caller's matrix stays as it is."""
    found = sp.csr_array(matrix)
    if found.dtype != np.float32:
        with np.errstate(over="ignore"):  # too large becomes infinite, which is refused by name
            found = found.astype(np.float32)
    if not found.has_canonical_format or not found.data.all():
        found = found.copy()
        found.sum_duplicates()
        found.eliminate_zeros()
    return found


def _matrix(name: str, value: Any) -> Any:
    """An ndarray or a scipy sparse array of numbers from whatever holds a matrix."""
    if hasattr(value, "coo") and hasattr(value, "sparse_sizes"):  # torch-sparse's SparseTensor
        row, col, weight = value.coo()
        data = torch.ones(len(row)) if weight is None else weight.detach().cpu()
        return sp.csr_array(
            (data.numpy(), (row.cpu(), col.cpu())), shape=tuple(value.sparse_sizes())
        )
    if isinstance(value, Tensor) and value.layout != torch.strided:
        coo: Tensor = value.detach().cpu().to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
        if coo.dense_dim():
            raise ValueError(f"{name} has dense columns inside a sparse tensor; use .to_dense()")
        return sp.csr_array((coo.values().numpy(), coo.indices().numpy()), shape=tuple(coo.shape))
    if sp.issparse(value):
        _check_kind(name, value.dtype)
        return value
    return _array(name, value)


def _array(name: str, value: Any) -> Any:
    """An ndarray of numbers."""
    if value is None:
        raise ValueError(f"the graph has no {name}; set it")
    if isinstance(value, Tensor):
        if value.layout != torch.strided:
            raise ValueError(f"{name} must be a dense tensor; use .to_dense()")
        found = value.detach().cpu()
        array = found.float().numpy() if found.dtype == torch.bfloat16 else found.numpy()
    else:
        try:
            array = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"{name} is not an array: {error}") from error
    _check_kind(name, array.dtype)
    return array


def _check_kind(name: str, dtype: Any) -> None:
    if dtype.kind not in "biuf":
        hint = "; number strings with np.unique(y, return_inverse=True)" if name == "y" else ""
        raise ValueError(f"{name} must hold real numbers, got {dtype}{hint}")
