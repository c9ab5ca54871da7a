"""Lines: a run over its steps, accuracy over the number of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gcond.plot import style
from gcond.plot.results import Series, collect
from gcond.plot.style import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gcond.condensed import Condensed
    from gcond.evaluation import Evaluation

WINDOWS = 40
"""A mean over about a 40th of the run is drawn over the losses of single steps."""

LEAST_SPAN = 4.0
"""Points of accuracy that the axis shows at least: smaller differences are mostly noise, and
should not fill a picture."""


def history(
    condensed: Condensed, axes: Sequence[Axes] | None = None, *, title: str | None = None
) -> tuple[Axes, Axes]:
    """Draws how a run went: the matching loss above, validation accuracy below, a line at the
    step that was kept.

    Args:
        condensed: A set made by a method that learns.
        axes: Two axes, for the loss and for the accuracy; a new figure by default.
        title: Heading; by default what was condensed, and how.

    Returns:
        Both axes. The second stays empty, but for a note, where no step was scored.

    Raises:
        ValueError: The set has no history, or there are not two axes.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=20, method="doscond-x")
        >>> loss, accuracy = plot.history(small)
    """
    run = condensed.history
    if not run.losses:
        raise ValueError(
            f"this set has no history: {condensed.config['name']!r} took no matching steps"
        )
    if axes is None:
        axes = style.figure_of(4.4, 3.9).subplots(2, 1, sharex=True)
    if len(axes) != 2:
        raise ValueError(f"history draws on two axes, loss and accuracy; got {len(axes)}")
    above, below = axes
    losses(condensed, above, title=title)
    _accuracy(below, run.scores, run.selected_step)
    _kept(condensed, below)
    above.tick_params(labelbottom=False)
    above.set_xlabel("")
    return above, below


def losses(condensed: Condensed, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    """Draws the matching loss of a run, and a line at the step that was kept.

    Args:
        condensed: A set made by a method that learns.
        ax: Where to draw; a new figure by default.
        title: Heading; by default what was condensed, and how.

    Raises:
        ImportError: matplotlib is missing.
    """
    run, window = condensed.history, _window(condensed)
    ax = style.axes_or_new(ax, 4.4, 2.6)
    _loss(ax, np.array(run.losses), window)
    _kept(condensed, ax)
    score = run.scores.get(run.selected_step)
    text = f"step {run.selected_step:,} of {run.steps:,} kept" + (
        "" if score is None else f", {score:.1f} % on validation"
    )
    if window > 1:
        text += f"\nthick: mean over {window} steps"
    style.headings(ax, title or style.title_of(condensed), text)
    return ax


def _kept(condensed: Condensed, ax: Axes) -> None:
    """The axis of steps, with a line at the one that was kept."""
    run = condensed.history
    kept = ax.axvline(run.selected_step, color=style.INK, ls="--", lw=1, zorder=1)
    kept.set_gid("selected")
    ax.set_xlim(-0.02 * run.steps, 1.02 * run.steps)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_xlabel("matching step")


def _window(condensed: Condensed) -> int:
    """Steps that a mean is taken over: whole epochs, within which the loss rises and falls with
    the age of the model."""
    schedule = condensed.config.get("schedule")
    epoch = schedule.get("outer_steps") if isinstance(schedule, dict) else None
    steps, period = condensed.history.steps, epoch if isinstance(epoch, int) and epoch > 0 else 1
    return min(period * -(-steps // (WINDOWS * period)), steps)


def _loss(ax: Axes, losses: Array, window: int) -> None:
    # The loss of the first step is that of the start: of the set after no steps.
    width, alpha = (0.6, 0.45) if window > 1 else (1.5, 1.0)
    ax.plot(losses, color=style.COLOURS[0], lw=width, alpha=alpha, label="each step")
    if window > 1:
        total = np.cumsum(np.concatenate([[0.0], losses]))
        middle = np.arange(len(losses) - window + 1) + (window - 1) / 2
        mean = (total[window:] - total[:-window]) / window
        ax.plot(middle, mean, color=style.COLOURS[0], lw=1.5, label=f"mean over {window} steps")
    ax.set_ylim(min(0.0, float(losses.min())), None)
    ax.set_ylabel("matching loss")


def _accuracy(ax: Axes, scores: dict[int, float], selected: int) -> None:
    ax.set_ylabel("validation\naccuracy (%)")
    if not scores:
        ax.text(0.5, 0.5, "no step was scored", transform=ax.transAxes, ha="center", va="center")
        ax.set_yticks([])
        return
    steps = sorted(scores)
    ax.plot(steps, [scores[s] for s in steps], color=style.COLOURS[3], marker="o", ms=3.5, lw=1.2)
    if selected in scores:
        ax.plot(selected, scores[selected], "o", ms=7, color=style.COLOURS[3], mec=style.INK)
    low, high = min(scores.values()), max(scores.values())
    room = max(0.15 * (high - low), (LEAST_SPAN - (high - low)) / 2)
    ax.set_ylim(low - room, high + room)


def ratio(
    results: Sequence[Evaluation | str | Path],
    ax: Axes | None = None,
    *,
    baselines: bool = True,
    title: str | None = None,
) -> Axes:
    """Draws test accuracy against the number of synthetic nodes, a line for each method.

    Evaluations of one method at one size (several seeds of condensation) count as one: the mean
    and the standard deviation are over all their models. The whole graph is a horizontal line.

    Args:
        results: What :func:`gcond.evaluate` found, or JSON files with ``Evaluation.to_json()``.
        ax: Where to draw; a new figure by default.
        baselines: Whether to draw the rows beside the condensed ones, dashed.
        title: Heading; by default dataset and architecture.

    Returns:
        The axes.

    Raises:
        ValueError: There is nothing to draw, the results are of several datasets, architectures
            or protocols, or a file is no evaluation.
        FileNotFoundError: There is no such file.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> sets = [gcond.condense("digits", num_nodes=n, method="random") for n in (10, 20)]
        >>> found = [gcond.evaluate(small, seeds=2, baselines=()) for small in sets]
        >>> ax = plot.ratio(found)
    """
    found = collect(results, baselines=baselines)
    ax = style.axes_or_new(ax, 4.8, 3.5)
    sizes = sorted({n for series in found.lines for n in series.sizes})
    for i, series in enumerate(found.lines):
        _line(ax, series, style.colour(i), style.MARKERS[i % len(style.MARKERS)])
    if found.whole is not None:
        mean, std = found.whole.means[0], found.whole.stds[0]
        ax.axhline(mean, color=style.INK, lw=1, label=f"whole ({found.whole.sizes[0]:,})")
        ax.axhspan(mean - std, mean + std, color=style.INK, alpha=0.1, lw=0)
    _size_axis(ax, sizes)
    ax.set_xlabel("synthetic nodes")
    ax.set_ylabel("test accuracy (%)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=style.FAINT, lw=0.5)
    ax.set_axisbelow(True)
    many = len(found.lines) > 5
    ax.legend(
        frameon=False,
        fontsize="small",
        title="trained on",
        title_fontsize="small",
        alignment="left",
        loc="center left" if many else "best",
        bbox_to_anchor=(1, 0.5) if many else None,
    )
    style.headings(ax, title or f"{found.dataset}, {found.model}", found.caption)
    return ax


def _line(ax: Axes, series: Series, colour: str, marker: str) -> None:
    x, mean, std = (np.array(v) for v in (series.sizes, series.means, series.stds))
    ls = "--" if series.baseline else "-"
    ax.fill_between(x, mean - std, mean + std, color=colour, alpha=0.15, lw=0)
    ax.errorbar(
        x,
        mean,
        std,
        color=colour,
        marker=marker,
        ls=ls,
        ms=4.5,
        lw=1.3,
        elinewidth=0.8,
        capsize=2,
        label=series.name,
    )


def _size_axis(ax: Axes, sizes: Sequence[int]) -> None:
    """Ticks at the sizes themselves; a logarithmic axis where they span more than threefold."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    wide = sizes[-1] > 3 * sizes[0]
    if wide:
        ax.set_xscale("log")
    places = np.log(sizes) if wide else np.array(sizes, dtype=float)
    shown = [float(sizes[i]) for i in style.apart(places, 0.08 * (places[-1] - places[0]))]
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.xaxis.set_minor_locator(NullLocator())
