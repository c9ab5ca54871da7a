"""The verb."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gcond import budget, config
from gcond.callbacks import Checkpoint, ProgressBar, in_terminal
from gcond.condensed import Condensed, History, Source, edges_of, versions
from gcond.condensed.checkpoint import read as read_checkpoint
from gcond.condensed.container import beside
from gcond.datasets import as_task
from gcond.matching import NonFiniteError
from gcond.methods import get_method

if TYPE_CHECKING:
    from gcond.graph.outcome import Method, Outcome
    from gcond.graph.preprocess import Normalisation
    from gcond.graph.task import NodeTask, Setting
    from gcond.matching import Observer, Progress

log = logging.getLogger("gcond")


def condense(
    dataset: Any,
    ratio: float | None = None,
    *,
    num_nodes: int | None = None,
    num_graphs: int | None = None,
    per_class: int | None = None,
    method: str | Method | None = None,
    seed: int = 0,
    balanced: bool = False,
    setting: Setting = "transductive",
    normalize: Normalisation = "auto",
    split: int = 0,
    root: str | Path | None = None,
    progress: bool | None = None,
    observers: Sequence[Observer] = (),
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> Condensed:
    r"""Learns a small synthetic graph such that a GNN trained on it performs like one trained on
    the whole.

    Main arguments are ``dataset``, one size, and ``method``; the others need no attention for
    most purposes.

    Args:
        dataset: A name (``"cora"``), a PyG ``Dataset`` with one graph, a PyG ``Data`` with
            ``x, edge_index, y`` and masks, a networkx graph with such attributes, or
            :class:`gcond.NodeData` from arrays. It is not changed.
        ratio: Synthetic nodes / nodes of the graph (of the training graph when inductive);
            ``max(C, floor(ratio * N + 0.5))`` nodes. The default size is ``ratio=0.01``.
        num_nodes: The number of synthetic nodes itself.
        num_graphs: For tasks on graphs; refused here.
        per_class: Synthetic nodes of each class.
        method: A name (see :func:`gcond.list_methods`) or a method value; ``"gcond"`` by default.
        seed: Everything random derives from it: same seed, same result. The caller's random
            state is not touched.
        balanced: Spread the nodes evenly over the classes instead of following the training
            class distribution.
        setting: ``"transductive"`` or ``"inductive"``.
        normalize: ``"row"``, ``"standard"``, ``"none"``, or ``"auto"``: rows of non-negative
            features are divided by their sum, other features are standardised.
        split: Column of the masks, where the data brings several splits.
        root: Folder of the datasets, for names; then ``$GCOND_ROOT``, then PyG's home.
        progress: Show a progress bar; by default in a terminal.
        observers: Called at the start and after every epoch of a learned method.
        checkpoint: A file that an interrupted run can be continued from. It is written when the
            start is chosen, every 30 seconds between epochs, and at the end, and it is left there.
        resume: Continue the run in ``checkpoint``, bit for bit as if it had not been interrupted;
            where there is no such file yet, the run begins.

    Returns:
        The condensed dataset; ``.data`` is a PyG ``Data``.

    Raises:
        TypeError: The dataset is of an unknown kind.
        ValueError: The dataset, the size, the method or the checkpoint cannot be used; nothing
            was done yet.
        FileNotFoundError: A dataset's files, or the folder of the checkpoint, are not there.
        NonFiniteError: The objective became infinite or undefined. ``error.kept`` is the last
            good state as a :class:`Condensed`; with a checkpoint it is saved beside it as
            ``NAME.last-good.safetensors``.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", ratio=0.01, method="gcond-x")
        >>> small.num_nodes
        18
    """
    chosen = _method(method)
    _check(seed, checkpoint, resume)
    task = as_task(dataset, root=root, setting=setting, normalize=normalize, split=split)
    if num_graphs is not None:
        raise ValueError(
            f"num_graphs={num_graphs!r} is a size for sets of graphs, but {task.name} is one "
            "graph; use num_nodes=, per_class= or ratio="
        )
    total = budget.size_of(
        task.num_nodes, task.train_counts, ratio=ratio, num_items=num_nodes, per_class=per_class
    )
    even = balanced or per_class is not None
    counts = budget.allocate(total, task.train_counts, balanced=even)
    watching = list(observers)
    if in_terminal() if progress is None else progress:
        watching.append(ProgressBar())
    begun = None
    if checkpoint is not None:
        path, key = Path(checkpoint), _key(task, chosen, seed, counts)
        begun = _begun(path, key, resume)
        watching.append(Checkpoint(path, key))
    log.info(
        "%s: %d -> %d nodes (%s), %s, cpu",
        task.name,
        task.num_nodes,
        total,
        _per_class(counts),
        chosen.describe(),
    )
    began = time.perf_counter()

    def result(outcome: Outcome) -> Condensed:
        return _result(outcome, task, chosen, seed, time.perf_counter() - began)

    try:
        outcome = chosen.run(
            task, torch.tensor(counts), seed=seed, observers=watching, progress=begun
        )
    except NonFiniteError as error:
        if error.kept is not None:
            error.kept = result(error.kept)
            if checkpoint is not None:
                kept = beside(Path(checkpoint), "last-good.safetensors")
                error.kept.save(kept)
                error.add_note(f"the last good state is in {kept}")
        raise
    return result(outcome)


def _method(method: str | Method | None) -> Method:
    if method is None or isinstance(method, str):
        return get_method(method or "gcond")
    if isinstance(method, type) or not callable(getattr(method, "run", None)):
        raise TypeError(
            f"method must be a name or a method value such as gcond.get_method('gcond'), got "
            f"{method!r:.80}"
        )
    return method


def _check(seed: object, checkpoint: str | Path | None, resume: bool) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or not -(2**63) <= seed < 2**63:
        raise ValueError(f"seed must be a whole number of at most 64 bits, got {seed!r}")
    if checkpoint is None:
        if resume:
            raise ValueError("resume=True needs checkpoint=, the file of the run to continue")
        return
    path = Path(checkpoint)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} of checkpoint= does not exist")
    if path.is_dir():
        raise ValueError(f"checkpoint={str(path)!r} is a folder; name a file in it")
    if path.exists() and not resume:
        raise ValueError(
            f"{path} holds a run already; continue it with resume (--resume), or delete the file"
        )


def _key(task: NodeTask, method: Method, seed: int, counts: list[int]) -> dict[str, Any]:
    """What a run is, as plain data."""
    return {
        "data": task.fingerprint,
        "setting": task.setting,
        "preprocess": task.preprocess.kind,
        "config": config.to_plain(method),
        "seed": seed,
        "counts": counts,
    }


def _begun(path: Path, key: dict[str, Any], resume: bool) -> Progress | None:
    if not resume:
        return None
    if not path.exists():
        log.info("there is no %s to resume from; the run begins", path)
        return None
    found = read_checkpoint(path, key)
    log.info("%s: continuing after epoch %d", path, found.epoch)
    return found


def _result(
    outcome: Outcome, task: NodeTask, method: Method, seed: int, seconds: float
) -> Condensed:
    edge_index, edge_weight = edges_of(outcome.adj, outcome.x)
    run = outcome.progress
    return Condensed(
        x=outcome.x,
        edge_index=edge_index,
        edge_weight=edge_weight,
        y=outcome.y,
        source=Source.of(task),
        config=config.to_plain(method),
        seed=seed,
        history=History(
            tuple(run.losses),
            {step: 100 * score.accuracy for step, score in run.scores.items()},
            run.best_step,
        ),
        versions=versions(),
        seconds=seconds,
        soft=outcome.soft,
    )


def _per_class(counts: list[int]) -> str:
    if len(set(counts)) == 1:
        return f"{counts[0]} per class"
    return f"{min(counts)} to {max(counts)} per class"
