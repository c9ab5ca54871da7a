"""Condensed images as a grid, a row for each class, what they were before beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gcond.plot import curves, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gcond.condensed import Condensed

SHOWN, CLASSES = 10, 20
"""Images of each class, and classes, that are drawn."""
GAP = 1
"""Pixels between images."""


def images(
    condensed: Condensed,
    ax: Axes | None = None,
    *,
    pixels: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    title: str | None = None,
) -> Axes:
    """Draws up to ten images of each class, a row for each class. Pixels beyond 0 and 1 are drawn
    as 0 and 1; images in other units are drawn from their least to their largest pixel.

    Args:
        condensed: A set of images.
        ax: Where to draw; a new figure by default.
        pixels: Other images of the same labels, such as those before learning.
        class_names: What to call the classes, in the order of ``condensed.source.label_names``.
        title: Heading; by default what was condensed, and how.

    Raises:
        ValueError: These are no images, or the names do not fit.
        ImportError: matplotlib is missing.

    Example:
        >>> import gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits-images", per_class=2, method="random")
        >>> axes = plot.images(small)
    """
    names = style.names_of(condensed, class_names)[:CLASSES]
    shown = condensed.images if pixels is None else pixels
    sheet, side = _sheet(shown, condensed.full().y, len(names))
    columns = sheet.shape[1] / (side[1] + GAP)
    ax = style.axes_or_new(ax, 0.45 * columns + 1.0, 0.45 * len(names) + 0.6)
    # A single channel is painted grey: three equal ones.
    ax.imshow(style.numbers(sheet.expand(-1, -1, 3)), interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([(c + 0.5) * (side[0] + GAP) - GAP for c in range(len(names))], names)
    ax.tick_params(length=0, labelsize="small")
    ax.spines[:].set_visible(False)
    heading = title or style.title_of(condensed)
    ax.set_title(style.plain(heading), fontsize="medium", loc="left")
    return ax


def overview(
    condensed: Condensed,
    dataset: Any = None,
    *,
    class_names: Sequence[str] | None = None,
    root: str | Path | None = None,
) -> Figure:
    """The images, those they were learned from beside them if the data is given, and the run.

    Args:
        condensed: A set of images.
        dataset: The data it was condensed from; the start of the run is made of it again.
        class_names: What to call the classes.
        root: Folder of the datasets, for names.

    Raises:
        ValueError: The dataset is not the one that was condensed, or the names do not fit.
        ImportError: matplotlib is missing.
    """
    learned = bool(condensed.history.losses)
    before = start_of(condensed, dataset, root) if dataset is not None and learned else None
    names = style.names_of(condensed, class_names)
    columns = min(SHOWN, int(torch.bincount(condensed.full().y).max()))
    width = 0.42 * columns + 0.9
    height = max(3.4, 0.42 * min(len(names), CLASSES) + 0.9)
    widths = [width] * (1 + (before is not None)) + [4.2] * learned
    found = style.figure_of(max(5.5, sum(widths)), height)  # room for the heading
    cells = found.add_gridspec(1, len(widths), width_ratios=widths)
    if before is not None:
        images(
            condensed,
            found.add_subplot(cells[0]),
            pixels=before,
            class_names=names,
            title="before",
        )
    after = found.add_subplot(cells[int(before is not None)])
    images(condensed, after, class_names=names, title="after" if learned else "images")
    if learned:
        cell = cells[len(widths) - 1]
        if condensed.history.scores:
            halves = cell.subgridspec(2, 1)
            axes = found.add_subplot(halves[0]), found.add_subplot(halves[1])
            curves.history(condensed, axes, title="run")
        else:
            curves.losses(condensed, found.add_subplot(cell), title="run")
    found.suptitle(
        f"{condensed.source.name}: {condensed.source.num_items:,} → {condensed.num_items:,} "
        f"images, {condensed.config['name']}, seed {condensed.seed}"
    )
    return found


def start_of(condensed: Condensed, dataset: Any, root: str | Path | None = None) -> Tensor:
    """The pixels that a run began with: its start, made again from data, method and seed."""
    from gcond.evaluation.images import opened_images

    task = opened_images(condensed, dataset, root)
    method: Any = condensed.method
    still = replace(method, schedule=replace(method.schedule, epochs=0))
    counts = torch.bincount(condensed.full().y, minlength=condensed.num_classes)
    pixels: Tensor = still.run(task, counts, seed=condensed.seed).pixels
    return pixels


def _sheet(pixels: Tensor, y: Tensor, classes: int) -> tuple[Tensor, tuple[int, int]]:
    """All images on one sheet ``[H, W, C]``, white between them, and the sides of one."""
    low, high = float(pixels.min()), float(pixels.max())
    rows = [pixels[y == c][:SHOWN] for c in range(classes)]
    if high > 4 or low < -4 or high <= 0:  # no pixels from 0 to 1, even if some lie outside
        rows = [(row - low) / max(high - low, 1e-9) for row in rows]
    _, channels, height, width = pixels.shape
    columns = max(len(row) for row in rows)
    sheet = torch.ones(classes * (height + GAP) - GAP, columns * (width + GAP) - GAP, channels)
    for c, row in enumerate(rows):
        for i, image in enumerate(row):
            top, left = c * (height + GAP), i * (width + GAP)
            sheet[top : top + height, left : left + width] = image.clamp(0, 1).permute(1, 2, 0)
    return sheet[:, :, :3] if channels > 2 else sheet[:, :, :1], (height, width)
