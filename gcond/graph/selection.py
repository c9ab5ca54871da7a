"""Selection of real nodes through the same verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcond.coreset import Random
from gcond.graph.initialise import Selected
from gcond.graph.outcome import Outcome
from gcond.graph.task import NodeTask
from gcond.matching import Observer, Progress


@dataclass(frozen=True)
class Selection:
    """Real nodes, or means of real nodes, instead of learned ones.

    Args:
        name: Name in the registry.
        pick: What is chosen, and among which features. Raw rows keep the edges between them;
            propagated rows and means stand alone.
    """

    name: str
    pick: Selected = Selected(Random(), "raw")  # noqa: RUF009

    def describe(self) -> str:
        return f"{self.name}, {self.pick.features_of} features"

    def run(
        self,
        task: NodeTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> Outcome:
        """Condenses ``task`` to ``counts[c]`` nodes of each class, or continues a snapshot."""
        picked = self.pick.pick(task, counts, seed)
        if picked.rows is None or self.pick.features_of == "propagated":
            return Outcome(picked.features, None, picked.y)
        nodes = task.index["train"][picked.rows.numpy()]
        block = torch.as_tensor(task.between(nodes).toarray(), dtype=torch.float32)
        block = (block + block.T) / 2
        return Outcome(picked.features, block - torch.diag(block.diagonal()), picked.y)
