"""What a two-layer GCN needs of a graph to predict given rows, computed once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.graph.propagation import normalise_dense, to_sparse_tensor
from gcond.graph.task import NodeTask, Split

SPARSE_BELOW = 0.15
"""Share of non-zeros below which a sparse product is faster than a dense one on CPUs."""


@dataclass(frozen=True, eq=False)
class Receptive:
    r"""A graph as a two-layer GCN sees it from some of its rows.

    Args:
        inner: :math:`\hat A X` of the nodes in reach ``[r, d]``, dense or torch CSR.
        outer: :math:`\hat A` from those nodes to the rows ``[m, r]``, dense or torch CSR.
        y: Labels of the rows: classes ``[m]`` or distributions ``[m, C]``.
    """

    inner: Tensor
    outer: Tensor
    y: Tensor

    @cached_property
    def inner_t(self) -> Tensor:
        """The transpose of ``inner``."""
        return _transposed(self.inner)

    @cached_property
    def outer_t(self) -> Tensor:
        """The transpose of ``outer``."""
        return _transposed(self.outer)


def of_split(task: NodeTask, split: Split) -> Receptive:
    """The real graph, seen from the nodes of a split."""
    a_hat, x, rows = task.graph(split)
    outer = a_hat[rows]
    reach = np.unique(outer.indices)
    return Receptive(compact(a_hat[reach] @ x), compact(outer[:, reach]), task.labels(split))


def of_graph(x: Tensor, adj: Tensor | None, y: Tensor) -> Receptive:
    """A synthetic graph, seen from all of its nodes; without edges its matrix is ``I``."""
    if adj is None:
        return Receptive(x, torch.eye(len(x), dtype=x.dtype, device=x.device), y)
    a_hat = normalise_dense(adj)
    return Receptive(a_hat @ x, a_hat, y)


def _transposed(matrix: Tensor) -> Tensor:
    if matrix.layout == torch.strided:
        return matrix.T
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return matrix.transpose(0, 1).to_sparse_csr()


def compact(matrix: Any) -> Tensor:
    """A matrix in single precision, CSR where it has few non-zeros, else dense."""
    if sp.issparse(matrix):
        if matrix.nnz < SPARSE_BELOW * matrix.shape[0] * matrix.shape[1]:
            return to_sparse_tensor(matrix, torch.float32)
        matrix = matrix.toarray()
    return torch.as_tensor(np.asarray(matrix), dtype=torch.float32)
