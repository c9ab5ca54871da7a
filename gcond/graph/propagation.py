"""Normalised propagation on the real graph (sparse, once) and on the synthetic one (dense)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

Matrix = Any
"""A scipy CSR matrix or array; scipy has no stable generic type for them."""


def adjacency(edge_index: Tensor, edge_weight: Tensor | None, num_nodes: int) -> Matrix:
    """Edges as CSR; duplicate edges are added up, as message passing does."""
    row, col = edge_index.cpu().numpy()
    if edge_weight is None:
        weight = np.ones(len(row), dtype=np.float32)
    else:
        weight = edge_weight.detach().cpu().numpy()
    # Messages flow from source to target: row i of the operator gathers the edges into i.
    return sp.csr_array((weight, (col, row)), shape=(num_nodes, num_nodes))


def normalise(adj: Matrix) -> Matrix:
    r"""The propagation matrix of `"Semi-supervised Classification with Graph Convolutional
    Networks" <https://arxiv.org/abs/1609.02907>`_, equal to PyG's ``gcn_norm``.

    .. math:: \hat A = \tilde D^{-1/2} (A + I) \tilde D^{-1/2}

    Self-loops that are present keep their weight; the others get weight one.
    """
    diagonal = adj.diagonal()
    looped = (adj + sp.diags_array(np.where(diagonal == 0, 1, 0).astype(adj.dtype))).tocsr()
    degree = np.asarray(looped.sum(1)).ravel()
    scale = np.zeros_like(degree)
    np.power(degree, -0.5, where=degree > 0, out=scale)
    left = sp.diags_array(scale)
    return (left @ looped @ left).tocsr()


def propagate(
    a_hat: Matrix, x: Matrix, hops: int, rows: np.ndarray[Any, Any] | None = None
) -> Matrix:
    r""":math:`(\hat A^K X)` for the given rows only.

    With few rows the product is taken from the left, ``((A[rows] A) ... ) X``, so that the cost
    and the memory follow the rows' neighbourhoods and not the graph.

    Args:
        a_hat: Normalised adjacency, CSR ``[N, N]``.
        x: Features ``[N, d]``, an ndarray or CSR; the result is of the same kind.
        hops: Number of propagations ``K``.
        rows: Which rows to return, all by default.
    """
    if rows is None:
        for _ in range(hops):
            x = a_hat @ x
        return x
    if hops == 0:
        return x[rows]
    left = a_hat[rows]
    for _ in range(hops - 1):
        left = left @ a_hat
    return left @ x


def to_tensor(matrix: Matrix, dtype: torch.dtype) -> Tensor:
    """An ndarray or a CSR matrix as a dense tensor."""
    dense = matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
    return torch.as_tensor(dense, dtype=dtype)


def to_sparse_tensor(matrix: Matrix, dtype: torch.dtype) -> Tensor:
    """A CSR matrix as a torch CSR tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.as_tensor(matrix.indptr, dtype=torch.int64),
            torch.as_tensor(matrix.indices, dtype=torch.int64),
            torch.as_tensor(matrix.data, dtype=dtype),
            size=matrix.shape,
            check_invariants=False,
        )


def normalise_dense(adj: Tensor) -> Tensor:
    r"""The same normalisation of a dense adjacency without self-loops, differentiable."""
    n = adj.shape[-1]
    looped = adj + torch.eye(n, dtype=adj.dtype, device=adj.device)
    scale = looped.sum(-1).rsqrt()
    return looped * scale[..., :, None] * scale[..., None, :]
