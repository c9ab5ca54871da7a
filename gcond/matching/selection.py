"""Which step of the run is kept. Test data never takes part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gcond.matching.task import Score


class Selection(Protocol):
    """Chooses the checkpoint that a run returns."""

    def due(self, epoch: int, epochs: int) -> bool:
        """Whether the set is to be scored after ``epoch`` epochs (0 is the start)."""

    def better(self, score: Score, best: Score | None) -> bool:
        """Whether a new score replaces the best one so far."""


@dataclass(frozen=True)
class Best:
    """The step that scores best on validation data, the start included.

    Args:
        checks: How many times the set is scored, evenly spread over the run, after the start.
    """

    checks: int = 10

    def __post_init__(self) -> None:
        if self.checks < 1:
            raise ValueError(f"checks must be at least 1, got {self.checks}; Last() scores nothing")

    def due(self, epoch: int, epochs: int) -> bool:
        checks = min(self.checks, max(epochs, 1))
        marks = {round(i * epochs / checks) for i in range(checks + 1)}
        return epoch in marks

    def better(self, score: Score, best: Score | None) -> bool:
        return best is None or score > best


@dataclass(frozen=True)
class Last:
    """The last step, whatever it is worth: the rule of the papers' recipes."""

    def due(self, epoch: int, epochs: int) -> bool:
        return False

    def better(self, score: Score, best: Score | None) -> bool:
        return True
