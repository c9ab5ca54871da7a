"""Observers of a run."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gcond.condensed import checkpoint
from gcond.matching import Moment, Progress
from gcond.matching.distributed import current

log = logging.getLogger("gcond")

MEASURED, WORTH_SAYING = 3.0, 20.0
"""Seconds of a run that an estimate is made of, and least seconds left that it is made for."""
EVERY = 30.0
"""Most seconds between two checkpoints, where epochs are shorter than that."""


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


class Estimate:
    """Says in the log how long a run will take, once its first epochs tell: the number of steps,
    the seconds of one, and the time that is left. Short runs need no such line."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None
        self._said = False

    def __call__(self, moment: Moment) -> None:
        run, schedule, now = moment.progress, moment.plan.schedule, time.monotonic()
        if self._began is None:
            self._began = now, run.epoch
            return
        elapsed, steps = now - self._began[0], (run.epoch - self._began[1]) * schedule.outer_steps
        if self._said or not steps or elapsed < MEASURED:
            return
        self._said = True
        each = elapsed / steps
        left = each * (schedule.epochs - run.epoch) * schedule.outer_steps
        if left >= WORTH_SAYING:
            log.info(
                "%s steps, %s s each on the first %s: about %s left",
                f"{schedule.steps:,}",
                f"{each:.2g}",
                f"{steps:,}",
                duration(left),
            )


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class PropagationBar:
    """A bar on standard error for the propagation of a graph on disk."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, share: float) -> None:
        if self._bar is None:
            form = "propagating {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
            self._bar = tqdm(
                total=1.0, file=sys.stderr, leave=False, dynamic_ncols=True, bar_format=form
            )
        self._bar.update(share - self._bar.n)
        if share >= 1:
            self._bar.close()
            self._bar = None


class Checkpoint:
    """Writes the run to a file every 30 seconds, when its start is chosen, and when it ends.

    Args:
        path: The file.
        key: What the run is; a resume with another key is refused.
    """

    def __init__(self, path: Path, key: checkpoint.Key) -> None:
        self.path, self.key = path, key
        self._written: float | None = None
        self._latest: Progress | None = None

    def __call__(self, moment: Moment) -> None:
        now = time.monotonic()
        last = moment.progress.epoch == moment.plan.schedule.epochs
        if last or self._written is None or now - self._written >= EVERY:
            checkpoint.write(self.path, self.key, moment.snapshot())
            self._written, self._latest = now, None
        elif current().size > 1:
            self._latest = moment.snapshot()

    def flush(self) -> None:
        """Writes what is newer than the file; a team that lost a process loses an epoch at most."""
        if self._latest is not None:
            checkpoint.write(self.path, self.key, self._latest)
            self._latest = None


def in_terminal() -> bool:
    """Whether a bar would be seen by someone."""
    return sys.stderr.isatty()
