"""Parts of a PyG ``Data``, checked: every refusal names the value and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.graph.propagation import adjacency
from gcond.graph.task import Split

SPARSE_BELOW = 0.1
"""Share of non-zero features below which features are kept sparse."""


def num_nodes(data: Any) -> int:
    """Number of nodes; features and labels must be there."""
    for field in ("x", "y"):
        if getattr(data, field, None) is None:
            raise ValueError(f"the graph has no {field}; set data.{field}")
    return int(data.x.shape[0])


def features(x: Tensor, n: int) -> Any:
    """Features as an ndarray, or as CSR where few of them are not zero."""
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


def edges(data: Any, n: int) -> Any:
    """Adjacency as CSR, from ``edge_index`` or ``adj_t``."""
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


def labels(data: Any, n: int) -> Any:
    """One class number per node, -1 where it is NaN."""
    y = data.y.detach().cpu().numpy()
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,):
        raise ValueError(f"y must have one label for each of the {n} nodes, got {list(y.shape)}")
    if y.dtype.kind == "f":
        y = np.nan_to_num(y, nan=-1)
        if (y != np.round(y)).any():
            raise ValueError("y must hold class numbers, got fractions (regression is refused)")
    return y.astype(np.int64)


def masks(data: Any, n: int, split: int) -> dict[Split, Any]:
    """Boolean masks of the three splits; an absent ``val_mask`` is empty."""
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


def check_classes(names: Any, labels: Any, train: Any) -> None:
    """Every class needs a training node, and there must be two classes."""
    absent = [int(c) for c in names if not (labels[train] == c).any()]
    if absent:
        raise ValueError(
            f"classes {absent} have no training node, so nothing can be condensed for them; "
            "change the split or drop their nodes from the masks"
        )
    if len(names) < 2:
        raise ValueError(f"there is one class only ({names.tolist()}); classification needs two")
