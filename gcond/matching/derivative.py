"""The way back from what a model saw of a set to what the set learns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gcond.matching.batch import Batch
from gcond.matching.task import SyntheticSet

Gradients = tuple[Tensor | None, ...]
"""One derivative per leaf; ``None`` where nothing depends on it."""


def derivatives(
    synthetic: SyntheticSet,
    batch: Batch,
    seen: Batch,
    cotangents: tuple[Tensor, ...],
    penalty: Tensor | None,
    moving: Sequence[str],
) -> Gradients:
    """Derivatives of the objective by the parts whose turn it is.

    Args:
        synthetic: What is learned.
        batch: The set, as it was decoded.
        seen: The batch as the model saw it, through an augmentation.
        cotangents: Derivatives by the inputs of ``seen``.
        penalty: What is added to the objective, or ``None``.
        moving: Names of the parts.
    """
    leaves = [leaf for name in moving for leaf in synthetic.parts[name]]
    if batch.back is None:
        return _by_autograd(seen, cotangents, penalty, leaves)
    direct: Gradients = (None,) * len(leaves)
    if penalty is not None or seen.inputs is not batch.inputs:
        found = _by_autograd(seen, cotangents, penalty, [*leaves, *batch.inputs])
        direct, through = found[: len(leaves)], found[len(leaves) :]
        pairs = zip(through, batch.inputs, strict=True)
        cotangents = tuple(torch.zeros_like(t) if c is None else c for c, t in pairs)
    by_part = batch.back(cotangents)
    behind = (derivative for name in moving for derivative in by_part[name])
    return tuple(map(_total, direct, behind))


def _by_autograd(
    seen: Batch, cotangents: tuple[Tensor, ...], penalty: Tensor | None, ends: Sequence[Tensor]
) -> Gradients:
    pairs = [(t, c) for t, c in zip(seen.inputs, cotangents, strict=True) if t.requires_grad]
    roots, grads = [t for t, _ in pairs], [c for _, c in pairs]
    if penalty is not None:
        roots, grads = [*roots, penalty], [*grads, torch.ones_like(penalty)]
    found: Gradients = torch.autograd.grad(
        roots, ends, grads, allow_unused=True, retain_graph=penalty is not None
    )
    return found


def _total(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
