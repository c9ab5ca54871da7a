"""Commands that tell what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gcond.cli.console import File, Name, say, say_json, say_table


def show(
    file: File,
    /,
    plot: Path | None = None,
    dataset: str | None = None,
    root: Path | None = None,
    json: bool = False,
) -> None:
    """Print what a condensed graph is, and draw it.

    Args:
        file: A file written by `gcond condense --out`.
        plot: Picture to write: .png, .pdf or .svg.
        dataset: The data it was condensed from, for a panel of real beside synthetic features.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        json: Print it as JSON.
    """
    import gcond
    from gcond.condensed.card import card, lines

    small = gcond.Condensed.load(file)
    if plot is not None:
        from gcond import plot as plots

        plots.check(plot)
    if json:
        say_json(lines(small) | {"method settings": small.config})
    else:
        say(card(small))
    if plot is not None:
        plots.save(plots.figure(small, dataset, root=root), plot)


def cite(file: File, /) -> None:
    """Print BibTeX of a condensed graph's method and dataset, and of this library.

    Args:
        file: A file written by `gcond condense --out`.
    """
    import gcond
    from gcond.condensed.citations import bibtex

    say(bibtex(gcond.Condensed.load(file)))


def methods(
    name: Name = None, /, items: Literal["nodes", "graphs"] = "nodes", json: bool = False
) -> None:
    """List the methods, or the settings of one.

    Args:
        name: A method whose settings are wanted; `gcond condense` takes each as a flag.
        items: What the method condenses: the nodes of a graph, or sets of graphs.
        json: Print it as JSON.
    """
    import gcond

    if name is None:
        say_table(gcond.list_methods(items), json)
        return
    from gcond.methods.settings import settings

    found = list(settings(gcond.get_method(name, items)))
    if json:
        say_json({setting.path: setting.text for setting in found})
        return
    width = max((len(f"{setting.path} {setting.text}") for setting in found), default=0)
    for setting in found:
        others = " | ".join(setting.choices)
        say(f"--{setting.path} {setting.text}".ljust(width + 4) + others)


def datasets(json: bool = False) -> None:
    """List the datasets that have a name.

    Args:
        json: Print it as JSON.
    """
    import gcond

    say_table(gcond.list_datasets(), json)
