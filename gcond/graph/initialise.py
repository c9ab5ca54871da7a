"""From where the synthetic features start."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from gcond.coreset import Centroid, Picked, Random, Selector
from gcond.graph.adjacency import Structure
from gcond.graph.propagation import normalise_dense, to_tensor
from gcond.graph.task import NodeTask
from gcond.graph.validation import Validation
from gcond.matching import Score, generator_for
from gcond.matching.ranges import at_least, known, share

Features = Literal["raw", "propagated"]


@dataclass(frozen=True)
class Start:
    """Synthetic nodes before the first step, in class order.

    Args:
        features: ``[n, d]``, as a set without edges stands for them.
        soft: Their labels as distributions ``[n, C]``, where the label source gives such.
    """

    features: Tensor
    soft: Tensor | None = None


class Initialisation(Protocol):
    """A choice of start."""

    def affordable(self, task: NodeTask) -> bool:
        """Whether it needs no more of a graph than is computed anyway."""

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        """``counts[c]`` nodes of each class ``c``, in class order."""


@dataclass(frozen=True)
class Noise:
    """Gaussian noise with the root mean square of the real features."""

    def affordable(self, task: NodeTask) -> bool:
        return True

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        generator = generator_for(seed, "init")
        shape = int(counts.sum()), task.num_features
        return Start(torch.randn(shape, generator=generator) * task.feature_scale)


@dataclass(frozen=True)
class Selected:
    r"""Real nodes, or means of real nodes, in the order of the labels.

    Args:
        selector: How they are chosen.
        features_of: ``"propagated"`` chooses among propagated features, which is what a
            structure-free set stands for; ``"raw"`` among rows of ``X``.
        num_layers: Number of propagations ``K``.
        alpha: Share of a node's own features kept in each propagation; 0 gives
            :math:`\hat A^K X`.
        at_most: A class with more labelled nodes is represented by a sample of so many.
    """

    selector: Selector = Centroid()  # noqa: RUF009 - frozen
    features_of: Features = "propagated"
    num_layers: int = 2
    alpha: float = 0.0
    at_most: int = 500

    def __post_init__(self) -> None:
        at_least(0, num_layers=self.num_layers)
        at_least(1, at_most=self.at_most)
        share(alpha=self.alpha)
        known(get_args(Features), features_of=self.features_of)

    def affordable(self, task: NodeTask) -> bool:
        return self.features_of == "raw" or task.affords(self.num_layers, self.alpha)

    def pick(self, task: NodeTask, counts: Tensor, seed: int) -> Picked:
        """The selection with all that is known of it."""
        hops = self.num_layers if self.features_of == "propagated" else 0
        y = task.labels("train")
        kept = _sample(y, self.at_most, seed)
        if len(kept) < len(y):
            task = replace(task, index={**task.index, "train": task.index["train"][kept.numpy()]})
        rows = to_tensor(task.features("train", hops, self.alpha), torch.float32)
        picked = self.selector.pick(rows, y[kept], counts, seed)
        return picked if picked.rows is None else replace(picked, rows=kept[picked.rows])

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        picked = self.pick(task, counts, seed)
        if task.soft is None or picked.rows is None:
            return Start(picked.features)
        return Start(
            picked.features, torch.as_tensor(task.soft[task.index["train"][picked.rows.numpy()]])
        )


def _sample(y: Tensor, at_most: int, seed: int) -> Tensor:
    """Positions of at most so many rows of each class, in order."""
    if not bool((torch.bincount(y) > at_most).any()):
        return torch.arange(len(y))
    order = torch.randperm(len(y), generator=generator_for(seed, "init"))
    kept = [order[y[order] == c][:at_most] for c in torch.unique(y).tolist()]
    return torch.cat(kept).sort().values


@dataclass(frozen=True)
class BestOf:
    """The candidate that scores best on validation nodes as a set without edges; the first one
    where there are none. On a graph that is kept on disk those that would propagate it anew are
    left out.

    The humble candidates are what make a default hold on a graph nobody has seen: where
    neighbours disagree, features that were propagated less, or not at all, win.

    Args:
        candidates: Starts to choose from.
    """

    candidates: tuple[Initialisation, ...] = (
        Selected(),
        Selected(num_layers=4),
        Selected(num_layers=1),
        Selected(features_of="raw"),
        Selected(Random()),
    )

    def affordable(self, task: NodeTask) -> bool:
        return any(candidate.affordable(task) for candidate in self.candidates)

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        y = torch.repeat_interleave(torch.arange(len(counts)), counts)
        best: Score | None = None
        chosen, notes = Start(torch.empty(0)), []
        near = [candidate for candidate in self.candidates if candidate.affordable(task)]
        for i, candidate in enumerate(near or self.candidates):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                found = candidate.start(task, counts, seed, validation)
            labels = y if found.soft is None else found.soft
            score = validation.score(found.features, None, labels) if validation else None
            if i == 0 or (score is not None and (best is None or score > best)):
                best, chosen, notes = score, found, caught
            if score is None:
                break  # nothing to choose by
        for text in dict.fromkeys(str(note.message) for note in notes):
            warnings.warn(text, stacklevel=2)  # of the chosen one only
        return chosen


ROUNDS, TOLERANCE = 8, 0.02


@torch.no_grad()
def settled(x: Tensor, structure: Structure, hops: int) -> Tensor:
    r"""Features ``X'`` that ``hops`` propagations turn into ``x``: :math:`\hat A'^K X' = X`.

    The structure may depend on ``X'``; a few rounds settle it. ``x`` itself is returned without
    edges, or where the rounds do not settle.
    """
    found, goal = x, x.double()
    for _ in range(ROUNDS + 1):
        adj = structure(found)
        if adj is None:
            return x
        power = torch.linalg.matrix_power(normalise_dense(adj).double(), hops)
        error = (power @ found.double() - goal).norm() / goal.norm()
        if error < TOLERANCE:
            return found
        found = torch.linalg.solve_ex(power, goal).result.to(x.dtype)
        if not bool(torch.isfinite(found).all()):
            break
    return x
