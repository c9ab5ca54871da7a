"""The verb."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from gcond import budget, config
from gcond.callbacks import Checkpoint, Estimate, ProgressBar, PropagationBar, in_terminal
from gcond.condensed import Condensed, History, Source, parts_of, versions
from gcond.condensed.checkpoint import read as read_checkpoint
from gcond.condensed.container import beside
from gcond.datasets import KINDS, Kind, Opening, kind_of
from gcond.graph.task import NodeTask
from gcond.matching import LostRankError, NonFiniteError
from gcond.matching.device import Device, device_of
from gcond.matching.distributed import join
from gcond.methods import DEFAULT, get_method, list_methods

if TYPE_CHECKING:
    from gcond.datasets import AnyTask
    from gcond.graph.large.memory import Memory
    from gcond.graph.outcome import Method
    from gcond.graph.preprocess import Normalisation
    from gcond.graph.sets.outcome import SetMethod
    from gcond.graph.task import Setting
    from gcond.image.outcome import ImageCondenser
    from gcond.matching import Observer, Progress

log = logging.getLogger("gcond")


def condense(
    dataset: Any,
    ratio: float | None = None,
    *,
    num_nodes: int | None = None,
    num_graphs: int | None = None,
    num_images: int | None = None,
    per_class: int | None = None,
    method: str | Method | SetMethod | ImageCondenser | None = None,
    seed: int = 0,
    balanced: bool = False,
    setting: Setting | None = None,
    normalize: Normalisation | Literal["one-hot"] = "auto",
    split: int = 0,
    root: str | Path | None = None,
    memory: Memory = None,
    device: Device = None,
    progress: bool | None = None,
    observers: Sequence[Observer] = (),
    checkpoint: str | Path | None = None,
    resume: bool = False,
) -> Condensed:
    r"""Learns a small synthetic graph, a few of them, or a few images, such that a network trained
    on them performs like one trained on the whole.

    Main arguments are ``dataset``, one size, and ``method``; the others need no attention for
    most purposes.

    Started by ``torchrun``, the processes share the run: each matches at models and real batches of
    its own, and their derivatives are averaged. All of them return the result.

    Args:
        dataset: A name (``"cora"``), a PyG ``Dataset`` with one graph, a PyG ``Data`` with
            ``x, edge_index, y`` and masks, a networkx graph with such attributes,
            :class:`gcond.NodeData` from arrays, or the folder of a graph on disk
            (:class:`gcond.graph.store.Store`), which need not fit in memory. For tasks on graphs:
            a name (``"ogbg-molhiv"``), a PyG ``Dataset`` or a list of several graphs with labels,
            or a :class:`gcond.GraphSet`. For images: a name (``"fashion-mnist"``), a pair of
            tensors ``(x, y)``, a ``Dataset`` of tensors or of torchvision, a pair of such for
            training and testing, or a :class:`gcond.ImageSet`. It is not changed.
        ratio: Synthetic nodes / nodes of the graph (of the training graph when inductive), or
            synthetic graphs or images / those for training; ``max(C, floor(ratio * N + 0.5))``
            of them. The default size is ``ratio=0.01``.
        num_nodes: The number of synthetic nodes itself.
        num_graphs: The number of synthetic graphs itself, for tasks on graphs.
        num_images: The number of synthetic images itself.
        per_class: Synthetic nodes, graphs or images of each class.
        method: A name (see :func:`gcond.list_methods`) or a method value; by default
            ``"gcond"`` for nodes, ``"doscond"`` for sets of graphs, ``"dsa"`` for images.
        seed: Everything random derives from it: same seed, same result. The caller's random
            state is not touched.
        balanced: Spread the nodes evenly over the classes instead of following the training
            class distribution.
        setting: ``"transductive"`` or ``"inductive"``; by default the dataset's usual one:
            inductive for Flickr and Reddit, else transductive.
        normalize: ``"row"``, ``"standard"``, ``"none"``, or ``"auto"``: rows of non-negative
            features are divided by their sum, other features are standardised, as are those of
            Flickr, Reddit and OGB's graphs. For sets of graphs ``"one-hot"``, ``"standard"``,
            ``"none"``, or ``"auto"``: whole numbers are categories, other features are
            standardised. For images ``"standard"``, ``"none"``, or ``"auto"``: by mean and
            deviation of each channel, those that are usual for the dataset or those of its
            training images.
        split: Column of the masks, where the data brings several splits; for sets of graphs or
            images without a split, the seed of ours.
        root: Folder of the datasets, for names; then ``$GCOND_ROOT``, then PyG's home.
        memory: Most memory of the process while it propagates a graph that is kept on disk:
            bytes, or a text such as ``"4GB"``; by default half of the machine's.
        device: Where matching and validation take place: ``"cpu"`` (the default), ``"cuda"``,
            ``"cuda:1"``, or ``"auto"`` for CUDA where there is some. Random numbers are drawn on
            the CPU, so that a seed means the same run everywhere; sums round differently from
            device to device. The result is on the CPU, and a checkpoint continues anywhere.
        progress: Show a progress bar; by default in a terminal.
        observers: Called at the start and after every epoch of a learned method.
        checkpoint: A file that an interrupted run can be continued from. It is written when the
            start is chosen, every 30 seconds between epochs, and at the end, and it is left there.
        resume: Continue the run in ``checkpoint``, bit for bit as if it had not been interrupted;
            where there is no such file yet, the run begins.

    Returns:
        The condensed dataset; ``.data`` is a PyG ``Data``, ``.graphs`` a list of them,
        ``.images`` a tensor.

    Raises:
        TypeError: The dataset is of an unknown kind.
        ValueError: The dataset, the size, the method, the device or the checkpoint cannot be
            used; nothing was done yet.
        FileNotFoundError: A dataset's files, or the folder of the checkpoint, are not there.
        NonFiniteError: The objective became infinite or undefined. ``error.kept`` is the last
            good state as a :class:`Condensed`; with a checkpoint it is saved beside it as
            ``NAME.last-good.safetensors``.
        LostRankError: Another process of the run is gone; the checkpoint continues with any
            number of them.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", ratio=0.01, method="gcond-x")
        >>> small.num_nodes
        18
    """
    where = device_of(device)
    team, kind = join(), kind_of(dataset)
    chosen = _method(method, kind)
    if setting is not None and not kind.has_setting:
        raise ValueError(
            f"setting={setting!r} says what training sees of one graph, but the dataset is "
            f"{kind.what}; leave it out"
        )
    _check(seed, checkpoint, resume, new=team.leads and not resume)
    task = kind.open(dataset, Opening(root, setting, normalize, split, memory, where))
    sizes = {"num_nodes": num_nodes, "num_graphs": num_graphs, "num_images": num_images}
    size = _size(task, kind, sizes, per_class)
    total = budget.size_of(
        task.num_items,
        task.train_counts,
        ratio=ratio,
        num_items=size,
        per_class=per_class,
        unit=kind.items,
    )
    even = balanced or per_class is not None
    counts = budget.allocate(total, task.train_counts, balanced=even)
    watching = [*observers, Estimate()]
    if in_terminal() if progress is None else progress:
        watching.append(ProgressBar())
        if isinstance(task, NodeTask):
            task = task.reporting(PropagationBar())
    begun = keeper = None
    if checkpoint is not None:
        path, key = Path(checkpoint), _key(task, kind, chosen, seed, counts)
        begun, keeper = _begun(path, key, resume), Checkpoint(path, key)
        watching.append(keeper)
    log.info(
        "%s: %d -> %d %s (%s), %s, %s",
        task.name,
        task.num_items,
        total,
        kind.items,
        _per_class(counts),
        chosen.describe(),
        where,
    )
    began = time.perf_counter()

    def result(outcome: Any) -> Condensed:
        return _result(outcome, task, chosen, seed, time.perf_counter() - began)

    try:
        outcome = chosen.run(
            task, torch.tensor(counts), seed=seed, observers=watching, progress=begun
        )
    except LostRankError:
        if keeper is not None:
            keeper.flush()
        raise
    except NonFiniteError as error:
        if error.kept is not None:
            error.kept = result(error.kept)
            if checkpoint is not None:
                kept = beside(Path(checkpoint), "last-good.safetensors")
                error.kept.save(kept)
                error.add_note(f"the last good state is in {kept}")
        raise
    return result(outcome)


def _method(method: Any, kind: Kind) -> Any:
    if method is None or isinstance(method, str):
        return get_method(method or DEFAULT[kind.items], kind.items)
    others = {type(m) for k in KINDS if k is not kind for m in _methods(k)}
    if type(method) in others - {type(m) for m in _methods(kind)}:
        known = list_methods(kind.items)
        one = method.name if method.name in known else next(iter(known))
        raise TypeError(
            f"the method {method.name!r} given is not one for {kind.items}; "
            f"gcond.get_method({one!r}, {kind.items!r}) is"
        )
    if isinstance(method, type) or not callable(getattr(method, "run", None)):
        raise TypeError(
            f"method must be a name or a method value such as gcond.get_method('gcond'), got "
            f"{method!r:.80}"
        )
    return method


def _methods(kind: Kind) -> list[Any]:
    return [get_method(name, kind.items) for name in list_methods(kind.items)]


def _check(seed: object, checkpoint: str | Path | None, resume: bool, new: bool) -> None:
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
    if path.exists() and new:
        raise ValueError(
            f"{path} holds a run already; continue it with resume (--resume), or delete the file"
        )


def _size(
    task: AnyTask, kind: Kind, given: dict[str, int | None], per_class: int | None
) -> int | None:
    """The number of items that was asked for; that of something else is refused."""
    for other in KINDS:
        if other is not kind and given[other.size] is not None:
            raise ValueError(
                f"{other.size}={given[other.size]!r} is a size for {other.what}, but {task.name} "
                f"is {kind.what}; use {kind.size}=, per_class= or ratio="
            )
    if getattr(task, "several", False) and per_class is not None:
        raise ValueError(
            f"the graphs of {task.name} have several labels each, and no classes to count by; use "
            "num_graphs= or ratio="
        )
    return given[kind.size]


def _key(task: AnyTask, kind: Kind, method: Any, seed: int, counts: list[int]) -> dict[str, Any]:
    """What a run is, as plain data."""
    return {
        "data": task.fingerprint,
        **kind.key(task),
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


def _result(outcome: Any, task: AnyTask, method: Any, seed: int, seconds: float) -> Condensed:
    run = outcome.progress
    return Condensed(
        **parts_of(outcome),
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
    )


def _per_class(counts: list[int]) -> str:
    if len(set(counts)) == 1:
        return f"{counts[0]} per class"
    return f"{min(counts)} to {max(counts)} per class"
