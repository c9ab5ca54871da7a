"""The cheap validator inside a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from gcond.graph.sets.packed import Packed
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.training import Held, Material, SetTraining, train
from gcond.matching import Score
from gcond.matching.ranges import at_least


@dataclass(frozen=True)
class SetValidator:
    """Scores a set of graphs: a few networks are trained on it and tested on the validation
    graphs. The score is their mean metric, ties are broken by their loss.

    Args:
        training: How each of them is trained.
        models: How many, with the same initialisations at every check.
    """

    training: SetTraining = SetTraining(epochs=60, checks=3)  # noqa: RUF009 - frozen
    models: int = 2

    def __post_init__(self) -> None:
        at_least(1, models=self.models)


@dataclass(frozen=True, eq=False)
class SetValidation:
    """A validator bound to a task; the validation graphs are prepared once."""

    task: SetTask
    validator: SetValidator
    seed: int

    @cached_property
    def _held(self) -> Held:
        return Held.of(self.task, "val", self.validator.training.pooling)

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
