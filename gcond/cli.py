"""Command line: ``gcond condense | evaluate | compare | fit | show | cite | methods | datasets``.

Nothing heavy is imported at the top: ``gcond --help`` answers without torch.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import tyro

DESCRIPTION = "Dataset condensation on graphs: a tiny synthetic graph that trains like the whole."

Dataset = Annotated[str, tyro.conf.Positional]
File = Annotated[Path, tyro.conf.Positional]
Files = Annotated[tuple[Path, ...], tyro.conf.Positional]


def condense(
    dataset: Dataset,
    /,
    ratio: float | None = None,
    num_nodes: int | None = None,
    per_class: int | None = None,
    method: str = "gcond",
    seed: int = 0,
    setting: Literal["transductive", "inductive"] = "transductive",
    normalize: Literal["auto", "row", "standard", "none"] = "auto",
    split: int = 0,
    root: Path | None = None,
    out: Path | None = None,
    resume: bool = False,
    compact: bool = False,
    evaluate: bool = False,
    seeds: int = 5,
) -> None:
    """Condense a dataset to a small synthetic graph.

    Args:
        dataset: Name of the dataset; `gcond datasets` lists them.
        ratio: Synthetic nodes / nodes of the graph; 0.01 where no size is given.
        num_nodes: The number of synthetic nodes itself.
        per_class: Synthetic nodes of each class.
        method: Name of the method; `gcond methods` lists them.
        seed: Everything random derives from it.
        setting: Whether training sees the whole graph.
        normalize: Preprocessing of the features.
        split: Number of the split, where the data brings several.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        out: File to write, for example cora.safetensors; while the run lasts it can be
            continued from cora.checkpoint.safetensors beside it.
        resume: Continue the run that was interrupted.
        compact: Store half precision, and no edges below 0.01.
        evaluate: Train GCNs on the result and print a table with baselines.
        seeds: Number of GCNs for the table.
    """
    import gcond
    from gcond.condensed.container import beside

    checkpoint = None if out is None else beside(out, "checkpoint.safetensors")
    if out is not None and not out.parent.is_dir():
        raise ValueError(f"the folder {out.parent} of --out does not exist; create it first")
    if out is not None and out.is_dir():
        raise ValueError(f"--out {out} is a folder; name a file in it")
    if resume and out is None:
        raise ValueError("--resume needs --out, the file of the run to continue")
    if seeds < 1:
        raise ValueError(f"--seeds must be at least 1, got {seeds}")
    try:
        small = gcond.condense(
            dataset,
            ratio,
            num_nodes=num_nodes,
            per_class=per_class,
            method=method,
            seed=seed,
            setting=setting,
            normalize=normalize,
            split=split,
            root=root,
            checkpoint=checkpoint,
            resume=resume,
        )
    except KeyboardInterrupt:
        if checkpoint is not None and checkpoint.exists():
            _complain(f"the run so far is in {checkpoint}; the same command with --resume goes on")
        raise
    small = small.compact() if compact else small
    _say(repr(small))
    if small.history.steps:
        _say(
            f"{small.history.steps} matching steps, step {small.history.selected_step} selected "
            f"on validation, {small.seconds:.1f} s, {small.edge_index.shape[1]} weighted edges"
        )
    if out is not None and checkpoint is not None:
        small.save(out)
        checkpoint.unlink(missing_ok=True)
        _say(f"written to {out}")
    if evaluate:
        _say("\n" + gcond.evaluate(small, seeds=seeds, root=root).table())


def evaluate(
    file: File,
    /,
    dataset: str | None = None,
    model: str = "GCN",
    protocol: str = "gcn-600",
    seeds: int = 5,
    root: Path | None = None,
    style: Literal["markdown", "plain", "latex"] = "markdown",
    json: bool = False,
) -> None:
    """Train fresh models on a condensed graph and test them on the real one.

    Args:
        file: A file written by `gcond condense --out`.
        dataset: The dataset it was condensed from, if it has another name here.
        model: Architecture: GCN, SGC, APPNP, ChebNet, GraphSAGE, GAT, GIN, GCNII, Transformer, MLP.
        protocol: How models are trained and selected.
        seeds: Number of models.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        style: Form of the table.
        json: Print all figures as JSON instead of a table.
    """
    import gcond

    small = gcond.Condensed.load(file)
    found = gcond.evaluate(small, dataset, model=model, protocol=protocol, seeds=seeds, root=root)
    _say(found.to_json() if json else found.table(style))


def compare(
    files: Files,
    /,
    models: tuple[str, ...] = (),
    dataset: str | None = None,
    protocol: str = "gcn-600",
    seeds: int = 3,
    whole: bool = False,
    root: Path | None = None,
    style: Literal["markdown", "plain", "latex"] = "markdown",
    json: bool = False,
) -> None:
    """Judge condensed graphs with several architectures in one table.

    Args:
        files: Files written by `gcond condense --out`.
        models: Architectures; all of them where none is named.
        dataset: The dataset they were condensed from, if it has another name here.
        protocol: How models are trained and selected.
        seeds: Models of each architecture.
        whole: Add a row for the whole graph.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
        style: Form of the table.
        json: Print all figures as JSON instead of a table.
    """
    import gcond
    from gcond.evaluation.architectures import ARCHITECTURES

    found = gcond.compare(
        [gcond.Condensed.load(file) for file in files],
        dataset,
        models=models or tuple(ARCHITECTURES),
        protocol=protocol,
        seeds=seeds,
        baselines=("whole",) if whole else (),
        root=root,
    )
    _say(found.to_json() if json else found.table(style))


def fit(
    file: File,
    /,
    out: Path,
    model: str = "GCN",
    dataset: str | None = None,
    protocol: str = "gcn-600",
    seed: int = 0,
    root: Path | None = None,
) -> None:
    """Train one model on a condensed graph and write its parameters.

    Args:
        file: A file written by `gcond condense --out`.
        out: Safetensors file for the parameters, named as in the model's state_dict.
        model: Architecture, as for `gcond evaluate`.
        dataset: The real data, by name; its validation nodes choose the epoch. The last epoch
            is kept where none is given.
        protocol: How the model is trained.
        seed: Seeds initialisation and dropout.
        root: Folder of the datasets; then $GCOND_ROOT, then PyG's home.
    """
    import gcond

    if not out.parent.is_dir():
        raise ValueError(f"the folder {out.parent} of --out does not exist; create it first")
    small = gcond.Condensed.load(file)
    real = None if dataset is None else gcond.load_dataset(dataset, root)
    module = gcond.fit(small, model, real, protocol=protocol, seed=seed)
    from safetensors.torch import save_file

    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, out, {"model": repr(module)})
    _say(f"{module}\nwritten to {out}")


def show(file: File, /) -> None:
    """Print what a condensed graph is.

    Args:
        file: A file written by `gcond condense --out`.
    """
    import gcond
    from gcond.condensed.card import card

    _say(card(gcond.Condensed.load(file)))


def cite(file: File, /) -> None:
    """Print BibTeX of a condensed graph's method and dataset, and of this library.

    Args:
        file: A file written by `gcond condense --out`.
    """
    import gcond
    from gcond.condensed.card import bibtex

    _say(bibtex(gcond.Condensed.load(file)))


def methods() -> None:
    """List the methods."""
    import gcond

    _list(gcond.list_methods())


def datasets() -> None:
    """List the datasets that have a name."""
    import gcond

    _list(gcond.list_datasets())


COMMANDS = (condense, evaluate, compare, fit, show, cite, methods, datasets)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; wrong input is one line on standard error and exit code 2."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("gcond").setLevel(logging.INFO)
    commands: dict[str, Callable[..., None]] = {f.__name__: f for f in COMMANDS}
    try:
        tyro.extras.subcommand_cli_from_dict(
            commands, prog="gcond", description=DESCRIPTION, args=arguments
        )
    except (ValueError, TypeError, FileNotFoundError) as error:
        _complain(str(error))
        return 2
    except (ArithmeticError, OSError) as error:
        _complain("; ".join([str(error), *getattr(error, "__notes__", [])]))
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    return 0


def _list(table: dict[str, str]) -> None:
    width = max(map(len, table))
    for name, text in table.items():
        _say(f"{name:{width}}  {text}")


def _complain(text: str) -> None:
    print(f"gcond: {text}", file=sys.stderr, flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
