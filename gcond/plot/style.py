"""What all pictures share: figures that belong to nobody's session, colours, class names."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gcond.condensed import Condensed

Labels = Literal["train", "all"]
Array = np.ndarray[Any, Any]

COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#832db6",
    "#92dadd",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#94a4a2",
)
"""Told apart with every common kind of colour vision: the ten of `"Accessible Color Sequences for
Data Visualization" <https://arxiv.org/abs/2107.02270>`_, the greys last."""

MARKERS = ("o", "s", "^", "D", "v", "p", "P")
"""Ten classes share a marker, so that 70 classes all look different."""

INK, PALE, FAINT = "#333333", "#8c8c8c", "#d9d9d9"


def require() -> None:
    """Raises ``ImportError`` where matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise ImportError('plots are drawn with matplotlib; pip install "gcond[plot]"')


def figure_of(width: float, height: float) -> Figure:
    """A figure that pyplot does not know of, in inches."""
    require()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def axes_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes given, or those of a new figure."""
    return figure_of(width, height).subplots() if ax is None else ax


def colour(c: int) -> str:
    """Colour of class ``c``."""
    return COLOURS[c % len(COLOURS)]


def marker(c: int) -> str:
    """Marker of class ``c``."""
    return MARKERS[c // len(COLOURS) % len(MARKERS)]


def names_of(condensed: Condensed, class_names: Sequence[str] | None) -> list[str]:
    """What each class is called, by default by its original label.

    Raises:
        ValueError: There are more or fewer names than classes.
    """
    if class_names is None:
        return [str(label) for label in condensed.source.label_names]
    if len(class_names) != condensed.num_classes:
        raise ValueError(
            f"class_names has {len(class_names)} names, {condensed.source.name} has "
            f"{condensed.num_classes} classes; give one for each, in the order of "
            "condensed.source.label_names"
        )
    # A legend leaves out what begins with an underscore.
    return [plain(f" {name}" if name.startswith("_") else name) for name in class_names]


def class_legend(owner: Axes | Figure, names: Sequence[str], extra: Sequence[Any] = ()) -> None:
    """A legend of the classes right of the axes, or of all a figure holds, in as many columns as
    it needs."""
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], ls="", marker=marker(c), color=colour(c), mec=INK, mew=0.5, ms=6, label=name)
        for c, name in enumerate(names)
    ]
    beside: dict[str, Any] = {"loc": "outside right center"}
    if isinstance(owner, Axes):
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    owner.legend(
        handles=[*marks, *extra],
        title="class",
        alignment="left",
        **beside,
        ncols=legend_columns(len(names)),
        frameon=False,
        fontsize="small",
        title_fontsize="small",
        handletextpad=0.3,
        columnspacing=0.8,
        borderaxespad=0.4,
    )


def kinds(labels: Labels, others: bool) -> list[Any]:
    """What tells real nodes from synthetic ones, for a legend.

    Args:
        labels: Which real nodes have a colour.
        others: Whether there are grey ones.
    """
    from matplotlib.lines import Line2D

    look: dict[str, dict[str, Any]] = {
        "synthetic": {"ms": 6, "color": "white", "mec": INK, "mew": 0.8},
        "real, training" if labels == "train" else "real": {"ms": 3.5, "color": PALE, "mew": 0},
    }
    if others:
        look["real, others"] = {"ms": 3, "color": FAINT, "mew": 0}
    return [Line2D([], [], ls="", marker="o", label=name, **how) for name, how in look.items()]


def legend_columns(classes: int) -> int:
    """Columns of a legend that is not higher than a small picture."""
    return -(-classes // 16)


def legend_width(names: Sequence[str]) -> float:
    """About how many inches :func:`class_legend` takes."""
    longest = max(map(len, names))
    return legend_columns(len(names)) * (0.35 + 0.075 * longest) + 0.25


def title_of(condensed: Condensed) -> str:
    """What a picture of a set is headed with."""
    size = f"{condensed.num_items:,} {condensed.kind}"
    return f"{condensed.source.name}, {condensed.config['name']}, {size}"


def headings(ax: Axes, first: str, second: str) -> None:
    """A title, and under it in smaller letters what a reader has to know."""
    from matplotlib.font_manager import FontProperties

    line = 1.25 * FontProperties(size="small").get_size_in_points()
    pad = 5 + line * len(second.splitlines())
    ax.set_title(plain(first), fontsize="medium", loc="left", pad=pad)
    note = ax.annotate(
        plain(second),
        (0, 1),
        xytext=(0, 4),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize="small",
        color="#595959",
    )
    # The title above it makes the room; its length must not squeeze the axes.
    note.set_in_layout(False)


def apart(places: Array, least: float) -> list[int]:
    """Which of some rising places to label so that labels are at least so far apart."""
    kept: list[int] = []
    for i, place in enumerate(places):
        if not kept or place - places[kept[-1]] >= least:
            kept.append(i)
    return kept


def span(values: Array) -> str:
    """The range of values, in three digits."""
    low, high = f"{values.min():.3g}", f"{values.max():.3g}"
    return low if low == high else f"{low} to {high}"


def plain(text: str) -> str:
    """Text that matplotlib takes as it is: no formulas."""
    return text.replace("$", r"\$")


def numbers(tensor: Any) -> Array:
    """A tensor's values, on the CPU."""
    return np.asarray(tensor.detach().cpu().numpy())
