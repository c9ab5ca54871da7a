"""What a two-layer model needs of a graph to predict given rows, computed once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.graph.propagation import normalise_dense, propagate, spread, to_sparse_tensor
from gcond.graph.task import NodeTask, Split

SPARSE_BELOW = 0.15
"""Share of non-zeros below which a sparse product is faster than a dense one on CPUs."""


@dataclass(frozen=True)
class Hops:
    r"""Where a two-layer model :math:`P_2\, \mathrm{relu}(P_1 X W_1 + b_1)\, W_2 + b_2` propagates.

    :math:`P_1 = \hat A^{before}`, and :math:`P_2` is ``after`` steps of personalised PageRank with
    teleport probability ``alpha``, which for 0 is :math:`\hat A^{after}`. One before and one after
    is `GCN <https://arxiv.org/abs/1609.02907>`_; none before and ten after with 0.1 is
    `APPNP <https://arxiv.org/abs/1810.05997>`_; two before and none after is a network on the
    features of `SGC <https://arxiv.org/abs/1902.07153>`_; none at all is a network without a graph.

    Args:
        before: Propagations of the features.
        after: Propagations of the predictions.
        alpha: Teleport probability of those.
    """

    before: int = 1
    after: int = 1
    alpha: float = 0.0


GCN = Hops()
ROWS = Hops(before=2, after=0)
"""A network on features that were propagated twice: what a graph on disk shows of its nodes."""


def affordable(task: NodeTask) -> Hops:
    """A GCN, or its nearest relative that needs nothing but propagated rows."""
    return GCN if task.disk is None else ROWS


MANY = 2**20
"""Non-zeros of propagated features from which on they may be left as a product,"""

FEWER = 2
"""if its factors have so many times fewer."""


@dataclass(frozen=True, eq=False)
class Product:
    """A sparse matrix that is cheaper to apply as the product of two, both torch CSR."""

    left: Tensor
    right: Tensor

    @property
    def shape(self) -> torch.Size:
        return torch.Size((self.left.shape[0], self.right.shape[1]))

    def transposed(self) -> Product:
        """The transpose."""
        return Product(transposed(self.right), transposed(self.left))

    def __len__(self) -> int:
        return self.shape[0]

    def __matmul__(self, columns: Tensor) -> Tensor:
        return self.left @ (self.right @ columns)

    def to(self, device: torch.device) -> Product:
        """The same on another device."""
        return Product(self.left.to(device), self.right.to(device))


@dataclass(frozen=True, eq=False)
class Receptive:
    r"""A graph as a two-layer model sees it from some of its rows.

    Args:
        inner: :math:`P_1 X` of the nodes in reach ``[r, d]``, dense, torch CSR, or as a product
            of such.
        outer: :math:`P_2` from those nodes to the rows ``[m, r]``, dense or torch CSR.
        y: Labels of the rows: classes ``[m]`` or distributions ``[m, C]``.
    """

    inner: Tensor | Product
    outer: Tensor
    y: Tensor

    def to(self, device: torch.device) -> Receptive:
        """The same on another device."""
        return Receptive(self.inner.to(device), self.outer.to(device), self.y.to(device))

    @cached_property
    def inner_t(self) -> Tensor | Product:
        """The transpose of ``inner``."""
        inner = self.inner
        return inner.transposed() if isinstance(inner, Product) else transposed(inner)

    @cached_property
    def outer_t(self) -> Tensor:
        """The transpose of ``outer``."""
        return transposed(self.outer)


def of_split(task: NodeTask, split: Split, hops: Hops = GCN) -> Receptive:
    """The real graph, seen from the nodes of a split, on the task's device."""
    return _of_split(task, split, hops).to(task.device)


def _of_split(task: NodeTask, split: Split, hops: Hops) -> Receptive:
    if task.disk is not None and hops.after == 0:
        inner = torch.as_tensor(np.asarray(task.features(split, hops.before)))
        one = sp.eye_array(len(inner), dtype=np.float32, format="csr")
        return Receptive(inner, to_sparse_tensor(one, torch.float32), task.labels(split))
    a_hat, x, rows = task.graph(split)
    start = sp.eye_array(a_hat.shape[0], dtype=a_hat.dtype, format="csr")[rows]
    outer = sp.csr_array(_after(hops, start, a_hat[rows], a_hat))
    reach = np.unique(outer.indices)
    return Receptive(
        _inner(a_hat, x, hops.before, reach), compact(outer[:, reach]), task.labels(split)
    )


def _inner(a_hat: Any, x: Any, hops: int, rows: Any) -> Tensor | Product:
    r""":math:`\hat A^K X` at some rows. A propagated row has the words of all its neighbours, so
    that on a large graph of sparse features the two factors have fewer non-zeros together."""
    propagated = propagate(a_hat, x, hops, rows)
    if sp.issparse(propagated) and propagated.nnz > MANY and hops == 1:
        near = a_hat[rows]
        reach = np.unique(near.indices)
        left, right = near[:, reach], x[reach]
        if FEWER * (left.nnz + right.nnz) < propagated.nnz:
            return Product(*(to_sparse_tensor(each, torch.float32) for each in (left, right)))
    return compact(propagated)


def of_graph(x: Tensor, adj: Tensor | None, y: Tensor, hops: Hops = GCN) -> Receptive:
    """A synthetic graph, seen from all of its nodes; without edges its matrix is ``I``."""
    start = torch.eye(len(x), dtype=x.dtype, device=x.device)
    if adj is None:
        return Receptive(x, start, y)
    a_hat = normalise_dense(adj)
    inner: Tensor = spread(a_hat, x, hops.before)
    return Receptive(inner, _after(hops, start, a_hat, a_hat), y)


def _after(hops: Hops, start: Any, first: Any, a_hat: Any) -> Any:
    """Rows of :math:`P_2`, from those of the identity and, to save the first product, those of
    the propagation."""
    outer = start
    for step in range(hops.after):
        moved = outer @ a_hat if step else first
        outer = (1 - hops.alpha) * moved + hops.alpha * start if hops.alpha else moved
    return outer


def transposed(matrix: Tensor) -> Tensor:
    """The transpose, CSR again where the matrix is."""
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
