"""From which real graphs the synthetic ones start."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gcond.coreset import Herding, Medoid, Random, Selector
from gcond.graph.sets.packed import Packed, packed
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.validation import SetValidation
from gcond.matching import generator_for
from gcond.matching.ranges import at_least


class SetInitialisation(Protocol):
    """A choice of start."""

    def graphs(
        self,
        task: SetTask,
        counts: Tensor,
        seed: int,
        most_nodes: int | None = None,
        validation: SetValidation | None = None,
    ) -> Tensor:
        """Numbers of real training graphs in class order."""


@dataclass(frozen=True)
class SelectedGraphs:
    r"""Real graphs, chosen class by class among the standardised means over nodes of
    :math:`[X, \hat A X, \hat A^2 X, \hat A^3 X]`.

    Args:
        selector: How they are chosen.
    """

    selector: Selector = Medoid()  # noqa: RUF009 - frozen

    def graphs(
        self,
        task: SetTask,
        counts: Tensor,
        seed: int,
        most_nodes: int | None = None,
        validation: SetValidation | None = None,
    ) -> Tensor:
        train = task.numbers("train")
        y = torch.zeros(len(train), dtype=torch.long) if task.several else task.labels("train")
        small = torch.ones(len(train), dtype=torch.bool)
        if most_nodes is not None:
            small = task.graphs.sizes[train] <= most_nodes
            for c in counts.nonzero().flatten().tolist():
                if not bool(small[y == c].any()):  # a class of large graphs only: cut them
                    small |= y == c
        picked = self.selector.pick(task.embeddings[small], y[small], counts, seed)
        assert picked.rows is not None
        return train[small][picked.rows]


@dataclass(frozen=True)
class BestStart:
    """The candidate that trains best on validation graphs; the first one where there are none.

    Args:
        candidates: Starts to choose from.
        draws: Random draws to choose from as well: the best of several is often better than
            what a rule selects.
    """

    candidates: tuple[SetInitialisation, ...] = (SelectedGraphs(Herding()), SelectedGraphs())
    draws: int = 6

    def __post_init__(self) -> None:
        at_least(0, draws=self.draws)

    def graphs(
        self,
        task: SetTask,
        counts: Tensor,
        seed: int,
        most_nodes: int | None = None,
        validation: SetValidation | None = None,
    ) -> Tensor:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = self._found(task, counts, seed, most_nodes, validation is not None)
        for text in dict.fromkeys(str(warning.message) for warning in caught):
            warnings.warn(text, stacklevel=2)
        distinct: list[Tensor] = []  # with one graph per class selectors often agree
        for numbers in found:
            if not any(torch.equal(numbers, other) for other in distinct):
                distinct.append(numbers)
        if validation is None or len(distinct) == 1:
            return distinct[0]
        scores = []
        for numbers in distinct:
            graphs = encoded(task, cut(task.graphs.take(numbers), most_nodes))
            y = torch.as_tensor(task.y[numbers.numpy()])
            scores.append(validation.score(graphs, y))
        known = [score for score in scores if score is not None]
        return distinct[scores.index(max(known))] if known else distinct[0]

    def _found(
        self, task: SetTask, counts: Tensor, seed: int, most_nodes: int | None, scored: bool
    ) -> list[Tensor]:
        found = [each.graphs(task, counts, seed, most_nodes) for each in self.candidates]
        if scored:
            generator = generator_for(seed, "init", 1)
            draws = torch.randint(2**31, (self.draws,), generator=generator).tolist()
            chance = SelectedGraphs(Random())
            found += [chance.graphs(task, counts, draw, most_nodes) for draw in draws]
        return found


def encoded(task: SetTask, graphs: Packed) -> Packed:
    """The same graphs with encoded rows."""
    return Packed(task.encoding(graphs.x), graphs.ptr, graphs.edge_index, graphs.edge_weight)


def cut(graphs: Packed, most_nodes: int | None) -> Packed:
    """The same graphs, larger ones reduced to the nodes nearest their best connected node."""
    if most_nodes is None or int(graphs.sizes.max()) <= most_nodes:
        return graphs
    rows, edges = [], []
    for number in range(len(graphs)):
        x, edge_index, _ = graphs.graph(number)
        if len(x) > most_nodes:
            kept = _ball(edge_index, len(x), most_nodes)
            place = torch.full((len(x),), -1)
            place[kept] = torch.arange(len(kept))
            moved = place[edge_index]
            x, edge_index = x[kept], moved[:, (moved >= 0).all(0)]
        rows.append(x)
        edges.append(edge_index)
    return packed(rows, edges)


def _ball(edge_index: Tensor, n: int, most: int) -> Tensor:
    """So many nodes in breadth-first order from the node of highest degree."""
    degree = torch.bincount(edge_index[0], minlength=n)
    order: list[int] = []
    seen = torch.zeros(n, dtype=torch.bool)
    while len(order) < most:
        front = [int(torch.where(seen, -1, degree).argmax())]
        seen[front] = True
        while front and len(order) < most:
            order += front
            near = edge_index[1][torch.isin(edge_index[0], torch.tensor(front))]
            front = torch.unique(near[~seen[near]]).tolist()
            seen[front] = True
    return torch.tensor(order[:most])
