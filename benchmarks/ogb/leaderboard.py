"""Lines in the form of the logs that OGB's leaderboards ask for, in percent."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SPLITS = ("train", "val", "test")


def line(what: str, values: Sequence[float]) -> str:
    """A mean and its deviation over runs, that of the sample as OGB prints it."""
    spread = statistics.stdev(values) if len(values) > 1 else float("nan")
    return f"{what:>13}: {statistics.fmean(values):.2f} ± {spread:.2f}"


@dataclass(frozen=True)
class Run:
    """Accuracies in percent of the three splits at each epoch that was looked at.

    Args:
        epochs: One triple of training, validation and test accuracy for each.
    """

    epochs: tuple[tuple[float, float, float], ...]

    @property
    def figures(self) -> dict[str, float]:
        """What OGB prints: the final epoch is the one that is best on validation nodes."""
        final = max(self.epochs, key=lambda epoch: epoch[1])
        return {
            "Highest Train": max(epoch[0] for epoch in self.epochs),
            "Highest Valid": final[1],
            "Final Train": final[0],
            "Final Test": final[2],
        }

    def lines(self, number: int) -> str:
        """The run's figures."""
        told = [f"{what:>13}: {value:.2f}" for what, value in self.figures.items()]
        return "\n".join([f"Run {number:02d}:", *told])


def summary(runs: Sequence[Run]) -> str:
    """The figures of all runs."""
    figures = [run.figures for run in runs]
    return "\n".join(
        ["All runs:", *(line(what, [f[what] for f in figures]) for what in figures[0])]
    )
