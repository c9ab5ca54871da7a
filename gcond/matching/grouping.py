"""Over which rows gradients are formed before they are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from gcond.matching.batch import Groups


class Grouping(Protocol):
    """Arranges labelled rows into groups."""

    def partition(self, y: Tensor, counts: Tensor, dtype: torch.dtype) -> Groups:
        """Groups of rows with labels ``y``; ``counts`` are the synthetic items per class."""


@dataclass(frozen=True)
class ByClass:
    r"""One group per class, the usual choice since `"Dataset Condensation with Gradient Matching"
    <https://arxiv.org/abs/2006.05929>`_.

    Args:
        importance: Weight of class ``c`` in the sum: ``"max"`` is :math:`n_c / \max_k n_k` as in
            `"Graph Condensation for Graph Neural Networks" <https://arxiv.org/abs/2110.07580>`_,
            ``"share"`` is :math:`n_c / n`, ``"equal"`` is 1; ``n_c`` counts synthetic items.
    """

    importance: Literal["max", "share", "equal"] = "max"

    def partition(self, y: Tensor, counts: Tensor, dtype: torch.dtype) -> Groups:
        classes = counts.nonzero().flatten().tolist()
        size = counts[counts > 0].to(y.device, dtype)
        weight = {
            "max": size / size.max(),
            "share": size / size.sum(),
            "equal": torch.ones_like(size),
        }[self.importance]
        return Groups.of([(y == c).nonzero().flatten() for c in classes], weight)


@dataclass(frozen=True)
class Together:
    """All rows in one group: one gradient for the whole set, as in `"Dataset Condensation with
    Contrastive Signals" <https://arxiv.org/abs/2202.02916>`_ (each class weighs the same) and in
    the joint matching of `"Condensing Graphs via One-Step Gradient Matching"
    <https://arxiv.org/abs/2206.07746>`_.

    Args:
        balanced: Give every class the same total weight, whatever its number of rows.
    """

    balanced: bool = True

    def partition(self, y: Tensor, counts: Tensor, dtype: torch.dtype) -> Groups:
        rows = torch.arange(len(y), device=y.device)
        one = torch.ones(1, dtype=dtype, device=y.device)
        if not self.balanced:
            return Groups.of([rows], one)
        present, inverse, sizes = torch.unique(y, return_inverse=True, return_counts=True)
        weight = (1 / (len(present) * sizes.to(dtype)))[inverse]
        return Groups.of([rows], one, [weight])
