"""Observers of a run."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from gcond.matching import Moment


class ProgressBar:
    """A bar on standard error with the loss, the last validation accuracy and the time left."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, moment: Moment) -> None:
        run, schedule = moment.progress, moment.plan.schedule
        if self._bar is None:
            self._bar = tqdm(
                total=schedule.steps, unit="step", file=sys.stderr, leave=False, dynamic_ncols=True
            )
        self._bar.n = run.epoch * schedule.outer_steps
        shown = {"loss": f"{run.losses[-1]:.3f}"} if run.losses else {}
        if run.scores:
            shown["val"] = f"{100 * list(run.scores.values())[-1].accuracy:.1f}"
        self._bar.set_postfix(shown, refresh=False)
        self._bar.refresh()
        if run.epoch == schedule.epochs:
            self._bar.close()


def in_terminal() -> bool:
    """Whether a bar would be seen by someone."""
    return sys.stderr.isatty()
