"""The contract every method must pass, for ours and for those of others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gcond import config
from gcond.condensation import condense
from gcond.condensed import Condensed, parts_of
from gcond.datasets import GraphSet, ImageSet, Opening, kind_of
from gcond.evaluation import ImageProtocol, Protocol, SetProtocol, evaluate
from gcond.graph.sets.packed import packed
from gcond.graph.sets.training import SetTraining
from gcond.graph.training import Training
from gcond.image.networks import ConvNet
from gcond.image.training import ImageTraining
from gcond.matching import Moment, Progress
from gcond.methods import TYPES, Items

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from gcond.graph.outcome import Method
    from gcond.graph.sets.outcome import SetMethod
    from gcond.image.outcome import ImageCondenser


def example_graph(num_nodes: int = 240, num_classes: int = 3, seed: int = 0) -> Data:
    """A stochastic block model with noisy class features and a split, made in code.

    Single nodes say little of their class and neighbourhoods say much, so that a method that
    understands the graph is told apart from one that picks nodes.

    Args:
        num_nodes: Nodes.
        num_classes: Classes, of falling size.
        seed: Same seed, same graph.
    """
    from torch_geometric.data import Data

    rng = np.random.default_rng(seed)
    share = np.linspace(1.5, 1.0, num_classes)
    y = rng.choice(num_classes, num_nodes, p=share / share.sum())
    center = rng.normal(size=(num_classes, 16))
    x = center[y] + 3.0 * rng.normal(size=(num_nodes, 16))
    close = np.where(y[:, None] == y[None], 0.12, 0.01)
    upper = np.triu(rng.random((num_nodes, num_nodes)) < close, 1)
    edge_index = np.stack((upper | upper.T).nonzero())
    split = rng.permutation(np.arange(num_nodes) % 4)
    return Data(
        x=torch.tensor(x, dtype=torch.float32),
        edge_index=torch.tensor(edge_index),
        y=torch.tensor(y),
        train_mask=torch.tensor(split < 2),
        val_mask=torch.tensor(split == 2),
        test_mask=torch.tensor(split == 3),
    )


def example_graphs(num_graphs: int = 400, num_classes: int = 3, seed: int = 0) -> GraphSet:
    """Small graphs whose class shows in the kinds of their nodes and in how dense they are.

    Args:
        num_graphs: Graphs.
        num_classes: Classes, of falling size.
        seed: Same seed, same graphs.
    """
    rng = np.random.default_rng(seed)
    share = np.linspace(1.5, 1.0, num_classes)
    y = np.sort(rng.choice(num_classes, num_graphs, p=share / share.sum()))
    rows, edges = [], []
    for c in y:
        n = int(rng.integers(5, 12))
        kinds = np.where(rng.random(n) < 0.25, c, rng.integers(0, num_classes + 1, n))
        close = np.triu(rng.random((n, n)) < 0.2 + 0.15 * c / num_classes, 1)
        close[np.arange(n - 1), np.arange(1, n)] = True
        rows.append(torch.tensor(np.stack([kinds, rng.integers(0, 2, n)], 1)))
        edges.append(torch.tensor(np.stack(close.nonzero())))
    nothing = {"train": None, "val": None, "test": None}
    return GraphSet.from_packed(packed(rows, edges), y, nothing, name="example", split=seed)


def example_images(num_images: int = 500, num_classes: int = 3, seed: int = 0) -> ImageSet:
    """Small images of bars, whose class is the direction of the bar: its place, its brightness
    and noise say nothing.

    Args:
        num_images: Images.
        num_classes: Classes, of falling size.
        seed: Same seed, same images.
    """
    rng = np.random.default_rng(seed)
    share = np.linspace(1.5, 1.0, num_classes)
    y = rng.choice(num_classes, num_images, p=share / share.sum())
    row, column = np.mgrid[-3.5:4, -3.5:4]
    angle = np.pi * y / num_classes
    across = row * np.cos(angle)[:, None, None] - column * np.sin(angle)[:, None, None]
    bars = np.abs(across + rng.uniform(-2, 2, (num_images, 1, 1))) < 1.2
    light = rng.uniform(100, 200, (num_images, 1, 1))
    pixels = bars * light + rng.normal(0, 20, bars.shape)
    x = torch.as_tensor(pixels.clip(0, 255), dtype=torch.uint8)
    half = num_images // 2
    held = x[half:], y[half:]
    return ImageSet.from_tensors(x[:half], y[:half], test=held, name="example", split=seed)


def check_method(
    method: Method | SetMethod | ImageCondenser,
    *,
    num_nodes: int = 12,
    seed: int = 0,
    items: Items = "nodes",
) -> None:
    """Checks a method on a small generated graph, on a set of graphs, or on images.

    The budget is met and every class present; the result is finite and detached; the same seed
    gives the same bytes; the caller's data and random state are as before; a file gives back
    what was saved; the configuration survives as plain data; a run that is cut in the middle
    and continued equals one that is not; a learned method does better than random nodes.

    Args:
        method: A method value; a learned one should have a short schedule.
        num_nodes: Size of the result: nodes, or graphs or images of a set.
        seed: Seed of the runs.
        items: What the method condenses: ``"nodes"``, sets of ``"graphs"``, or ``"images"``.

    Raises:
        AssertionError: A clause is broken; the message says which.

    Example:
        >>> import gcond
        >>> check_method(gcond.get_method("centroid"))
    """
    data = _EXAMPLES[items](seed=seed)
    before = {key: value.clone() for key, value in _tensors(data).items()}
    state, numpy_state = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    size: dict[str, Any] = {f"num_{items}": num_nodes}
    small = condense(data, **size, method=method, seed=seed, progress=False)
    again = condense(data, **size, method=method, seed=seed, progress=False)
    _that(bool((torch.get_rng_state() == state).all()), "torch's global generator was used")
    _that(str(np.random.get_state()) == numpy_state, "numpy's global generator was used")  # noqa: NPY002
    _that(
        all(torch.equal(value, before[key]) for key, value in _tensors(data).items()),
        "the caller's data was changed",
    )
    _check_result(small, num_nodes)
    _check_files(small, again)
    rebuilt = config.from_plain(small.config, {**TYPES, **config.types_in(method)})
    _that(rebuilt == method, f"the configuration came back as {rebuilt}")
    _check_resume(method, data, num_nodes, seed)
    if small.history.steps:
        _check_gain(small, data)


_EXAMPLES: dict[Items, Callable[..., Any]] = {
    "nodes": example_graph,
    "graphs": example_graphs,
    "images": example_images,
}


def _tensors(data: Any) -> dict[str, Tensor]:
    """Everything that a method could spoil."""
    if isinstance(data, ImageSet):
        return {"stored": data.stored, "y": torch.as_tensor(data.y)}
    if not isinstance(data, GraphSet):
        return dict(data.to_dict())
    graphs = data.graphs
    return {
        "x": graphs.x,
        "edge_index": graphs.edge_index,
        "ptr": graphs.ptr,
        "y": torch.as_tensor(data.y),
    }


def _check_result(small: Condensed, num_nodes: int) -> None:
    found = small.num_items
    _that(found == num_nodes, f"asked for {num_nodes} {small.kind}, got {found}")
    present = torch.unique(small.y).tolist()
    _that(len(present) == small.num_classes, f"only classes {present} are present")
    for name in ("x", "edge_weight"):
        tensor: Tensor = getattr(small, name)
        _that(bool(torch.isfinite(tensor).all()), f"{name} is not finite")
        _that(not tensor.requires_grad, f"{name} is not detached")
    if small.soft is not None:
        shape = small.num_nodes, small.num_classes
        _that(small.soft.shape == shape, f"soft labels have shape {list(small.soft.shape)}")
        total = small.soft.sum(1)
        _that(bool((small.soft >= 0).all()), "a soft label is negative")
        _that(bool(((total - 1).abs() < 1e-4).all()), "soft labels do not sum to one")
    adj = small.adjacency
    if adj is not None:
        _that(bool(torch.equal(adj, adj.T)), "the adjacency is not symmetric")
        _that(not bool(adj.diagonal().any()), "the adjacency has self-loops")


def _check_files(small: Condensed, again: Condensed) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "a.safetensors", Path(folder) / "b.safetensors"
        small.save(first)
        again.save(second)
        _that(first.read_bytes() == second.read_bytes(), "the same seed gave other bytes")
        loaded = Condensed.load(first)
        names = ["x", "edge_index", "edge_weight", "y"]
        for name in names + (["ptr"] if small.ptr is not None else []):
            same = torch.equal(getattr(loaded, name), getattr(small, name))
            _that(same, f"{name} came back from the file changed")
        _that(_equal(loaded.soft, small.soft), "soft labels came back from the file changed")
        for mine, theirs in zip(small.steps or (), loaded.steps or (), strict=True):
            _that(torch.equal(mine, theirs), "learned steps came back from the file changed")
        loaded.save(second)
        _that(first.read_bytes() == second.read_bytes(), "saving what was loaded gave other bytes")


def _check_resume(method: Any, data: Any, num_nodes: int, seed: int) -> None:
    task: Any = kind_of(data).open(data, Opening())
    counts = torch.full((task.num_classes,), num_nodes // task.num_classes)
    kept: list[Progress] = []

    def keep(moment: Moment) -> None:
        if moment.progress.epoch == (moment.plan.schedule.epochs + 1) // 2:
            kept.append(moment.snapshot())

    whole = method.run(task, counts, seed=seed, observers=[keep])
    if kept:
        rest = method.run(task, counts, seed=seed, progress=kept[0])
        mine, others = parts_of(whole), parts_of(rest)
        names = [name for name, part in mine.items() if isinstance(part, Tensor)]
        same = all(torch.equal(mine[name], others[name]) for name in names)
        _that(same, "a resumed run differs from an uninterrupted one")
        _that(whole.progress.losses == rest.progress.losses, "a resumed run has other losses")


def _check_gain(small: Condensed, data: Any) -> None:
    quick: dict[Items, Any] = {
        "nodes": Protocol("contract", Training(hidden_channels=64, epochs=100)),
        "graphs": SetProtocol("contract", SetTraining(hidden_channels=64, epochs=100)),
        "images": ImageProtocol("contract", ImageTraining(epochs=60, drop_after=30)),
    }
    protocol = None if small.steps is not None else quick[small.kind]
    model = ConvNet(32, depth=2) if small.kind == "images" else None
    found = evaluate(small, data, model=model, protocol=protocol, seeds=3, baselines=("random",))
    learned, random = found.rows
    _that(
        learned.mean > random.mean,
        f"the learned set scores {learned.mean:.1f} %, a random one {random.mean:.1f} %",
    )


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one, other)


def _that(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
