"""Condensed graphs class by class, real ones beside them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import torch

from gcond.graph.sets.encoding import Encoding
from gcond.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from gcond.condensed import Condensed
    from gcond.graph.sets.packed import Packed

SHOWN, REAL, CLASSES = 4, 3, 10
"""Condensed graphs and real graphs of each class, and classes, that are drawn."""


def graphs(
    condensed: Condensed,
    dataset: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    root: str | Path | None = None,
) -> Figure:
    """Draws a few condensed graphs of each class, and real ones beside them if the data is given.

    Nodes of one colour have the same features; those of measurements have one colour.

    Args:
        condensed: A set of graphs.
        dataset: The data it was condensed from, for real graphs.
        class_names: What to call the classes, in the order of ``condensed.source.label_names``.
        seed: Seed of the layouts and of the choice of real graphs.
        root: Folder of the datasets, for names.

    Raises:
        ValueError: The dataset is not the one that was condensed, or the names do not fit.
        ImportError: matplotlib is missing.
    """
    names = style.names_of(condensed, class_names)
    rows = _members(condensed.full().y, len(names), SHOWN)
    shown = max((len(row) for row in rows), default=1)
    real: Packed | None = None
    beside: list[list[int]] = [[] for _ in rows]
    if dataset is not None:
        real, beside = _real(condensed, dataset, len(rows), seed, root)
    columns = shown + (REAL if real is not None else 0)
    found = style.figure_of(1.7 * columns + 0.8, 1.7 * len(rows) + 0.5)
    axes = found.subplots(len(rows), columns, squeeze=False)
    packed = condensed.packed
    for c, row in enumerate(axes):
        for ax in row:
            ax.set_axis_off()
        for i, ax in enumerate(row[:shown]):
            if i < len(rows[c]):
                _draw(ax, packed, rows[c][i], _kinds(condensed, packed.x), seed)
        for i, ax in enumerate(row[shown:]):
            if real is not None and i < len(beside[c]):
                _draw(ax, real, beside[c][i], _kinds(condensed, real.x, real=True), seed)
        row[0].set_title(names[c], loc="left", fontsize=8)
    if real is not None:
        axes[0][shown].set_title("real", loc="left", fontsize=8)
    found.suptitle(
        f"{condensed.source.name}: {condensed.source.num_graphs:,} → {condensed.num_graphs:,} "
        f"graphs, {condensed.config['name']}, seed {condensed.seed}"
    )
    return found


def _members(y: Tensor, classes: int, most: int) -> list[list[int]]:
    """The first graphs of each class; of graphs with several labels, those that have them."""
    has = (y == 1).T if y.dim() == 2 else torch.stack([y == c for c in range(classes)])
    return [row.nonzero().flatten()[:most].tolist() for row in has[:CLASSES]]


def _real(
    condensed: Condensed, dataset: Any, rows: int, seed: int, root: str | Path | None
) -> tuple[Packed, list[list[int]]]:
    from gcond.evaluation.sets import opened_set

    task = opened_set(condensed, dataset, root)
    train = task.numbers("train")
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    chosen = _members(task.labels("train")[order], rows, REAL)
    numbers = [int(train[order[i]]) for row in chosen for i in row]
    ends = np.cumsum([0, *map(len, chosen)]).tolist()
    places = [list(range(a, b)) for a, b in pairwise(ends)]
    return task.graphs.take(torch.tensor(numbers)), places


def _kinds(condensed: Condensed, x: Tensor, real: bool = False) -> Tensor:
    """A number for each row, the same for the same category of the first column that varies."""
    encoding = condensed.source.preprocess
    if not isinstance(encoding, Encoding) or not encoding.blocks:
        return torch.zeros(len(x), dtype=torch.long)
    blocks = encoding.blocks
    encoded = x if condensed.encoded and not real else encoding(x)
    kinds: Tensor = encoded[:, : blocks[0]].argmax(1)
    return kinds


def _draw(ax: Axes, packed: Packed, number: int, kinds: Tensor, seed: int) -> None:
    _, edge_index, weight = packed.graph(number)
    first, last = packed.ptr[number], packed.ptr[number + 1]
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(int(last - first)))
    graph.add_edges_from((i, j) for i, j in edge_index.T.tolist() if i < j)
    places = nx.spring_layout(graph, seed=seed)
    spots = np.array([places[i] for i in graph])
    strength = dict(zip(map(tuple, edge_index.T.tolist()), weight.tolist(), strict=True))
    for i, j in graph.edges:
        width = 0.3 + 0.7 * strength.get((i, j), 1.0)
        ax.plot(*spots[[i, j]].T, color=style.INK, linewidth=width, alpha=0.5, zorder=1)
    for kind in torch.unique(kinds[first:last]).tolist():
        of_kind = spots[(kinds[first:last] == kind).numpy()]
        colour, marker = style.colour(kind), style.marker(kind)
        x, y = of_kind.T
        ax.scatter(x, y, s=22, color=colour, marker=marker, linewidth=0.4, zorder=2)
    ax.set_aspect("equal", adjustable="datalim")
