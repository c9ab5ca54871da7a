"""Real and synthetic nodes in one plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch

from gcond.evaluation.fitting import source_of
from gcond.graph.propagation import propagate, propagate_dense, to_tensor
from gcond.plot import style
from gcond.plot.style import Array, Labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gcond.condensed import Condensed
    from gcond.graph.task import NodeTask

Plane = Literal["pca", "tsne"]

BEYOND = 0.005
"""Share of the real nodes that may lie outside the frame along each axis."""

HOPS = 2
"""Propagations before nodes are compared: what a two-layer GCN sees."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Real nodes of a picture.

    Args:
        z: Propagated features ``[n, d]``.
        y: Class numbers, -1 where the colour is not to say.
        total: Nodes they were drawn from.
    """

    z: Array
    y: Array
    total: int


def features(
    condensed: Condensed,
    dataset: Any = None,
    ax: Axes | None = None,
    *,
    method: Plane = "pca",
    labels: Labels = "train",
    max_nodes: int = 3000,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    legend: bool = True,
    seed: int = 0,
    root: str | Path | None = None,
) -> Axes:
    r"""Draws propagated features of real nodes (small and pale) and of the synthetic ones (large,
    outlined) in one plane.

    Features are :math:`\hat A^2 X`, what a two-layer GCN or SGC sees, on both sides, each with its
    own adjacency. ``"pca"`` shows the first two principal components of the real rows and projects
    the synthetic ones on them, so distances are true up to what the plane leaves out;
    ``"tsne"`` embeds both together (`"Visualizing Data using t-SNE"
    <https://www.jmlr.org/papers/v9/vandermaaten08a.html>`_), where only neighbourhoods mean
    something.

    Args:
        condensed: The set.
        dataset: The data it was condensed from; by default it is opened by the name it had.
        ax: Where to draw; a new figure by default.
        method: ``"pca"`` or ``"tsne"``.
        labels: Which real nodes are coloured: ``"train"`` (as condensing saw them, others are
            grey) or ``"all"`` of the splits, test nodes included.
        max_nodes: Real nodes at the most; with more, a sample is drawn, labelled ones first.
        class_names: What to call the classes, in the order of ``condensed.source.label_names``.
        title: Heading; by default what was condensed, and how.
        legend: Whether to name the classes beside the drawing.
        seed: Seeds the sample and t-SNE; the caller's random state is not touched.
        root: Folder of the datasets, for names.

    Returns:
        The axes.

    Raises:
        ValueError: The dataset is not the one that was condensed, or an argument is out of range.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> ax = plot.features(small, "digits")
    """
    for name, value, kinds in (("method", method, Plane), ("labels", labels, Labels)):
        if value not in get_args(kinds):
            allowed = " or ".join(map(repr, get_args(kinds)))
            raise ValueError(f"unknown {name} {value!r}; choose {allowed}")
    if max_nodes < 10:
        raise ValueError(f"max_nodes must be at least 10, got {max_nodes}")
    names = style.names_of(condensed, class_names)
    style.require()
    real = _sample(source_of(condensed, dataset, root), labels, max_nodes, seed)
    synthetic = _synthetic(condensed)
    if synthetic.shape[1] < 2:
        raise ValueError(f"{condensed.source.name} has one feature, which makes no plane")
    embed, fitted = _PLANES[method]
    flat, axis_names = embed(real.z, synthetic, seed)
    ax = style.axes_or_new(ax, 3.8 + (style.legend_width(names) if legend else 0), 3.9)
    beyond = _draw(ax, flat, real, style.numbers(condensed.y), seed)
    ax.set_xlabel(axis_names[0])
    ax.set_ylabel(axis_names[1])
    ax.set_xticks([])
    ax.set_yticks([])
    style.headings(ax, title or style.title_of(condensed), _caption(real, fitted, beyond))
    if legend:
        style.class_legend(ax, names, style.kinds(labels, bool((real.y < 0).any())))
    return ax


def _sample(task: NodeTask, labels: Labels, most: int, seed: int) -> Sample:
    a_hat, x, train = task.graph("train")
    n = x.shape[0]
    y = np.full(n, -1)
    y[train] = task.y[task.index["train"]]
    if labels == "all" and task.setting == "transductive":
        for nodes in task.index.values():
            y[nodes] = task.y[nodes]
    rows = np.random.default_rng(seed).permutation(n)
    if n > most:
        coloured, grey = rows[y[rows] >= 0], rows[y[rows] < 0]
        # Labelled nodes get at least two thirds, if there are as many; grey ones the rest.
        kept = max(2 * most // 3, most - len(grey))
        rows = np.concatenate([coloured[:kept], grey])[:most]
    z = propagate(a_hat, x, HOPS, rows)
    return Sample(style.numbers(to_tensor(z, torch.float32)), y[rows], n)


def _synthetic(condensed: Condensed) -> Array:
    full = condensed.full()
    adj = full.adjacency
    return style.numbers(full.x if adj is None else propagate_dense(adj, full.x, HOPS))


def _pca(real: Array, synthetic: Array, seed: int) -> tuple[Array, tuple[str, str]]:
    from sklearn.decomposition import PCA

    found = PCA(2, random_state=seed).fit(real)
    share = [f"component {i} ({v:.0%})" for i, v in enumerate(found.explained_variance_ratio_, 1)]
    return found.transform(np.concatenate([real, synthetic])), (share[0], share[1])


def _tsne(real: Array, synthetic: Array, seed: int) -> tuple[Array, tuple[str, str]]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.concatenate([real, synthetic])
    if min(rows.shape) > 50:
        rows = PCA(50, random_state=seed).fit(real).transform(rows)
    perplexity = min(30.0, (len(rows) - 1) / 3)
    # Steps are relative to the scale of the features, which t-SNE is not.
    rows = rows / (float(np.sqrt(np.square(rows, dtype=np.float64).mean())) or 1.0)
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
    return found, ("t-SNE 1", "t-SNE 2")


_PLANES: dict[Plane, tuple[Callable[[Array, Array, int], tuple[Array, tuple[str, str]]], str]] = {
    "pca": (_pca, "PCA of real nodes"),
    "tsne": (_tsne, "t-SNE of both"),
}
"""How nodes come into a plane, and what that was fitted on."""


def _draw(ax: Axes, flat: Array, real: Sample, y: Array, seed: int) -> int:
    """Draws all nodes and gives the number of real ones outside the frame: few nodes far out
    would leave no room for the others."""
    others, own = flat[: len(real.y)], flat[len(real.y) :]
    grey = real.y < 0
    ax.scatter(
        others[grey, 0], others[grey, 1], s=4, color=style.FAINT, lw=0, zorder=1, rasterized=True
    )
    _scatter(ax, others[~grey], real.y[~grey], s=9, alpha=0.5, lw=0, zorder=2, rasterized=True)
    # In no order of classes, or the last one would cover the others.
    order = np.random.default_rng(seed).permutation(len(own))
    outline = {"edgecolor": style.INK, "lw": 0.8, "zorder": 3}
    _scatter(ax, own[order], y[order], s=30, **outline)
    low, high = np.quantile(others, [0.5 * BEYOND, 1 - 0.5 * BEYOND], axis=0)
    low, high = np.minimum(low, own.min(0)), np.maximum(high, own.max(0))
    room = 0.05 * (high - low) + 1e-12
    low, high = low - room, high + room
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    return int(((others < low) | (others > high)).any(1).sum())


def _scatter(ax: Axes, places: Array, y: Array, **look: Any) -> None:
    """Dots in the colours of their classes, those that share a marker in the order given."""
    shapes = np.array([style.marker(c) for c in y])
    for shape in style.MARKERS:
        here = shapes == shape
        if here.any():
            colours = [style.colour(c) for c in y[here]]
            ax.scatter(places[here, 0], places[here, 1], c=colours, marker=shape, **look)


def _caption(real: Sample, fitted: str, beyond: int) -> str:
    shown = f"{real.total:,}" if len(real.y) == real.total else f"{len(real.y):,} of {real.total:,}"
    outside = f" ({beyond:,} outside the frame)" if beyond else ""
    return f"after {HOPS} propagations, {fitted}\n{shown} real nodes{outside}"
