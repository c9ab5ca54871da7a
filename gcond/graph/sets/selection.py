"""Selection of real graphs through the same verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcond.coreset import Random
from gcond.graph.sets.initialise import SelectedGraphs
from gcond.graph.sets.outcome import SetOutcome
from gcond.graph.sets.task import SetTask
from gcond.matching import Observer, Progress


@dataclass(frozen=True)
class SetSelection:
    """Real graphs as they are.

    Args:
        name: Name in the registry.
        pick: How they are chosen.
    """

    name: str
    pick: SelectedGraphs = SelectedGraphs(Random())  # noqa: RUF009

    def describe(self) -> str:
        return f"{self.name}, real graphs"

    def run(
        self,
        task: SetTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> SetOutcome:
        """Chooses ``counts[c]`` training graphs of each class.

        Raises:
            ValueError: A class has fewer.
        """
        for c, (wanted, there) in enumerate(zip(counts.tolist(), task.train_counts, strict=True)):
            if wanted > there:
                raise ValueError(
                    f"{self.name} cannot choose {wanted} graphs of class {task.label_names[c]}, "
                    f"which has {there} training graphs; ask for at most {there}, or use a "
                    "learned method such as 'doscond'"
                )
        numbers = self.pick.graphs(task, counts, seed)
        y = torch.as_tensor(task.y[numbers.numpy()])
        return SetOutcome(task.graphs.take(numbers), False, y)
