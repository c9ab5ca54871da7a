"""Matrices as coloured squares: the adjacency of a set, the accuracies of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gcond.evaluation.tables import counted
from gcond.plot import style
from gcond.plot.style import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    from gcond.condensed import Condensed
    from gcond.evaluation import Comparison

MOST_LABELS = 20
"""Class names that fit along an axis; those that would come too close are left out."""


def adjacency(
    condensed: Condensed,
    ax: Axes | None = None,
    *,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    vmin: float = 0.0,
) -> Axes:
    """Draws the edge weights as a heat map, nodes sorted by class, with lines between classes.

    Colours begin at weight zero, so that a nearly uniform adjacency looks nearly uniform; a
    larger ``vmin`` shows small differences.

    Args:
        condensed: The set.
        ax: Where to draw; a new figure by default.
        class_names: What to call the classes, in the order of ``condensed.source.label_names``.
        title: Heading; by default what was condensed, and how.
        vmin: Weight at which colours begin.

    Returns:
        The axes.

    Raises:
        ValueError: The set has no edges, or the names do not fit the classes.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=50, method="random")
        >>> ax = plot.adjacency(small)
    """
    names, adj = style.names_of(condensed, class_names), condensed.adjacency
    if adj is None:
        raise ValueError(
            f"this set has no edges ({condensed.config['name']}), so there is no adjacency to "
            "draw; plot.graph draws its nodes"
        )
    ax = style.axes_or_new(ax, 4.4, 3.9)
    y = style.numbers(condensed.y)
    order = np.argsort(y, kind="stable")
    weights = style.numbers(adj)[np.ix_(order, order)]
    image = ax.imshow(weights, cmap="YlGnBu", vmin=vmin, interpolation="nearest")
    _class_axes(ax, y[order], names)
    _bar(ax, image, "edge weight")
    pairs = weights[np.triu_indices(len(y), 1)]
    found = pairs[pairs > 0]
    second = f"{len(found):,} edges of {len(pairs):,} pairs, weight {style.span(found)}"
    style.headings(ax, title or style.title_of(condensed), second)
    return ax


def _bar(ax: Axes, image: AxesImage, label: str) -> None:
    """A colour bar as high as the axes, whatever their aspect."""
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.03, 0, 0.05, 1)))
    bar.set_label(label)
    bar.ax.tick_params(labelsize="small")
    bar.ax.spines["outline"].set_linewidth(0.5)


def _class_axes(ax: Axes, y: Array, names: Sequence[str]) -> None:
    """Lines between classes, and names in the middle of their rows and columns."""
    present, first, count = np.unique(y, return_index=True, return_counts=True)
    width = 0.6 if len(present) <= MOST_LABELS else 0.15
    for edge in first[1:] - 0.5:
        ax.axhline(edge, color=style.PALE, lw=width)
        ax.axvline(edge, color=style.PALE, lw=width)
    middle = first + (count - 1) / 2
    kept = style.apart(middle, len(y) / MOST_LABELS)
    middle, shown = middle[kept], [names[c] for c in present[kept]]
    turned = max(map(len, shown)) > 3
    ax.set_yticks(middle, shown, fontsize="small")
    ax.set_xticks(
        middle,
        shown,
        fontsize="small",
        rotation=60 if turned else 0,
        ha="right" if turned else "center",
        rotation_mode="anchor" if turned else "default",
    )
    ax.tick_params(length=0)
    ax.set_xlabel("class")
    ax.set_ylabel("class")


def matrix(comparison: Comparison, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    """Draws a comparison as a heat map: sets as rows, architectures as columns, mean test
    accuracies and their standard deviations in the cells.

    Args:
        comparison: What :func:`gcond.compare` found.
        ax: Where to draw; a new figure by default.
        title: Heading; by default the protocol.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=20, method="random")
        >>> ax = plot.matrix(gcond.compare(small, models=["GCN", "SGC"], seeds=1))
    """
    labels = [
        f"{name} ({rows[0].num_nodes:,})"
        for name, rows in zip(comparison.names, comparison.rows, strict=True)
    ]
    means = np.array([[found.mean for found in row] for row in comparison.rows])
    height, width = means.shape
    size = 1.7 + 0.07 * max(map(len, labels)) + 0.62 * width, 1.5 + 0.42 * height
    ax = style.axes_or_new(ax, *size)
    image = ax.imshow(means, cmap="YlGnBu", aspect="auto", interpolation="nearest")
    for i, row in enumerate(comparison.rows):
        for j, found in enumerate(row):
            # White letters where the square is dark.
            dark = _luminance(np.asarray(image.to_rgba(means[i : i + 1, j]))[0]) < 0.45
            text = f"{found.mean:.1f}\n±{found.std:.1f}"
            colour = "white" if dark else "black"
            ax.text(j, i, text, ha="center", va="center", color=colour, fontsize="small")
    ax.set_yticks(range(height), labels)
    ax.set_xticks(range(width), comparison.models, rotation=40, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0)
    ax.set_ylabel("trained on (nodes)")
    ax.set_xlabel("architecture")
    _bar(ax, image, "test accuracy (%)")
    seeds = len(comparison.rows[0][0].accuracies)
    second = f"mean ± std over {counted(seeds, 'evaluation seed')}"
    style.headings(ax, title or f"protocol {comparison.protocol}", second)
    return ax


def _luminance(rgba: Array) -> float:
    return float(rgba[:3] @ (0.299, 0.587, 0.114))
