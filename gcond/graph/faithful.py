"""The start that says best what its label source says."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from gcond.graph.initialise import BestOf, Initialisation, Start
from gcond.graph.task import NodeTask
from gcond.graph.validation import Validation


@dataclass(frozen=True)
class Faithful:
    r"""The candidate whose models agree best with the label source, over the nodes it labels.

    What a start is to carry over is its teacher, and a teacher labels all nodes: choosing by
    agreement with it takes no validation label and has a fraction of the noise of a few hundred
    of them. The models are those of the validator, on as many nodes as that looks at. Where the
    label source labels no other nodes than the given ones, agreement on them would reward fitting
    them, and the choice is that of :class:`gcond.graph.initialise.BestOf`.

    Args:
        candidates: Starts to choose from.
    """

    candidates: tuple[Initialisation, ...]

    def affordable(self, task: NodeTask) -> bool:
        return BestOf(self.candidates).affordable(task)

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        if task.given is not None and validation is not None:
            told = replace(task, index={**task.index, "val": task.index["train"]})
            validation = replace(validation, task=told)
        return BestOf(self.candidates).start(task, counts, seed, validation)
