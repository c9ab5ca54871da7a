"""The cheap validator inside a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gcond.graph.sets.material import Material
from gcond.graph.sets.packed import Packed
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.training import Held, SetTraining, train
from gcond.matching import Score, generator_for
from gcond.matching.ranges import at_least

NODES = 60_000
"""Nodes of validation graphs beyond which no training graphs join them."""


@dataclass(frozen=True)
class SetValidator:
    """Scores a set of graphs: a few networks are trained on it and tested on the validation
    graphs. The score is their mean metric, ties are broken by their loss.

    Sets of graphs often have a few dozen or hundred validation graphs, whose score has a standard
    error of several points: the best of a dozen starts and checkpoints on it is the luckiest.
    They are then joined by training graphs, which a network that has seen only the condensed set
    does not know either. Networks are trained with the judge's step size: larger steps and fewer
    of them favour learned sets over real graphs, which take longer to learn.

    Args:
        training: How each of them is trained.
        models: How many, with the same initialisations at every check.
        fewest: Fewer validation graphs than this are joined by a sample of training graphs, the
            same at every check; 0 leaves them alone.
        at_most: More validation graphs of a class than this are represented by a sample.
    """

    training: SetTraining = SetTraining(epochs=100, checks=1)  # noqa: RUF009 - frozen
    models: int = 2
    fewest: int = 1500
    at_most: int = 1000

    def __post_init__(self) -> None:
        at_least(1, models=self.models, at_most=self.at_most)
        at_least(0, fewest=self.fewest)


@dataclass(frozen=True, eq=False)
class SetValidation:
    """A validator bound to a task; the validation graphs are prepared once."""

    task: SetTask
    validator: SetValidator
    seed: int

    @cached_property
    def numbers(self) -> Tensor:
        """Numbers of the graphs that sets are tested on."""
        task, generator = self.task, generator_for(self.seed, "validation")
        val = task.numbers("val")
        classes = torch.zeros(len(val)) if task.several else task.labels("val")
        kept = [
            numbers[torch.randperm(len(numbers), generator=generator)[: self.validator.at_most]]
            if len(numbers) > self.validator.at_most
            else numbers
            for numbers in (val[classes == c] for c in torch.unique(classes))
        ]
        val, train = torch.cat(kept), task.numbers("train")
        room = (NODES - int(task.graphs.sizes[val].sum())) // task.mean_size
        joined = max(0, min(self.validator.fewest - len(val), room))
        return torch.cat([val, train[torch.randperm(len(train), generator=generator)[:joined]]])

    @cached_property
    def _held(self) -> Held:
        return Held.of_graphs(self.task, self.numbers, self.validator.training)

    def score(self, graphs: Packed, y: Tensor) -> Score | None:
        """Score of graphs with encoded rows, or ``None`` for a task without validation graphs."""
        if not len(self.task.index["val"]):
            return None
        material = Material(graphs, _same, y, self.task.num_classes, self.task.device)
        seeds = range(self.seed, self.seed + self.validator.models)
        _, values, losses = train(material, seeds, self.validator.training, self._held)
        return Score(float(values.mean()), -float(losses.mean()))


def _same(rows: Tensor) -> Tensor:
    return rows
