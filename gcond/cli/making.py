"""The command that condenses."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gcond.cli.console import Dataset, Settings, complain, leads, say, say_json, writable
from gcond.spelling import meant

if TYPE_CHECKING:
    from gcond.condensed import Condensed
    from gcond.recipes import Recipe


def condense(
    dataset: Dataset,
    /,
    ratio: float | None = None,
    num_nodes: int | None = None,
    num_graphs: int | None = None,
    num_images: int | None = None,
    per_class: int | None = None,
    method: str | None = None,
    recipe: str | None = None,
    seed: int = 0,
    setting: Literal["transductive", "inductive"] | None = None,
    normalize: Literal["auto", "row", "one-hot", "standard", "none"] = "auto",
    split: int = 0,
    root: Path | None = None,
    memory: str | None = None,
    device: str | None = None,
    out: Path | None = None,
    resume: bool = False,
    compact: bool = False,
    evaluate: bool = False,
    seeds: int | None = None,
    plot: Path | None = None,
    json: bool = False,
    set: Settings = (),
) -> None:
    """Condense a dataset to a small synthetic graph, a few of them, or a few images.

    `torchrun --nproc-per-node 2 -m gcond.cli condense ...` shares the run between processes.

    Every setting of the method is a flag too, in any order: `--adjacency low-rank
    --adjacency.rank 8 --schedule.epochs 50`; `gcond methods gcond` lists them.

    Args:
        dataset: Name of the dataset; `gcond datasets` lists them.
        ratio: Synthetic nodes / nodes of the graph; 0.01 where no size is given.
        num_nodes: The number of synthetic nodes itself.
        num_graphs: The number of synthetic graphs itself, for sets of graphs.
        num_images: The number of synthetic images itself.
        per_class: Synthetic nodes, graphs or images of each class.
        method: Name of the method; `gcond methods` lists them. By default gcond for nodes,
            doscond for sets of graphs, dsa for images.
        recipe: `paper` for the paper's own settings of the method for this dataset and
            `--num-nodes`, or a name that `gcond reproduce` lists; further settings change it.
        seed: Everything random derives from it.
        setting: Whether training sees the whole graph; by default as is usual for the dataset.
        normalize: Preprocessing of the features.
        split: Number of the split, where the data brings several.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        memory: Most memory while a graph on disk is propagated, for example 4GB; by default half
            of the machine's.
        device: cpu, cuda, cuda:1, or auto for CUDA where there is some; cpu by default.
        out: File to write, for example cora.safetensors; while the run lasts it can be
            continued from cora.checkpoint.safetensors beside it.
        resume: Continue the run that was interrupted.
        compact: Store half precision, and no edges below 0.01.
        evaluate: Train models on the result and print a table with baselines.
        seeds: Number of models for the table; by default 5, and 3 for sets of graphs.
        plot: Picture of the result to write: .png, .pdf or .svg.
        json: Print the outcome as JSON.
        set: The same as PATH=VALUE, for example `--set adjacency=low-rank adjacency.rank=8`.
    """
    import gcond
    from gcond.condensed.container import beside

    checkpoint = None
    if out is not None:
        checkpoint = beside(writable(out, "--out"), "checkpoint.safetensors")
    if resume and out is None:
        raise ValueError("--resume needs --out, the file of the run to continue")
    if seeds is not None and seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {seeds}")
    if plot is not None:
        from gcond import plot as plots

        plots.check(plot)
    chosen = _named(method, dataset)
    if recipe is not None:
        found_recipe = _recipe(recipe, chosen.name, dataset, num_nodes)
        chosen, num_nodes = found_recipe.method, found_recipe.num_nodes
        setting, normalize = found_recipe.setting, found_recipe.normalize
    chosen = _with(chosen, set)
    try:
        small = gcond.condense(
            dataset,
            ratio,
            num_nodes=num_nodes,
            num_graphs=num_graphs,
            num_images=num_images,
            per_class=per_class,
            method=chosen,
            seed=seed,
            setting=setting,
            normalize=normalize,
            split=split,
            root=root,
            memory=memory,
            device=device,
            checkpoint=checkpoint,
            resume=resume,
        )
    except KeyboardInterrupt:
        if checkpoint is not None and checkpoint.exists():
            complain(f"the run so far is in {checkpoint}; the same command with --resume goes on")
        raise
    small = small.compact() if compact else small
    if out is not None and checkpoint is not None and leads():
        small.save(out)
        checkpoint.unlink(missing_ok=True)
    if plot is not None and leads():
        plots.save(plots.figure(small, dataset, root=root), plot)
    if not json:
        say(_summary(small, out))
    found = None
    if evaluate:
        # A graph that has no name is found where it was given.
        known = None if small.source.name in gcond.list_datasets() else dataset
        models = seeds or (3 if small.kind == "graphs" else 5)
        found = gcond.evaluate(small, known, seeds=models, root=root, memory=memory, device=device)
    if json:
        from dataclasses import asdict

        from gcond.condensed.card import lines

        facts = {"seconds": small.seconds, "file": None if out is None else str(out)}
        say_json(lines(small) | facts | {"evaluation": asdict(found) if found else None})
    elif found is not None:
        say("\n" + found.table())


def _recipe(name: str, method: str, dataset: str, num_nodes: int | None) -> Recipe:
    """The paper's settings for a dataset and size."""
    from gcond import recipes

    if name == "paper":
        return recipes.find(method, dataset, num_nodes or 0)
    found = recipes.load(name)
    if found.dataset != dataset:
        raise ValueError(f"--recipe {name} is for {found.dataset}, not for {dataset}")
    return found


def _named(name: str | None, dataset: str) -> Any:
    """The method of that name for what the dataset holds."""
    from gcond.datasets import kind_of
    from gcond.methods import DEFAULT, get_method

    items = kind_of(dataset).items
    return get_method(name or DEFAULT[items], items)


def _with(method: Any, given: tuple[str, ...]) -> Any:
    """A method with the settings that were given."""
    from gcond.methods.settings import with_settings

    for setting in given:
        if "=" not in setting:
            raise ValueError(f"--set takes PATH=VALUE, got {setting!r}")
    return with_settings(method, dict(setting.split("=", 1) for setting in given))


def with_set(arguments: list[str]) -> list[str]:
    """Arguments of ``condense`` with every setting of a method moved into one ``--set``.

    Raises:
        ValueError: A setting has no value.
    """
    own = {name.replace("_", "-") for name in inspect.signature(condense).parameters}
    own |= {f"no-{name}" for name in own} | {"help"}
    rest, moved = [], []
    waiting = iter(arguments)
    for argument in waiting:
        flag, equals, text = argument.partition("=")
        name = flag.removeprefix("--").replace("_", "-")
        first = name.split(".")[0]
        if not flag.startswith("--") or name in own or first not in _paths():
            hint = meant(first, _paths()) if "." in name and flag.startswith("--") else ""
            if hint:
                raise ValueError(f"unknown setting {flag}; {hint}gcond methods NAME lists them")
            rest.append(argument)
            continue
        value = text if equals else next(waiting, None)
        if value is None or value.startswith("--"):
            raise ValueError(f"{flag} needs a value; `gcond methods gcond` shows what it can be")
        moved.append(f"{name}={value}")
    return [*rest, "--set", *moved] if moved else rest


@cache
def _paths() -> frozenset[str]:
    """First components of the settings of all methods."""
    import gcond
    from gcond.methods import DEFAULT
    from gcond.methods.settings import settings

    methods: list[Any] = [
        gcond.get_method(name, items) for items in DEFAULT for name in gcond.list_methods(items)
    ]
    return frozenset(s.path.split(".")[0] for method in methods for s in settings(method))


def _summary(small: Condensed, out: Path | None) -> str:
    """What came out, in a few lines."""
    lines = [repr(small)]
    if small.history.steps:
        kept = "selected on validation" if small.history.scores else "kept"
        what = {
            "nodes": f"{small.edge_index.shape[1]} weighted edges",
            "graphs": f"{small.edge_index.shape[1] // 2} edges",
            "images": " x ".join(map(str, small.source.shape or ())),
        }
        lines.append(
            f"{small.history.steps} matching steps, step {small.history.selected_step} {kept}, "
            f"{small.seconds:.1f} s, {what[small.kind]}"
        )
    if out is not None:
        lines.append(f"written to {out}")
    return "\n".join(lines)
