"""How two sets of gradients are compared: value and cotangent, both in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gcond.matching.ranges import at_least

Signature = tuple[Tensor, ...]
"""What a signal measured: one tensor ``[K, *shape]`` per parameter, ``K`` groups in front."""


class Distance(Protocol):
    """Compares the synthetic signature with the real one, group by group."""

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        r"""Value :math:`\sum_k w_k D_k` and its derivative by the synthetic signature.

        Args:
            synthetic: Tensors ``[K, *shape]``, one per parameter of the model.
            real: Tensors of the same shapes.
            units: For each parameter the axis, counted from the end, of its output units, or
                ``None`` where it has none (biases). Linear maps of graph networks are stored
                ``[in, out]``, convolutions ``[out, ...]``: the distance must not guess.
            importance: Weights :math:`w_k`, shape ``[K]``.
        """


def _wide(tensor: Tensor) -> Tensor:
    """Half precision as float32: norms and cosines of gradients do not bear less."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _columns(tensor: Tensor, unit: int) -> Tensor:
    """``[K, *shape] -> [K, rest, units]``."""
    wide = _wide(tensor)
    return wide if _is_columns(wide, unit) else wide.movedim(unit, -1).flatten(1, -2)


def _is_columns(tensor: Tensor, unit: int) -> bool:
    return unit == -1 and tensor.dim() == 3


def _restore(columns: Tensor, like: Tensor, unit: int) -> Tensor:
    if _is_columns(like, unit):
        return columns.to(like.dtype)
    moved = like.movedim(unit, -1)
    return columns.reshape(moved.shape).movedim(-1, unit).to(like.dtype)


def _with_units(units: Sequence[int | None]) -> None:
    """Refuses to compare output units where there are none."""
    if all(unit is None for unit in units):
        raise ValueError(
            "the signal has no output units to compare one by one; use another distance, such as "
            "SquaredL2() (squared-l2)"
        )


def _cosine(u: Tensor, v: Tensor, weight: Tensor, eps: float, dim: int) -> tuple[Tensor, Tensor]:
    r""":math:`\sum w (1 - \langle u, v\rangle / (|u||v| + \epsilon))` over ``dim``, and d/du."""
    dot = (u * v).sum(dim, keepdim=True)
    norm_u = torch.linalg.vector_norm(u, dim=dim, keepdim=True)
    norm_v = torch.linalg.vector_norm(v, dim=dim, keepdim=True)
    q = norm_u * norm_v + eps
    if eps < torch.finfo(q.dtype).tiny:
        # A silent unit has no direction: it counts as orthogonal and is not pulled.
        q = q.masked_fill(q == 0, torch.inf)
    scale = weight / q
    cosine = dot * scale
    # Along u the derivative of |u| is u / |u|; at u = 0 it is taken as 0, as autograd does.
    pull = cosine * norm_v / q / norm_u.clamp_min(torch.finfo(u.dtype).tiny)
    return (weight - cosine).sum(), (u * pull).addcmul_(v, scale, value=-1)


@dataclass(frozen=True)
class CosinePerUnit:
    r"""Cosine distance per output unit, the distance of `"Dataset Condensation with Gradient
    Matching" <https://arxiv.org/abs/2006.05929>`_ and of `"Graph Condensation for Graph Neural
    Networks" <https://arxiv.org/abs/2110.07580>`_.

    .. math:: D = \sum_{W} \sum_j \Big(1 - \frac{\langle g_{:j}, g'_{:j}\rangle}
              {\|g_{:j}\|\,\|g'_{:j}\| + \epsilon}\Big)

    Parameters without output units (biases) contribute zero, as in the papers' code.

    Args:
        eps: Part of the method, not a guard: products of gradient norms late in training are
            of the order 1e-5, and ``eps`` damps such gradients.
    """

    eps: float = 1e-6

    def __post_init__(self) -> None:
        at_least(0, eps=self.eps)

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        return _per_unit(synthetic, real, units, importance, self.eps, 0.0)


@dataclass(frozen=True)
class AngleAndMagnitude:
    r"""Cosine distance and length of the difference, per output unit, as in `"Delving into
    Effective Gradient Matching for Dataset Condensation" <https://arxiv.org/abs/2208.00311>`_.

    .. math:: D = \sum_{W} \sum_j \Big(1 - \frac{\langle g_{:j}, g'_{:j}\rangle}
              {\|g_{:j}\|\,\|g'_{:j}\| + \epsilon} + \lambda \|g_{:j} - g'_{:j}\|\Big)

    Parameters without output units (biases) contribute zero.

    Args:
        magnitude: Weight :math:`\lambda` of the lengths.
        eps: As in :class:`CosinePerUnit`.
    """

    magnitude: float = 1.0
    eps: float = 1e-6

    def __post_init__(self) -> None:
        at_least(0, magnitude=self.magnitude, eps=self.eps)

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        return _per_unit(synthetic, real, units, importance, self.eps, self.magnitude)


def _per_unit(
    synthetic: Signature,
    real: Signature,
    units: Sequence[int | None],
    importance: Tensor,
    eps: float,
    magnitude: float,
) -> tuple[Tensor, Signature]:
    """Cosine distance per unit, with lengths of differences where they have a weight."""
    _with_units(units)
    values, cotangent, weight = [], [], importance[:, None, None]
    for g, h, unit in zip(synthetic, real, units, strict=True):
        if unit is None:
            cotangent.append(torch.zeros_like(g))
            continue
        u, v = _columns(g, unit), _columns(h, unit)
        value, pull = _cosine(u, v, weight, eps, 1)
        if magnitude:
            length, along = _length(u - v, magnitude * weight)
            value, pull = value + length, pull + along
        values.append(value)
        cotangent.append(_restore(pull, g, unit))
    return sum(values[1:], values[0]), tuple(cotangent)


def _length(difference: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    r""":math:`\sum w |d|` over columns, and its derivative; at zero it is taken as 0."""
    norm = difference.norm(dim=1, keepdim=True)
    tiny = torch.finfo(difference.dtype).tiny
    return (weight * norm).sum(), difference * (weight / norm.clamp_min(tiny))


@dataclass(frozen=True)
class FlatCosine:
    """One cosine distance over all parameters of a group together, biases included."""

    eps: float = 1e-6

    def __post_init__(self) -> None:
        at_least(0, eps=self.eps)

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        flat = torch.cat([_wide(g).flatten(1) for g in synthetic], 1)
        other = torch.cat([_wide(h).flatten(1) for h in real], 1)
        value, pull = _cosine(flat, other, importance[:, None], self.eps, 1)
        parts = torch.split(pull, [g[0].numel() for g in synthetic], 1)
        pairs = zip(parts, synthetic, strict=True)
        return value, tuple(p.reshape(g.shape).to(g.dtype) for p, g in pairs)


@dataclass(frozen=True)
class SquaredL2:
    r""":math:`D = \sum_W \|g' - g\|^2` over all parameters, biases included."""

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        return _squared(synthetic, real, importance)


@dataclass(frozen=True)
class RelativeSquaredL2:
    r""":math:`D = \|g' - g\|^2 / \|g\|^2` over all parameters together, biases included, as in
    the graph-set code of `"Condensing Graphs via One-Step Gradient Matching"
    <https://arxiv.org/abs/2206.07746>`_.

    Args:
        eps: Added to the denominator, so that a vanishing real gradient gives no infinity.
    """

    eps: float = 1e-12

    def __post_init__(self) -> None:
        at_least(0, eps=self.eps)

    def __call__(
        self,
        synthetic: Signature,
        real: Signature,
        units: Sequence[int | None],
        importance: Tensor,
    ) -> tuple[Tensor, Signature]:
        scale = torch.stack([_wide(h).flatten(1).square().sum(1) for h in real]).sum(0)
        return _squared(synthetic, real, importance / (scale + self.eps))


def _squared(synthetic: Signature, real: Signature, weight: Tensor) -> tuple[Tensor, Signature]:
    total = weight.new_zeros(())
    cotangent = []
    for g, h in zip(synthetic, real, strict=True):
        difference = _wide(g) - _wide(h)
        weighted = difference * weight.view(-1, *[1] * (g.dim() - 1))
        total = total + (weighted * difference).sum()
        cotangent.append((2 * weighted).to(g.dtype))
    return total, tuple(cotangent)
