"""The condensed graph as dots and lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gcond.plot import style
from gcond.plot.style import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gcond.condensed import Condensed

EDGES_PER_NODE = 2
"""More lines than that hide each other."""

FEW = 100
"""With more edges than that, all lines are thinner."""

STEPS = 150
"""Steps of the layout."""

SPRING, GRAVITY = 3.0, 0.03
"""How much edges pull in the layout, and any two nodes, so that those without edges stay near."""


@dataclass(frozen=True, eq=False)
class Edges:
    """Undirected edges, the heaviest first; equal ones by their nodes."""

    ends: Array
    weight: Array

    @staticmethod
    def of(condensed: Condensed) -> Edges:
        """Each edge of a set once."""
        ends = style.numbers(condensed.edge_index).T.astype(np.int64)
        weight = style.numbers(condensed.edge_weight).astype(np.float64)
        once = (ends[:, 0] < ends[:, 1]) & (weight > 0)
        ends, weight = ends[once], weight[once]
        order = np.lexsort((ends[:, 1], ends[:, 0], -weight))
        return Edges(ends[order], weight[order])

    def __len__(self) -> int:
        return len(self.weight)

    def strongest(self, count: int) -> Edges:
        """The first ``count`` of them."""
        return Edges(self.ends[:count], self.weight[:count])


def graph(
    condensed: Condensed,
    ax: Axes | None = None,
    *,
    num_edges: int | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
    legend: bool = True,
    seed: int = 0,
) -> Axes:
    """Draws the condensed graph: colour is the class, the area of a node its weighted degree, the
    width of an edge its weight.

    Learned adjacencies are mostly complete, and a drawing of all edges is a black disc. The
    strongest are drawn, and the heading says how many of how many, and what they weigh beside
    the others. Nodes are placed by a spring layout of the edges that are drawn, those of a set
    without edges by the first two principal components of their features.

    Args:
        condensed: The set.
        ax: Where to draw; a new figure by default.
        num_edges: Edges to draw, the strongest; by default two per node.
        class_names: What to call the classes, in the order of ``condensed.source.label_names``.
        title: Heading; by default what was condensed, and how.
        legend: Whether to name the classes beside the drawing.
        seed: Seed of the layout; the same seed gives the same picture.

    Returns:
        The axes.

    Raises:
        ValueError: ``num_edges`` is negative, or the names do not fit the classes.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=20, method="random")
        >>> ax = plot.graph(small)
    """
    names = style.names_of(condensed, class_names)
    if num_edges is not None and num_edges < 0:
        raise ValueError(f"num_edges must not be negative, got {num_edges}")
    width = 3.6 + (style.legend_width(names) if legend else 0)
    ax = style.axes_or_new(ax, width, 3.9)
    edges = Edges.of(condensed)
    drawn = edges.strongest(
        EDGES_PER_NODE * condensed.num_nodes if num_edges is None else num_edges
    )
    places = _places(condensed, drawn, seed) if len(edges) else _components(condensed)
    if len(drawn):
        _lines(ax, drawn, places)
    _dots(ax, condensed, edges, places)
    style.headings(ax, title or style.title_of(condensed), _caption(edges, drawn))
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.06)
    ax.set_axis_off()
    if legend:
        style.class_legend(ax, names)
    return ax


def _places(condensed: Condensed, drawn: Edges, seed: int) -> Array:
    """A spring layout. Springs are normalised as in a propagation, or hubs would pull all that
    they are tied to into one heap."""
    n = condensed.num_nodes
    tie = np.zeros((n, n))
    tie[drawn.ends[:, 0], drawn.ends[:, 1]] = drawn.weight
    tie += tie.T
    degree = tie.sum(0)
    scale = np.where(degree > 0, degree, 1) ** -0.5
    pull = SPRING * tie * scale[:, None] * scale + GRAVITY
    np.fill_diagonal(pull, 0)
    return _spring(pull, seed)


def _spring(pull: Array, seed: int) -> Array:
    r"""Places ``[n, 2]`` by `"Graph Drawing by Force-directed Placement"
    <https://doi.org/10.1002/spe.4380211102>`_: nodes repel each other by :math:`k^2/d` and attract
    by their pull times :math:`d^2/k`. In whole matrices, as every node pulls on every other;
    networkx goes through them in Python, for half a minute at 900 nodes."""
    n, k2 = len(pull), 1 / len(pull)
    places = np.random.default_rng(seed).random((n, 2))
    for heat in np.linspace(0.1, 0, STEPS, endpoint=False):
        square = np.square(places).sum(1)
        distance2 = square[:, None] + square - 2 * places @ places.T
        distance2 = np.maximum(distance2, 1e-4)
        force = k2 / distance2 - pull * np.sqrt(distance2 / k2)
        move = places * force.sum(1, keepdims=True) - force @ places
        length = np.linalg.norm(move, axis=1, keepdims=True)
        places = places + heat * move / np.maximum(length, 0.01)
        places -= places.mean(0)
    return np.asarray(places)


def _components(condensed: Condensed) -> Array:
    """The first two principal components of the features' directions (a row's length would put
    few nodes far out), each with its largest entry positive."""
    x = style.numbers(condensed.x).astype(np.float64)
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    plane = np.zeros((len(x), 2))
    kept = (u * s)[:, :2]
    plane[:, : kept.shape[1]] = kept * np.where(kept.max(0) < -kept.min(0), -1, 1)
    return plane


def _lines(ax: Axes, drawn: Edges, places: Array) -> None:
    from matplotlib.collections import LineCollection

    share = drawn.weight / drawn.weight.max(initial=1e-300)
    thin = min(1.0, (FEW / len(drawn)) ** 0.5)
    weakest_first = slice(None, None, -1)
    ax.add_collection(
        LineCollection(
            list(places[drawn.ends[weakest_first]]),
            linewidths=list(thin * (0.2 + 0.8 * share[weakest_first])),
            alpha=list(0.15 + 0.35 * share[weakest_first]),
            colors=style.INK,
            zorder=1,
            label="edges",
        )
    )


def _dots(ax: Axes, condensed: Condensed, edges: Edges, places: Array) -> None:
    n, y = condensed.num_nodes, style.numbers(condensed.y)
    degree = np.bincount(edges.ends.ravel(), np.repeat(edges.weight, 2), minlength=n)
    largest = float(np.clip(7000 / n, 14, 150))
    area = largest * (0.25 + 0.75 * degree / degree.max()) if len(edges) else np.full(n, largest)
    for c in np.unique(y):
        of_class = y == c
        ax.scatter(
            places[of_class, 0],
            places[of_class, 1],
            s=area[of_class],
            color=style.colour(c),
            marker=style.marker(c),
            edgecolor=style.INK,
            linewidth=0.5,
            zorder=2,
            label=str(c),
        )


def _caption(edges: Edges, drawn: Edges) -> str:
    if not len(edges):
        return "no edges; placed by PCA of features of unit length"
    if len(drawn) == len(edges):
        return f"{len(edges):,} edges, weight {style.span(edges.weight)}"
    weight = f"weight {style.span(drawn.weight)}, " if len(drawn) else ""
    return (
        f"{len(drawn):,} strongest of {len(edges):,} edges\n{weight}all: {style.span(edges.weight)}"
    )
