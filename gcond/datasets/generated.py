"""Generated graphs of any size, in the shape of the field's big ones."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gcond.datasets.block_model import BlockModel
from gcond.datasets.edges import neighbours
from gcond.datasets.raw import stored
from gcond.datasets.shapes import SHAPES, Shape
from gcond.graph.store import Store, StoreWriter
from gcond.spelling import meant

__all__ = ["SHAPES", "Shape", "known", "parse", "spelled", "write"]

log = logging.getLogger("gcond")

Array = np.ndarray[Any, Any]

ROWS = 1 << 14
"""Rows of features that are drawn together, part of what a seed means."""

_NAME = re.compile(rf"({'|'.join(SHAPES)})(?:-(\d+))?(?:-seed(\d+))?")


def parse(name: str) -> tuple[str, int | None, int] | None:
    """Shape, number of nodes and seed that a name stands for: ``"arxiv-like"``,
    ``"arxiv-like-20000"``, ``"arxiv-like-20000-seed1"``; ``None`` for other names."""
    found = _NAME.fullmatch(name.lower())
    if found is None:
        return None
    shape, nodes, seed = found.groups()
    return shape, None if nodes is None else int(nodes), int(seed or 0)


def spelled(shape: str, num_nodes: int | None, seed: int) -> str:
    """The name of a generated graph, from which :func:`parse` reads the same."""
    size = "" if num_nodes in (None, SHAPES[shape].num_nodes) else f"-{num_nodes}"
    return f"{shape}{size}" + (f"-seed{seed}" if seed else "")


def write(
    name: str,
    folder: str | Path,
    *,
    shape: Shape | None = None,
    num_nodes: int | None = None,
    seed: int = 0,
    x_dtype: Any = np.float32,
    overwrite: bool = False,
) -> Store:
    """Writes a generated graph as a store, in chunks: memory stays near a few bytes for each node
    and 200 MB, whatever the number of edges and features.

    Args:
        name: What to call it, or a name as for :func:`parse`.
        folder: The store to write.
        shape: The kind of graph; by default the one of that name.
        num_nodes: Number of nodes, by default that of the shape.
        seed: Seeds everything: same seed, same files.
        x_dtype: ``float32`` or ``float16``.
        overwrite: Whether a store that is there may be replaced.

    Raises:
        ValueError: The name is unknown, or the graph cannot be so small.
        FileExistsError: There is something under that name.
    """
    if shape is None:
        shape = SHAPES[known(name)[0]]
    counts, num_edges = shape.scaled(num_nodes or shape.num_nodes)
    y, split, model, block = _nodes(shape, counts, seed)
    n, draws = len(y), model.draws(num_edges // 2, [seed, 3])
    about = {"setting": shape.setting, "normalize": "standard", "generated": True, "seed": seed}
    size = (name, n, shape.num_features, shape.num_classes)
    with StoreWriter(folder, *size, x_dtype=x_dtype, overwrite=overwrite) as writer:
        edges = model.edges(draws, [seed, 4])
        rows = neighbours(edges, n, writer.scratch, expected=draws)
        stored(writer, y, split, _features(shape, block, seed), rows, about)
    return Store.open(folder)


def known(name: str) -> tuple[str, int | None, int]:
    """As :func:`parse`, but other names are refused."""
    found = parse(name)
    if found is None:
        raise ValueError(
            f"unknown shape {name!r}; {meant(name, SHAPES)}known: {', '.join(SHAPES)}, each also "
            "with another number of nodes, as in arxiv-like-20000"
        )
    return found


def _nodes(
    shape: Shape, counts: list[list[int]], seed: int
) -> tuple[Array, Array, BlockModel, Array]:
    """Labels, splits, the model of the edges, and the block of each node."""
    rng = np.random.default_rng([seed, 0])
    classes = shape.num_classes
    y = np.concatenate([np.repeat(np.arange(classes), split) for split in counts])
    split = np.repeat(np.arange(3, dtype=np.int8), [sum(split) for split in counts])
    order = rng.permutation(len(y))
    y, split = y[order], split[order]
    # Nodes that exchange their labels: the counts stay.
    true = y.copy()
    for number in range(3):
        rows = np.flatnonzero(split == number)
        noisy = rows[rng.random(len(rows)) < shape.label_noise]
        true[noisy] = true[rng.permutation(noisy)]
    shares = 2.0 ** -np.arange(shape.topics)
    topic = rng.choice(shape.topics, len(y), p=shares / shares.sum())
    block = true * shape.topics + topic
    order = rng.permutation(len(y))
    members = order[np.argsort(block[order], kind="stable")]
    sizes = np.bincount(block, minlength=classes * shape.topics)
    model = BlockModel(members, sizes, _mixing(shape, sizes, [seed, 1]), shape.tail)
    return y, split, model, block


def _mixing(shape: Shape, sizes: Array, seed: Any) -> Array:
    """Share of edges between each pair of blocks, symmetric."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(shape.num_classes), shape.topics)
    same = owner[:, None] == owner
    liking = rng.lognormal(0, 1.5, (shape.num_classes,) * 2)
    near = np.where(same, sizes, 0.0)
    far = np.where(same, 0.0, sizes * (liking + liking.T)[owner][:, owner])
    own = np.diag(sizes > 0)
    h, t = shape.homophily, shape.within_topic
    rows = h * t * own + h * (1 - t) * _shares(near) + (1 - h) * _shares(far)
    joined = sizes[:, None] * rows
    joined = joined + joined.T
    return np.asarray(joined / joined.sum())


def _shares(rows: Array) -> Array:
    total = rows.sum(1, keepdims=True)
    return np.asarray(np.divide(rows, total, out=np.zeros_like(rows), where=total > 0))


def _features(shape: Shape, block: Array, seed: int) -> Iterator[Array]:
    rng = np.random.default_rng([seed, 2])
    d = shape.num_features
    classes = shape.class_spread * rng.standard_normal((shape.num_classes, d))
    topics = shape.topic_spread * rng.standard_normal((shape.num_classes * shape.topics, d))
    centres = (np.repeat(classes, shape.topics, 0) + topics).astype(np.float32)
    for number, start in enumerate(range(0, len(block), ROWS)):
        part = block[start : start + ROWS]
        rng = np.random.default_rng([seed, 5, number])
        noise = rng.standard_normal((len(part), d), dtype=np.float32)
        yield centres[part] + np.float32(shape.noise) * noise
