"""``evaluate``: the condensed set and its baselines under one protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gcond.condensed import Condensed, parts_of
from gcond.evaluation import large
from gcond.evaluation.fitting import (
    Model,
    accuracy,
    inputs,
    named,
    source_of,
    trained,
)
from gcond.evaluation.images import ImageProtocol, evaluate_images
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.evaluation.result import Evaluation, Row
from gcond.evaluation.sets import SetProtocol, evaluate_set
from gcond.evaluation.views import Real, View, kept, of_condensed
from gcond.graph import receptive
from gcond.graph.large.memory import Memory
from gcond.graph.receptive import Receptive
from gcond.graph.task import NodeTask, Split
from gcond.graph.training import score, train
from gcond.image.networks import Network
from gcond.matching.device import Device, device_of
from gcond.matching.distributed import current, join
from gcond.methods import get_method

Percent = tuple[float, ...]

BASELINES = ("random", "centroid", "whole")

_OTHERS: dict[str, Callable[..., Evaluation]] = {"graphs": evaluate_set, "images": evaluate_images}
"""Judges of what are not nodes."""


def evaluate(
    condensed: Condensed,
    dataset: Any = None,
    *,
    model: Model | Network | None = None,
    protocol: str | Protocol | SetProtocol | ImageProtocol | None = None,
    seeds: int = 5,
    baselines: Sequence[str] | None = None,
    root: str | Path | None = None,
    memory: Memory = None,
    device: Device = None,
) -> Evaluation:
    """Trains fresh models on a condensed set and tests them on the real one.

    Models named ``"GCN"`` are trained for all seeds at once; a seed's accuracy does not depend
    on how many are trained beside it. Test nodes are looked at once, by the kept epoch. Processes
    that ``torchrun`` started share the seeds.

    On a graph that is kept on disk GCN and SGC are judged, epochs are chosen on propagated
    validation rows (the protocol's name says so: ``"gcn-600-rows"``), and the whole graph is
    stood for by softmax regression on all propagated training rows, ``"whole (SGC)"``.

    Args:
        condensed: The set to judge.
        dataset: The data it was condensed from; by default it is opened by the name it had.
        model: As in :func:`gcond.fit`.
        protocol: How models are trained and selected; by default ``"gcn-600"``, ``"pool-200"``
            for sets of graphs, ``"short-300"`` for images (``"dc-300"``, ``"dc-1000"`` for digits
            and ``"dsa-1000"`` are those of the papers, ``"dd-steps"`` is for images with learned
            steps).
        seeds: Number of models.
        baselines: Rows beside the condensed one: names of methods that select items, condensed
            to the same classes with the same seed, and ``"whole"``; by default ``"random"``,
            ``"centroid"`` and ``"whole"``, the last one where the protocol is short.
        root: Folder of the datasets, for names.
        memory: As for :func:`gcond.condense`.
        device: Where models are trained and tested, as for :func:`gcond.fit`.

    Raises:
        ValueError: The dataset is not the one that was condensed, or a name is unknown.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> result = gcond.evaluate(small, seeds=2, baselines=())
        >>> result.mean > 50
        True
    """
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    where = device_of(device)
    if condensed.kind in _OTHERS:
        return _OTHERS[condensed.kind](
            condensed,
            dataset,
            model=model,
            protocol=protocol,
            seeds=seeds,
            baselines=baselines,
            root=root,
            device=where,
        )
    join()
    baselines = BASELINES if baselines is None else baselines
    chosen = get_protocol(protocol or "gcn-600")
    found: Model = named("GCN" if model is None else model)
    if isinstance(dataset, Real):
        real = dataset
    else:
        real = Real(source_of(condensed, dataset, root, memory, where))
    task = real.task
    if task.disk is not None:
        large.refuse(found, task)
    counts = torch.bincount(condensed.y.long(), minlength=condensed.num_classes)
    seen = {name: get_method(name) for name in baselines if name != "whole"}
    rows = [_row("condensed", condensed, real, found, chosen, seeds)]
    for name in baselines:
        if name == "whole":
            rows.append(_whole(real, found, chosen, seeds))
            continue
        outcome = seen[name].run(task, counts, seed=condensed.seed)
        other = replace(condensed, **parts_of(outcome))
        rows.append(_row(name, other, real, found, chosen, seeds))
    return Evaluation(
        dataset=condensed.source.name,
        method=condensed.config["name"],
        model=name_of(found),
        protocol=chosen.name if task.disk is None else f"{chosen.name}-rows",
        selected_step=condensed.history.selected_step,
        rows=tuple(rows),
        protocol_digest=chosen.digest,
        seconds=condensed.seconds,
        labels=condensed.label_source,
    )


def name_of(model: Model) -> str:
    """What a table calls an architecture."""
    return model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


def _row(
    name: str, condensed: Condensed, real: Real, model: Model, protocol: Protocol, seeds: int
) -> Row:
    began = time.perf_counter()
    full = kept(condensed, protocol.min_edge_weight)
    if real.task.disk is not None:
        test, val = current().spread(
            seeds, lambda mine: large.condensed_row(full, real.task, str(model), protocol, mine)
        )
    elif model == "GCN":
        view = receptive.of_graph(full.x, full.adjacency, full.targets).to(real.task.device)
        test, val = _together(view, real.task, protocol, seeds)
    else:
        test, val = _one_by_one(
            of_condensed(full).to(real.task.device), real, model, protocol, seeds
        )
    seconds = time.perf_counter() - began
    return Row(name, test, val, condensed.num_nodes, condensed.nbytes, seconds)


def _whole(real: Real, model: Model, protocol: Protocol, seeds: int) -> Row:
    began = time.perf_counter()
    task, name = real.task, "whole"
    if task.disk is not None:
        (test, val), name = current().spread(seeds, partial(large.whole_row, task)), "whole (SGC)"
    elif model == "GCN":
        test, val = _together(receptive.of_split(task, "train"), task, protocol, seeds)
    else:
        test, val = _one_by_one(real.train, real, model, protocol, seeds)
    seconds = time.perf_counter() - began
    return Row(name, test, val, task.num_nodes, task.nbytes, seconds)


def _together(
    view: Receptive, task: NodeTask, protocol: Protocol, seeds: int
) -> tuple[Percent, Percent]:
    """Test and validation accuracies of one GCN per seed, trained as one model."""
    found = current().spread(seeds, partial(_all_at_once, view, task, protocol))
    return found[0], found[1]


def _all_at_once(
    view: Receptive, task: NodeTask, protocol: Protocol, seeds: Sequence[int]
) -> tuple[Percent, Percent]:
    val = receptive.of_split(task, "val") if len(task.index["val"]) else None
    training = protocol.training_of("GCN")
    weights, accuracy, _ = train(view, task.num_classes, seeds, training, val)
    test, _ = score(receptive.of_split(task, "test"), weights)
    return _percent(test), () if val is None else _percent(accuracy)


def _one_by_one(
    view: View, real: Real, model: Model, protocol: Protocol, seeds: int
) -> tuple[Percent, Percent]:
    """The same for any architecture, one model after the other."""
    every = current().spread(seeds, partial(_in_turn, view, real, model, protocol))
    return every[0], every[1]


def _in_turn(
    view: View, real: Real, model: Model, protocol: Protocol, seeds: Sequence[int]
) -> tuple[Percent, Percent]:
    found: dict[Split, list[float]] = {"test": [], "val": []}
    val = real.view("val")
    for seed in seeds:
        module = trained(model, real.task.num_classes, view, val, protocol, seed)
        for split, accuracies in found.items():
            looked_at = real.view(split)
            if looked_at is not None:
                shown = inputs(model, module, looked_at.graph, protocol)
                accuracies.append(accuracy(module, shown, looked_at))
    return tuple(found["test"]), tuple(found["val"])


def _percent(accuracies: Tensor) -> Percent:
    return tuple(100 * float(a) for a in accuracies)
