"""Pictures as files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcond.condensed.container import replace_file
from gcond.plot import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SUFFIXES: dict[str, dict[str, Any]] = {
    ".png": {},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
"""Kinds of file, and what keeps the time of day out of each."""


def check(path: str | Path) -> Path:
    """The path, if a picture can be written there: ask before a long run.

    Raises:
        ValueError: The suffix is not ``.png``, ``.pdf`` or ``.svg``.
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: The path is a folder.
        ImportError: matplotlib is missing.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; name a file in it, say {target}/plot.png")
    if target.suffix.lower() not in SUFFIXES:
        found = f"the suffix {target.suffix!r}" if target.suffix else "no suffix"
        raise ValueError(f"{target} has {found}; pictures are written as .png, .pdf or .svg")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist; create it first")
    style.require()
    return target


def save(picture: Figure | Axes, path: str | Path, *, dpi: float = 200) -> None:
    """Writes a picture, whole or not at all; its suffix says as what.

    Text in PDF files stays text (TrueType, as publishers want it). The same picture gives the
    same bytes at equal versions of matplotlib.

    Args:
        picture: A figure, or axes, whose whole figure is written.
        path: ``NAME.png``, ``NAME.pdf`` or ``NAME.svg``.
        dpi: Pixels per inch of a PNG.

    Raises:
        ValueError: The suffix is another one, or ``dpi`` is not positive.
        FileNotFoundError: The folder does not exist.
        IsADirectoryError: The path is a folder.

    Example:
        >>> import tempfile, gcond
        >>> from gcond import plot
        >>> small = gcond.condense("digits", num_nodes=20, method="random")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     plot.save(plot.graph(small), f"{folder}/graph.svg")
    """
    target = check(path)
    if not dpi > 0:
        raise ValueError(f"dpi must be positive, got {dpi}")
    from matplotlib import rc_context
    from matplotlib.figure import Figure, SubFigure

    owner: Figure | SubFigure | None = picture if isinstance(picture, Figure) else picture.figure
    while isinstance(owner, SubFigure):
        owner = owner.figure
    if owner is None:
        raise ValueError("these axes were removed from their figure; draw them again")
    kind, content = target.suffix.lower(), io.BytesIO()
    with rc_context({"svg.hashsalt": "gcond", "pdf.fonttype": 42}):
        owner.savefig(content, format=kind[1:], dpi=dpi, metadata=SUFFIXES[kind])
    replace_file(target, content.getvalue())
