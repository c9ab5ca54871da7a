"""Commands that tell what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from gcond.cli.console import File, Name, say, say_json, say_table


def show(
    file: File,
    /,
    plot: Path | None = None,
    dataset: str | None = None,
    root: Path | None = None,
    json: bool = False,
) -> None:
    """Print what a condensed set is, and draw it.

    Args:
        file: A file written by `gcond condense --out`.
        plot: Picture to write: .png, .pdf or .svg.
        dataset: The data it was condensed from, for a panel of real beside synthetic features, or
            of images before they were learned.
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
    name: Name = None, /, items: Literal["nodes", "graphs", "images"] = "nodes", json: bool = False
) -> None:
    """List the methods, or the settings of one.

    Args:
        name: A method whose settings are wanted; `gcond condense` takes each as a flag.
        items: What the method condenses: the nodes of a graph, sets of graphs, or images.
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


Action = Annotated[Literal["list", "generate", "pack"], tyro.conf.Positional]


def datasets(
    action: Action = "list",
    name: Name = None,
    /,
    root: Path | None = None,
    num_nodes: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    half: bool = False,
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """List the datasets that have a name, or write one as memory-mapped files.

    `gcond datasets generate arxiv-like` makes a graph of that shape, of any size with
    --num-nodes. `gcond datasets pack ogbn-products` writes a published graph in the same form,
    which opens at once and need not fit in memory. Both are found by their name afterwards.

    Args:
        action: What to do.
        name: The graph to generate or to pack.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        num_nodes: Size of a generated graph; by default that of the real one.
        seed: Seeds a generated graph.
        out: Folder to write, instead of stores/NAME under the root.
        half: Keep features in half precision.
        overwrite: Replace a generated graph that is there.
        json: Print it as JSON.
    """
    import gcond

    if action == "list":
        _only("generate and pack", name=name, num_nodes=num_nodes, out=out)
        say_table(gcond.list_datasets(), json)
        return
    from gcond.datasets import SHAPES, generate, pack
    from gcond.datasets.big import PUBLISHED

    known = SHAPES if action == "generate" else PUBLISHED
    if name is None:
        raise ValueError(f"{action} what? known: {', '.join(known)}")
    x_dtype = "float16" if half else "float32"
    if action == "generate":
        store = generate(
            name,
            root,
            num_nodes=num_nodes,
            seed=seed,
            folder=out,
            x_dtype=x_dtype,
            overwrite=overwrite,
        )
    else:
        _only("generate", num_nodes=num_nodes, seed=seed, overwrite=overwrite)
        store = pack(name, root, folder=out, x_dtype=x_dtype)
    if json:
        sizes = ("num_nodes", "num_edges", "num_features", "num_classes", "nbytes", "digest")
        facts = {what: getattr(store, what) for what in sizes}
        say_json({"name": store.name, "folder": str(store.folder)} | facts)
    else:
        say(f"{store}\n{store.nbytes / 1e6:,.1f} MB in {store.folder}")


def _only(actions: str, **given: object) -> None:
    """Refuses arguments that another action takes."""
    for what, value in given.items():
        if value:
            flag = "a name" if what == "name" else f"--{what.replace('_', '-')}"
            raise ValueError(f"{flag} is for `gcond datasets` {actions}, got {value}")
