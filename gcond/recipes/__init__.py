"""The papers' own settings, row by row, with the number each paper reports.

A method's name stands for its formulation with our defaults; a recipe is the same method with the
settings of its paper, for one dataset and size.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from gcond.methods import Items, get_method
from gcond.methods.settings import with_settings
from gcond.spelling import meant

if TYPE_CHECKING:
    from gcond.graph.outcome import Method
    from gcond.graph.preprocess import Normalisation
    from gcond.graph.task import Setting
    from gcond.image.outcome import ImageCondenser


@dataclass(frozen=True)
class Recipe:
    """One row of a paper's table, ready to run.

    Args:
        name: ``"gcond/cora-70"``.
        method: The method with the paper's settings.
        dataset: Name of the dataset.
        num_nodes: Synthetic nodes, or images.
        setting: ``"transductive"`` or ``"inductive"``.
        normalize: Preprocessing of the features.
        training: What the paper's evaluation changes in the protocol ``gcn-600``.
        reported: Mean test accuracy in percent, or ``None`` where none is known.
        spread: Its standard deviation, where one is known.
        source: Where the number was read.
        verified: Whether it was read there, and not recalled.
        paper: Title of the paper.
        url: Where it is.
        notes: What differs from the paper, or is not known of it.
        items: What is condensed.
        protocol: The paper's evaluation, where it has a name of its own.
    """

    name: str
    method: Method | ImageCondenser
    dataset: str
    num_nodes: int
    setting: Setting
    normalize: Normalisation
    training: dict[str, float]
    reported: float | None
    spread: float | None
    source: str
    verified: bool
    paper: str
    url: str
    notes: tuple[str, ...] = ()
    items: Items = "nodes"
    protocol: str | None = None

    @property
    def published(self) -> str:
        """The reported number as a table shows it."""
        if self.reported is None:
            return "–"
        text = f"{self.reported:.1f}" + ("" if self.spread is None else f" ± {self.spread:.1f}")
        return text if self.verified else f"{text} (unverified)"


def list_recipes() -> tuple[str, ...]:
    """Names of all recipes, paper by paper."""
    return tuple(f"{paper}/{name}" for paper, found in _papers().items() for name in found)


def load(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ValueError: The name is unknown.

    Example:
        >>> load("gcond/cora-70").published
        '80.1 ± 0.6'
    """
    paper, _, row = name.partition("/")
    if row not in _papers().get(paper, {}):
        known = list_recipes()
        raise ValueError(f"unknown recipe {name!r}; {meant(name, known)}known: {', '.join(known)}")
    return _recipe(paper, row)


def find(method: str, dataset: str, num_nodes: int) -> Recipe:
    """The recipe of a method for a dataset and size.

    Raises:
        ValueError: There is none; the message says which there are.

    Example:
        >>> find("gcond", "citeseer", 60).name
        'gcond/citeseer-60'
    """
    rows = _papers().get(method, {})
    there = {(_joined(method, row)["dataset"], _size(rows[row])): row for row in rows}
    if (dataset.lower(), num_nodes) in there:
        return load(f"{method}/{there[dataset.lower(), num_nodes]}")
    if not rows:
        raise ValueError(
            f"there is no recipe for the method {method!r}; there are some for "
            f"{', '.join(_papers())}"
        )
    sizes = ", ".join(f"{name} {n}" for name, n in there)
    raise ValueError(
        f"there is no recipe of {method!r} for {dataset!r} of size {num_nodes}; there are: {sizes}"
    )


@cache
def _files() -> dict[str, dict[str, Any]]:
    """Content of the files by name."""
    found = sorted(files(__name__).iterdir(), key=lambda entry: entry.name)
    return {
        entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text("utf-8"))
        for entry in found
        if entry.name.endswith(".toml")
    }


@cache
def _papers() -> dict[str, dict[str, dict[str, Any]]]:
    """Rows by paper and name."""
    return {
        paper: {row["name"]: row for row in content["row"]} for paper, content in _files().items()
    }


def _joined(paper: str, row: str) -> dict[str, Any]:
    """A row with what its group and its paper say, the nearest word counting."""
    content, own = _files()[paper], _papers()[paper][row]
    group = content.get("group", {}).get(own.get("group"), {})
    settings = {**content["settings"], **group.get("settings", {}), **own.get("settings", {})}
    return {**group, **own, "settings": settings}


def _recipe(paper: str, name: str) -> Recipe:
    content, row = _files()[paper], _joined(paper, name)
    items = content.get("items", "nodes")
    reported = row["reported"]
    notes = [each["text"] for each in content.get("differs", ())]
    return Recipe(
        name=f"{paper}/{name}",
        method=with_settings(get_method(content["method"], items), row["settings"]),
        dataset=row["dataset"],
        num_nodes=_size(row),
        setting=row.get("setting", "transductive"),
        normalize=row.get("normalize", "auto"),
        training=dict(row.get("training", {})),
        reported=reported[0] if reported else None,
        spread=reported[1] if len(reported) > 1 else None,
        source=row["source"],
        verified=row["verified"],
        paper=content["title"],
        url=content["url"],
        notes=(*notes, *([row["note"]] if "note" in row else ())),
        items=items,
        protocol=row.get("protocol", content.get("protocol")),
    )


def _size(row: dict[str, Any]) -> int:
    return int(row.get("num_nodes") or row["num_images"])
