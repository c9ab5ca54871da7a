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
    a_hat: Matrix,
    x: Matrix,
    hops: int,
    rows: np.ndarray[Any, Any] | None = None,
    alpha: float = 0.0,
) -> Matrix:
    r"""``hops`` steps of :math:`H \leftarrow (1-\alpha)\, \hat A H + \alpha X` from ``H = X``, for
    the given rows only: :math:`\hat A^K X` at ``alpha=0``, else the propagation of `"Predict then
    Propagate" <https://arxiv.org/abs/1810.05997>`_.

    With few rows the product is taken from the left, ``((A[rows] A) ... ) X``, so that the cost
    and the memory follow the rows' neighbourhoods and not the graph.

    Args:
        a_hat: Normalised adjacency, CSR ``[N, N]``.
        x: Features ``[N, d]``, an ndarray or CSR; the result is of the same kind where ``alpha``
            is zero, else an ndarray.
        hops: Number of propagations ``K``.
        rows: Which rows to return, all by default.
        alpha: Share of a node's own features that is kept in each propagation.
    """
    if hops == 0:
        return x if rows is None else x[rows]
    if alpha:
        return _restarting(a_hat, x, hops, rows, alpha)
    if rows is None:
        for _ in range(hops):
            x = a_hat @ x
        return x
    left = a_hat[rows]
    for _ in range(hops - 1):
        left = left @ a_hat
    return left @ x


CHUNK = 1024
"""Rows that are propagated together from the left, as dense columns of length ``N``."""


def _restarting(
    a_hat: Matrix, x: Matrix, hops: int, rows: np.ndarray[Any, Any] | None, alpha: float
) -> Matrix:
    if rows is None:
        own = x.toarray() if sp.issparse(x) else x
        h = own
        for _ in range(hops):
            h = (1 - alpha) * (a_hat @ h) + alpha * own
        return h
    eye = sp.eye_array(a_hat.shape[0], dtype=a_hat.dtype, format="csr")
    parts = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
    return np.concatenate([mix(a_hat, x, eye[part], hops, alpha) for part in parts])


def mix(a_hat: Matrix, x: Matrix, weights: Matrix, hops: int, alpha: float = 0.0) -> Matrix:
    """Weighted sums of propagated rows, ``weights @ propagate(a_hat, x, hops, alpha=alpha)``, at
    the cost of ``m`` columns: nothing of size ``[N, d]`` is formed.

    Args:
        a_hat: Normalised adjacency, CSR ``[N, N]``.
        x: Features ``[N, d]``, an ndarray or CSR.
        weights: Weights ``[m, N]``, CSR.
        hops: Number of propagations.
        alpha: As in :func:`propagate`.
    """
    first = weights.T.toarray().astype(x.dtype)
    return np.ascontiguousarray((x.T @ spread(a_hat.T.tocsr(), first, hops, alpha)).T)


def spread(matrix: Matrix, first: Matrix, hops: int, alpha: float = 0.0) -> Matrix:
    r"""``hops`` steps of :math:`H \leftarrow (1-\alpha)\, M H + \alpha H_0` on dense columns."""
    h = first
    for _ in range(hops):
        h = (1 - alpha) * (matrix @ h) + alpha * first if alpha else matrix @ h
    return h


def to_tensor(matrix: Matrix, dtype: torch.dtype) -> Tensor:
    """An ndarray or a CSR matrix as a dense tensor."""
    dense = matrix.toarray() if sp.issparse(matrix) else np.asarray(matrix)
    return torch.as_tensor(dense, dtype=dtype)


def to_sparse_tensor(matrix: Matrix, dtype: torch.dtype) -> Tensor:
    """A CSR matrix as a torch CSR tensor."""
    return csr(
        torch.as_tensor(matrix.indptr, dtype=torch.int64),
        torch.as_tensor(matrix.indices, dtype=torch.int64),
        torch.as_tensor(matrix.data, dtype=dtype),
        matrix.shape,
    )


def csr(crow: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """A sparse matrix; torch announces once that its CSR tensors may still change."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(crow, columns, values, shape, check_invariants=False)


def normalise_dense(adj: Tensor) -> Tensor:
    r"""The same normalisation of dense adjacencies ``[..., n, n]`` without self-loops,
    differentiable."""
    return _scaled(adj)[0]


def normalise_once(adj: Tensor) -> Tensor:
    """:func:`normalise_dense` with fewer passes on the way back; differentiable once."""
    a_hat: Tensor = _Normalisation.apply(adj)  # type: ignore[no-untyped-call]
    return a_hat


class _Normalisation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, adj: Tensor) -> Tensor:
        a_hat, scale = _scaled(adj)
        ctx.save_for_backward(a_hat, scale)
        return a_hat

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return _scaled_back(grad, *ctx.saved_tensors)


def _scaled(adj: Tensor) -> tuple[Tensor, Tensor]:
    """The normalised adjacency and the ``degree ** -1/2`` that its rows and columns took."""
    scale = (adj.sum(-1) + 1).rsqrt()
    a_hat = adj * scale[..., None] * scale[..., None, :]
    a_hat.diagonal(dim1=-2, dim2=-1).add_(scale.square())
    return a_hat, scale


def _scaled_back(d_hat: Tensor, a_hat: Tensor, scale: Tensor) -> Tensor:
    """Cotangent of an adjacency from that of its normalised form."""
    both = d_hat * a_hat
    d_degree = (both.sum(-2) + both.sum(-1)).mul_(scale.square())[..., None]
    return (d_hat * scale[..., None, :]).mul_(scale[..., None]).sub_(d_degree, alpha=0.5)


def propagate_dense(adj: Tensor, x: Tensor, hops: int) -> Tensor:
    r""":math:`\hat A^K X` of a dense adjacency without self-loops, differentiable once by both."""
    z: Tensor = _Propagation.apply(adj, x, hops)  # type: ignore[no-untyped-call]
    return z


class _Propagation(torch.autograd.Function):
    r"""With :math:`\hat A = \mathrm{diag}(s)\, L\, \mathrm{diag}(s)`, :math:`L = A + I` and
    :math:`s = (L 1)^{-1/2}`; the cotangent of :math:`\hat A` is
    :math:`\sum_{l<K} (\hat A^l)^T\, G X^T\, (\hat A^{K-1-l})^T`."""

    @staticmethod
    def forward(ctx: Any, adj: Tensor, x: Tensor, hops: int) -> Tensor:
        z, saved = propagated(adj, x, hops)
        ctx.hops = hops
        ctx.save_for_backward(*saved)
        return z

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        for_adj, for_x, _ = ctx.needs_input_grad
        return *propagated_back(ctx.saved_tensors, grad, ctx.hops, for_adj, for_x), None


def propagated(adj: Tensor, x: Tensor, hops: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """:func:`propagate_dense`, and what :func:`propagated_back` needs."""
    a_hat, scale = _scaled(adj)
    powers = [a_hat]
    while len(powers) < hops:
        powers.append(powers[-1] @ a_hat)
    # A small set has fewer nodes than features: the power is cheaper than repeated products.
    return powers[hops - 1] @ x if hops else x.clone(), (x, scale, *powers)


def propagated_back(
    saved: tuple[Tensor, ...], grad: Tensor, hops: int, for_adj: bool, for_x: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Cotangents of the adjacency and of the features, those that are asked for."""
    x, scale, *powers = saved
    d_x = (powers[hops - 1].T @ grad if hops else grad.clone()) if for_x else None
    if not for_adj:
        return None, d_x
    if not hops:
        return torch.zeros_like(powers[0]), d_x
    below = grad @ x.T
    d_hat = below @ powers[hops - 2].T if hops > 1 else below
    for left in range(1, hops):
        right = hops - 1 - left
        back = below @ powers[right - 1].T if right else below
        d_hat = torch.addmm(d_hat, powers[left - 1].T, back)
    return _scaled_back(d_hat, powers[0], scale), d_x
