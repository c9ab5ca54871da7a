"""Commands that train models on condensed sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gcond.cli.console import File, Files, Style, say, writable

if TYPE_CHECKING:
    from gcond.condensed import Condensed


def evaluate(
    file: File,
    /,
    dataset: str | None = None,
    model: str | None = None,
    protocol: str | None = None,
    seeds: int = 5,
    root: Path | None = None,
    memory: str | None = None,
    device: str | None = None,
    style: Style = "markdown",
    json: bool = False,
) -> None:
    """Train fresh models on a condensed set and test them on the real one.

    Args:
        file: A file written by `gcond condense --out`.
        dataset: The dataset it was condensed from, if it has another name here.
        model: Architecture: GCN, SGC, APPNP, ChebNet, GraphSAGE, GAT, GIN, GCNII, Transformer, MLP;
            for images ConvNet, MLP, LeNet, AlexNet, VGG11, ResNet18, or a name of timm.
        protocol: How models are trained and selected; by default gcn-600 for nodes, pool-200 for
            sets of graphs, short-300 for images (the papers' are dc-300, dc-1000 for digits, and
            dsa-1000).
        seeds: Number of models.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        memory: Most memory where the graph is on disk, for example 4GB.
        device: Where models are trained: cpu, cuda, cuda:1, or auto for CUDA where there is some.
        style: Form of the table.
        json: Print all figures as JSON instead of a table.
    """
    import gcond

    small = gcond.Condensed.load(file)
    found = gcond.evaluate(
        small,
        dataset,
        model=model,
        protocol=protocol,
        seeds=seeds,
        root=root,
        memory=memory,
        device=device,
    )
    say(found.to_json() if json else found.table(style))


def compare(
    files: Files,
    /,
    models: tuple[str, ...] = (),
    dataset: str | None = None,
    protocol: str | None = None,
    seeds: int = 3,
    whole: bool = False,
    by_ratio: bool = False,
    jobs: int = 1,
    device: str | None = None,
    plot: Path | None = None,
    root: Path | None = None,
    style: Style = "markdown",
    json: bool = False,
) -> None:
    """Judge condensed graphs or images with several architectures in one table.

    Args:
        files: Files written by `gcond condense --out`.
        models: Architectures; all of them where none is named.
        dataset: The dataset they were condensed from, if it has another name here.
        protocol: How models are trained and selected, as for `gcond evaluate`.
        seeds: Models of each architecture.
        whole: Add a row for the whole dataset.
        by_ratio: Print accuracy against the size instead, a column for each.
        jobs: Processes to share the work between.
        device: Where models are trained, as for `gcond evaluate`.
        plot: Picture of the table to write: .png, .pdf or .svg.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        style: Form of the table.
        json: Print all figures as JSON instead of a table.
    """
    import gcond

    if plot is not None:
        from gcond import plot as plots

        plots.check(plot)
    sets = [gcond.Condensed.load(file) for file in files]
    found = gcond.compare(
        sets,
        dataset,
        models=models or None,
        protocol=protocol,
        seeds=seeds,
        baselines=("whole",) if whole else (),
        root=root,
        jobs=jobs,
        names=_told_apart(files, sets),
        device=device,
    )
    if plot is not None:
        plots.save(plots.matrix(found), plot)
    table = found.by_ratio if by_ratio else found.table
    say(found.to_json() if json else table(style))


def _told_apart(files: Sequence[Path], sets: Sequence[Condensed]) -> list[str] | None:
    """Names of the files where sets of one method have other settings, else nothing."""
    settings: dict[str, Any] = {}
    for small in sets:
        if settings.setdefault(small.config["name"], small.config) != small.config:
            return [file.stem for file in files]
    return None


def fit(
    file: File,
    /,
    out: Path,
    model: str | None = None,
    dataset: str | None = None,
    protocol: str | None = None,
    seed: int = 0,
    device: str | None = None,
    root: Path | None = None,
) -> None:
    """Train one model on a condensed set and write its parameters.

    Args:
        file: A file written by `gcond condense --out`.
        out: Safetensors file for the parameters, named as in the model's state_dict.
        model: Architecture, as for `gcond evaluate`.
        dataset: The real data, by name; its validation nodes choose the epoch. The last epoch
            is kept where none is given.
        protocol: How the model is trained.
        seed: Seeds initialisation and dropout.
        device: Where the model is trained, as for `gcond evaluate`.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
    """
    import gcond

    writable(out, "--out")
    small = gcond.Condensed.load(file)
    real = None if dataset is None else gcond.load_dataset(dataset, root)
    module = gcond.fit(small, model, real, protocol=protocol, seed=seed, device=device)
    from safetensors.torch import save_file

    tensors = {name: tensor.cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, out, {"model": repr(module)})
    say(f"{module}\nwritten to {out}")


def search(
    file: File,
    /,
    num: int = 100,
    seeds: int = 1,
    epochs: int = 200,
    seed: int = 0,
    whole: bool = True,
    top: int = 10,
    dataset: str | None = None,
    device: str | None = None,
    root: Path | None = None,
    style: Style = "markdown",
    json: bool = False,
) -> None:
    """Rank GNN configurations by training them on a condensed graph.

    Args:
        file: A file written by `gcond condense --out`.
        num: Number of configurations, drawn at random from a grid of 243.
        seeds: Models of each configuration.
        epochs: Epochs of each model.
        seed: Seeds the draw of configurations.
        whole: Train them on the whole graph as well, and report the rank correlation and the
            time of both.
        top: Configurations to print.
        dataset: The dataset it was condensed from, if it has another name here.
        device: Where models are trained, as for `gcond evaluate`.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        style: Form of the table.
        json: Print all figures as JSON instead of a table.
    """
    import gcond

    found = gcond.search(
        gcond.Condensed.load(file),
        dataset,
        num=num,
        seed=seed,
        seeds=seeds,
        epochs=epochs,
        whole=whole,
        root=root,
        device=device,
    )
    say(found.to_json() if json else found.table(style, top))
