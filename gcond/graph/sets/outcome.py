"""What a method on graph sets answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from gcond.graph.sets.packed import Packed, starts
from gcond.graph.sets.task import SetTask
from gcond.matching import Observer, Progress


@dataclass(frozen=True)
class SetOutcome:
    """Graphs, and how they came about.

    Args:
        graphs: The graphs; rows in the form of the dataset, or encoded.
        encoded: Whether the rows are encoded.
        y: Class numbers ``[G]``, or labels ``[G, T]``.
        progress: The run, empty for methods that learn nothing.
    """

    graphs: Packed
    encoded: bool
    y: Tensor
    progress: Progress = field(default_factory=Progress)


class SetMethod(Protocol):
    """A way to condense a set of graphs."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    def run(
        self,
        task: SetTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> SetOutcome:
        """Condenses ``task`` to ``counts[c]`` graphs of each class, or continues a snapshot."""

    def describe(self) -> str:
        """What the first line of a run says of the method."""


def unpadded(x: Tensor, adj: Tensor | None, mask: Tensor) -> Packed:
    """Padded graphs packed: rows ``[G, n, d]``, weights ``[G, n, n]``, mask ``[G, n]``."""
    sizes = mask.sum(1)
    ptr = starts(sizes)
    if adj is None:
        none = torch.empty(2, 0, dtype=torch.long)
        return Packed(x[mask], ptr, none, torch.empty(0))
    owner, i, j = adj.nonzero().T
    edge_index = torch.stack([ptr[owner] + i, ptr[owner] + j])
    return Packed(x[mask], ptr, edge_index, adj[owner, i, j].float())
