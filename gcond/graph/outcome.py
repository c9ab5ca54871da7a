"""What a method is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from gcond.graph.task import NodeTask
from gcond.matching import Observer, Progress


@dataclass(frozen=True)
class Outcome:
    """What a method returns: a graph, and how it came about.

    Args:
        x: Features ``[n, d]``.
        adj: Symmetric edge weights without self-loops ``[n, n]``, or ``None`` without edges.
        y: Labels ``[n]``.
        progress: The run, empty for methods that learn nothing.
        soft: Labels as distributions ``[n, C]``, where the method gives such.
    """

    x: Tensor
    adj: Tensor | None
    y: Tensor
    progress: Progress = field(default_factory=Progress)
    soft: Tensor | None = None


class Method(Protocol):
    """A way to condense a node task."""

    @property
    def name(self) -> str:
        """Name in the registry."""

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

    def describe(self) -> str:
        """What the first line of a run says of the method."""
