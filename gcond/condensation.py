"""The verb."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from gcond import budget, config
from gcond.callbacks import ProgressBar, in_terminal
from gcond.condensed import Condensed, History, Source, edges_of, versions
from gcond.datasets import as_task
from gcond.methods import get_method

if TYPE_CHECKING:
    from gcond.graph.outcome import Method
    from gcond.graph.preprocess import Normalisation
    from gcond.graph.task import Setting
    from gcond.matching import Observer

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
) -> Condensed:
    r"""Learns a small synthetic graph such that a GNN trained on it performs like one trained on
    the whole.

    Main arguments are ``dataset``, one size, and ``method``; the others need no attention for
    most purposes.

    Args:
        dataset: A name (``"cora"``), a PyG ``Dataset`` with one graph, or a PyG ``Data`` with
            ``x, edge_index, y`` and masks. It is not changed.
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

    Returns:
        The condensed dataset; ``.data`` is a PyG ``Data``.

    Raises:
        TypeError: The dataset is of an unknown kind.
        ValueError: The dataset, the size or the method cannot be used; nothing was done yet.
        NonFiniteError: The objective became infinite or undefined.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", ratio=0.01, method="gcond-x")
        >>> small.num_nodes
        18
    """
    chosen = get_method(method) if isinstance(method, str) else method or get_method("gcond")
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
    log.info(
        "%s: %d -> %d nodes (%s), %s, cpu",
        task.name,
        task.num_nodes,
        total,
        _per_class(counts),
        chosen.describe(),
    )
    shown = in_terminal() if progress is None else progress
    watching = [*observers, ProgressBar()] if shown else list(observers)
    began = time.perf_counter()
    outcome = chosen.run(task, torch.tensor(counts), seed=seed, observers=watching)
    seconds = time.perf_counter() - began
    edge_index, edge_weight = edges_of(outcome.adj, outcome.x)
    run = outcome.progress
    return Condensed(
        x=outcome.x,
        edge_index=edge_index,
        edge_weight=edge_weight,
        y=outcome.y,
        source=Source.of(task),
        config=config.to_plain(chosen),
        seed=seed,
        history=History(
            tuple(run.losses),
            {step: 100 * score.accuracy for step, score in run.scores.items()},
            run.best_step,
        ),
        versions=versions(),
        seconds=seconds,
    )


def _per_class(counts: list[int]) -> str:
    if len(set(counts)) == 1:
        return f"{counts[0]} per class"
    return f"{min(counts)} to {max(counts)} per class"
