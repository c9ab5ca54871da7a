"""Class-wise selectors: from the rows of a class to as many rows as the budget gives it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from gcond.matching.ranges import at_least

Rows = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Picked:
    """What a selector chose, in class order.

    Args:
        features: Chosen rows, or means of rows, ``[n, d]``.
        y: Their classes ``[n]``.
        rows: Their positions among the candidates ``[n]``, or ``None`` where they are means.
            A position occurs more than once where the budget exceeds the class.
    """

    features: Tensor
    y: Tensor
    rows: Tensor | None


class Selector(Protocol):
    """Chooses ``counts[c]`` rows of each class ``c``."""

    def pick(self, x: Tensor, y: Tensor, counts: Tensor, seed: int) -> Picked:
        """Picks from features ``[n, d]`` with labels ``[n]``."""


@dataclass(frozen=True)
class Random:
    """Uniformly at random within each class, without replacement while the class lasts."""

    def pick(self, x: Tensor, y: Tensor, counts: Tensor, seed: int) -> Picked:
        generator = torch.Generator().manual_seed(seed)

        def order(rows: Tensor, count: int) -> Tensor:
            return torch.randperm(len(rows), generator=generator)[:count]

        return _by_class(x, y, counts, seed, order)


@dataclass(frozen=True)
class Herding:
    """Greedily keeps the mean of the chosen rows close to the class mean, `"Herding Dynamical
    Weights to Learn" <https://doi.org/10.1145/1553374.1553517>`_."""

    def pick(self, x: Tensor, y: Tensor, counts: Tensor, seed: int) -> Picked:
        def order(rows: Tensor, count: int) -> Tensor:
            return _herd(x[rows.to(x.device)].double(), count)

        return _by_class(x, y, counts, seed, order)


@dataclass(frozen=True)
class KCenter:
    """Farthest-first traversal from the row nearest the class mean, `"Active Learning for
    Convolutional Neural Networks: A Core-Set Approach" <https://arxiv.org/abs/1708.00489>`_."""

    def pick(self, x: Tensor, y: Tensor, counts: Tensor, seed: int) -> Picked:
        def order(rows: Tensor, count: int) -> Tensor:
            return _farthest_first(x[rows.to(x.device)].double(), count)

        return _by_class(x, y, counts, seed, order)


@dataclass(frozen=True)
class Centroid:
    """Means of class-wise k-means clusters (scikit-learn, one thread, so that equal seeds give
    equal bytes).

    Args:
        restarts: Runs of k-means per class, of which the tightest is kept.
    """

    restarts: int = 4

    def __post_init__(self) -> None:
        at_least(1, restarts=self.restarts)

    def pick(self, x: Tensor, y: Tensor, counts: Tensor, seed: int) -> Picked:
        features, labels, short = [], [], []
        for c, count in _wanted(counts):
            rows = x[(y == c).to(x.device)].double().cpu().numpy()
            distinct = _distinct(rows)
            features.append(_means(rows, count, min(count, distinct), self.restarts, seed))
            labels += [c] * count
            short += [c] if count > distinct else []
        warn_repeats(short)
        chosen = torch.as_tensor(np.concatenate(features)).to(x)
        return Picked(chosen, torch.tensor(labels, device=y.device), None)


@dataclass(frozen=True)
class Medoid:
    """The rows nearest the centres of class-wise k-means clusters: means that are real items.

    Args:
        restarts: Runs of k-means per class, of which the tightest is kept.
    """

    restarts: int = 4

    def __post_init__(self) -> None:
        at_least(1, restarts=self.restarts)

    def pick(self, x: Tensor, y: Tensor, counts: Tensor, seed: int) -> Picked:
        def order(rows: Tensor, count: int) -> Tensor:
            found = x[rows.to(x.device)].double().cpu()
            clusters = min(count, _distinct(found.numpy()))
            centers = torch.as_tensor(_means(found.numpy(), count, clusters, self.restarts, seed))
            free = torch.ones(len(found), dtype=torch.bool)
            picked = []
            for center in centers:
                apart = (found - center).square().sum(1)
                picked.append(int(torch.where(free, apart, torch.inf).argmin()))
                free[picked[-1]] = False
            return torch.tensor(picked)

        return _by_class(x, y, counts, seed, order)


def _wanted(counts: Tensor) -> list[tuple[int, int]]:
    return [(c, n) for c, n in enumerate(counts.tolist()) if n]


def _by_class(x: Tensor, y: Tensor, counts: Tensor, seed: int, order: Any) -> Picked:
    chosen, labels, repeats, short = [], [], [], []
    for c, count in _wanted(counts):
        rows = (y == c).nonzero().flatten().cpu()
        first = rows[order(rows, min(count, len(rows)))]
        again = first[torch.arange(count - len(first)) % len(first)]
        chosen += [first, again]
        repeats += [False] * len(first) + [True] * len(again)
        labels += [c] * count
        short += [c] if len(again) else []
    warn_repeats(short)
    index = torch.cat(chosen).to(x.device)
    features = jitter(x[index], torch.tensor(repeats, device=x.device), seed)
    return Picked(features, torch.tensor(labels, device=y.device), index)


JITTER = 0.05


def jitter(x: Tensor, where: Tensor, seed: int) -> Tensor:
    """Adds Gaussian noise of 5 % of the features' root mean square to the marked rows, so that
    items chosen more than once are not learned as one."""
    if not where.any():
        return x
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(x.shape, generator=generator).to(x) * (JITTER * x.square().mean().sqrt())
    return torch.where(where[:, None], x + noise, x)


def warn_repeats(classes: list[int]) -> None:
    """Says once which classes have fewer items than the budget asks for."""
    if classes:
        warnings.warn(
            f"the budget exceeds the labelled items of classes {classes}: items are repeated "
            f"with a jitter of {JITTER:.0%} of the features' root mean square",
            stacklevel=2,
        )


def _herd(x: Tensor, count: int) -> Tensor:
    mean, total = x.mean(0), torch.zeros_like(x[0])
    free = torch.ones(len(x), dtype=torch.bool, device=x.device)
    picked = []
    for i in range(count):
        # |mean (i+1) - total - x_j|^2, up to a term that all candidates share
        goal = mean * (i + 1) - total
        error = x.square().sum(1) - 2 * (x @ goal)
        best = int(torch.where(free, error, torch.inf).argmin())
        picked.append(best)
        free[best] = False
        total = total + x[best]
    return torch.tensor(picked)


def _farthest_first(x: Tensor, count: int) -> Tensor:
    picked = [int((x - x.mean(0)).square().sum(1).argmin())]
    nearest = (x - x[picked[0]]).square().sum(1)
    for _ in range(count - 1):
        nearest[picked[-1]] = -1.0
        picked.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (x - x[picked[-1]]).square().sum(1))
    return torch.tensor(picked)


def _distinct(rows: Rows) -> int:
    """How many rows differ from each other: numbers are equal where their bytes are, but for the
    sign of zero."""
    return len({row.tobytes() for row in rows + 0.0})


@cache
def _thread_pools() -> Any:
    """The thread pools of this process: finding them reads its whole map of memory."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _means(rows: Rows, count: int, clusters: int, restarts: int, seed: int) -> Rows:
    from sklearn.cluster import KMeans

    if clusters == 1:
        centers = rows.mean(0, keepdims=True)
    else:
        with _thread_pools().limit(limits=1):
            kmeans = KMeans(clusters, n_init=restarts, random_state=seed % 2**32).fit(rows)
        # Ordered by size, so that the order does not depend on the seeding of k-means.
        order = np.argsort(-np.bincount(kmeans.labels_, minlength=clusters), kind="stable")
        centers = kmeans.cluster_centers_[order]
    extra = np.arange(count - clusters) % clusters
    repeats = torch.as_tensor(np.concatenate([centers, centers[extra]]))
    where = torch.arange(count) >= clusters
    out: Rows = jitter(repeats, where, seed).numpy()
    return out
