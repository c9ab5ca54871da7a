"""One figure of all that there is to see of a condensed set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcond.plot import curves, drawing, grid, heat, plane, sets, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

    from gcond.condensed import Condensed

    Drawing = Callable[[SubplotSpec, Figure], None]


def figure(
    condensed: Condensed,
    dataset: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    seed: int = 0,
    root: str | Path | None = None,
) -> Figure:
    """Draws what applies of :func:`graph`, :func:`adjacency` (with edges), :func:`history` (where
    something was learned) and :func:`features` (if the data is given) as one figure; of a set of
    graphs :func:`graphs`; of images :func:`images`, before and after, and :func:`history`.

    Args:
        condensed: The set.
        dataset: The data it was condensed from; without it there is no panel of features.
        class_names: What to call the classes, in the order of ``condensed.source.label_names``.
        seed: Seed of layouts and samples.
        root: Folder of the datasets, for names.

    Returns:
        The figure; :func:`save` writes it.

    Raises:
        ValueError: The dataset is not the one that was condensed, or the names do not fit.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=20, method="random")
        >>> figure = plot.figure(small, "digits")
    """
    if condensed.kind == "images":
        return grid.overview(condensed, dataset, class_names=class_names, root=root)
    if condensed.kind == "graphs":
        return sets.graphs(condensed, dataset, class_names=class_names, seed=seed, root=root)
    names = style.names_of(condensed, class_names)
    drawings = _drawings(condensed, dataset, names, seed, root)
    columns = 2 if len(drawings) in (2, 4) else len(drawings)
    rows = -(-len(drawings) // columns)
    found = style.figure_of(3.8 * columns + style.legend_width(names), 3.8 * rows + 0.3)
    cells = found.add_gridspec(rows, columns)
    for i, draw in enumerate(drawings):
        draw(cells[i // columns, i % columns], found)
    source = condensed.source
    others = source.setting == "transductive"
    style.class_legend(found, names, () if dataset is None else style.kinds("train", others))
    found.suptitle(
        f"{source.name}: {source.num_nodes:,} → {condensed.num_nodes:,} nodes, "
        f"{condensed.config['name']}, seed {condensed.seed}"
    )
    return found


def _drawings(
    condensed: Condensed, dataset: Any, names: Sequence[str], seed: int, root: str | Path | None
) -> list[Drawing]:
    """What to draw in the cells. The figure says what was condensed, each panel what it is."""
    edges = bool(condensed.edge_index.shape[1])
    look: dict[str, Any] = {"class_names": names, "legend": False, "seed": seed}

    def graph(cell: SubplotSpec, owner: Figure) -> None:
        drawing.graph(condensed, owner.add_subplot(cell), title="condensed graph", **look)

    def adjacency(cell: SubplotSpec, owner: Figure) -> None:
        heat.adjacency(condensed, owner.add_subplot(cell), title="adjacency", class_names=names)

    def history(cell: SubplotSpec, owner: Figure) -> None:
        halves = cell.subgridspec(2, 1)
        axes = owner.add_subplot(halves[0]), owner.add_subplot(halves[1])
        curves.history(condensed, axes, title="run")

    def features(cell: SubplotSpec, owner: Figure) -> None:
        ax, title = owner.add_subplot(cell), "real and synthetic features"
        plane.features(condensed, dataset, ax, title=title, root=root, **look)

    # Without edges, nodes are only places in the plane of features.
    applies = {
        graph: edges or dataset is None,
        adjacency: edges,
        history: bool(condensed.history.losses),
        features: dataset is not None,
    }
    return [draw for draw, wanted in applies.items() if wanted]
