"""Over which rows gradients are formed before they are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from gcond.matching.batch import Groups, Later
from gcond.matching.ranges import at_least


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


@dataclass(frozen=True)
class ByClassAndTogether:
    r"""Two levels, the classes and their mean, as in `"Delving into Effective Gradient Matching
    for Dataset Condensation" <https://arxiv.org/abs/2208.00311>`_.

    .. math:: \sum_c w_c D(g'_c, g_c) + w D(\bar g', \bar g), \qquad
              \bar g = \frac{1}{C} \sum_c g_c

    The signal of the mean is the mean of the classes' signals, and nothing is measured twice.

    Args:
        by_class: The first level.
        weight: Weight :math:`w` of the second level, by default the number of classes.
    """

    by_class: ByClass = ByClass("equal")
    weight: float | None = None

    def __post_init__(self) -> None:
        if self.weight is not None:
            at_least(0, weight=self.weight)

    def partition(self, y: Tensor, counts: Tensor, dtype: torch.dtype) -> Groups:
        groups = self.by_class.partition(y, counts, dtype)
        each = groups.importance
        mix = torch.cat([torch.eye(len(each)).to(each), torch.full_like(each, 1 / len(each))[None]])
        weight = float(len(each)) if self.weight is None else self.weight
        return replace(groups, importance=torch.cat([each, each.new_tensor([weight])]), mix=mix)


@dataclass(frozen=True)
class WarmUp:
    """One grouping first and another one later, as in the bi-level warm-up of `"Dataset
    Condensation with Contrastive Signals" <https://arxiv.org/abs/2202.02916>`_.

    Args:
        first: The grouping that a run begins with.
        then: The grouping that follows,
        epochs: from this epoch on,
        outer_steps: and in every epoch from this matching step on.
    """

    first: Grouping = ByClass("equal")
    then: Grouping = Together()
    epochs: int = 250
    outer_steps: int = 10

    def __post_init__(self) -> None:
        at_least(0, epochs=self.epochs, outer_steps=self.outer_steps)

    def partition(self, y: Tensor, counts: Tensor, dtype: torch.dtype) -> Groups:
        then = self.then.partition(y, counts, dtype)
        later = Later(then, self.epochs, self.outer_steps)
        return replace(self.first.partition(y, counts, dtype), later=later)
