"""Generated graphs of any size, in the shape of the field's big ones."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcond.budget import allocate
from gcond.datasets.block_model import BlockModel
from gcond.datasets.edges import neighbours
from gcond.datasets.raw import stored
from gcond.graph.store import Store, StoreWriter
from gcond.graph.task import Setting
from gcond.spelling import meant

log = logging.getLogger("gcond")

Array = np.ndarray[Any, Any]

ROWS = 1 << 14
"""Rows of features that are drawn together, part of what a seed means."""

DENSEST = 32
"""A node has on average at most this part of all nodes as neighbours, where a shape is scaled
down."""


@dataclass(frozen=True)
class Shape:
    """A kind of graph: a degree-corrected block model with features and labels.

    Each class is a few blocks, its topics, of unequal size; edges prefer their topic, then their
    class, then some classes to others. Features are the centre of the class, plus that of the
    topic, plus noise. A share of the nodes carries another class as its label.

    Args:
        counts: Nodes of each class among the training, validation and test nodes.
        num_edges: Directed edges, two for each undirected one.
        num_features: Number of features.
        setting: ``"transductive"`` or ``"inductive"``: the usual one of the graph it is like.
        topics: Blocks of each class.
        homophily: Share of a node's edges within its class.
        within_topic: Share of those that stay in the topic.
        class_spread: Standard deviation of the classes' centres, for each feature.
        topic_spread: The same of the topics' centres around their class.
        noise: The same of a node's features around its topic's centre.
        label_noise: Share of nodes with another class as the label.
        tail: Cut-off of the degrees, see :mod:`gcond.datasets.block_model`.
        text: What it is, for lists.
    """

    counts: tuple[tuple[int, ...], ...]
    num_edges: int
    num_features: int
    setting: Setting = "transductive"
    topics: int = 3
    homophily: float = 0.45
    within_topic: float = 0.6
    class_spread: float = 0.16
    topic_spread: float = 0.12
    noise: float = 1.0
    label_noise: float = 0.05
    tail: float = 1e-4
    text: str = ""

    @property
    def num_nodes(self) -> int:
        return sum(map(sum, self.counts))

    @property
    def num_classes(self) -> int:
        return len(self.counts[0])

    def scaled(self, num_nodes: int) -> tuple[list[list[int]], int]:
        """Nodes of each class in each split and directed edges at another number of nodes; the
        mean degree stays, unless the graph would be dense."""
        classes = self.num_classes
        if num_nodes < 3 * classes:
            raise ValueError(
                f"num_nodes={num_nodes} is too few: each of {classes} classes needs a training, a "
                f"validation and a test node; the least is {3 * classes}"
            )
        if num_nodes == self.num_nodes:
            return [list(split) for split in self.counts], self.num_edges
        totals = allocate(num_nodes, [sum(split) for split in self.counts])
        for i, total in enumerate(totals):  # the validation nodes may be too few for all classes
            totals[i] = max(total, classes)
        totals[totals.index(max(totals))] -= sum(totals) - num_nodes
        counts = [allocate(n, split) for n, split in zip(totals, self.counts, strict=True)]
        degree = min(self.num_edges / self.num_nodes, num_nodes / DENSEST)
        return counts, round(num_nodes * degree)


def _falling(totals: tuple[int, int, int], classes: int, largest: float) -> Any:
    """Counts whose classes fall off geometrically from the largest to one part in ``largest``."""
    shares = [round(1e6 * largest ** (-c / (classes - 1))) for c in range(classes)]
    return tuple(tuple(allocate(total, shares)) for total in totals)


def _counts(text: str) -> tuple[tuple[int, ...], ...]:
    """Counts of the three splits, apart by an empty line."""
    return tuple(tuple(map(int, part.split())) for part in text.split("\n\n"))


# Nodes of each class in the three parts of ogbn-arxiv's time split.
_ARXIV = """
    437 382 3604 1014 2864 2933 703 380 4056 2245 5182 391 21 1290 473 248 9998 202 402 1873 1495
    304 1268 1539 6989 457 2854 1661 16284 239 4334 1350 270 926 5426 75 2506 1615 1100 1551

    74 118 502 412 1129 779 293 75 926 230 1232 120 3 440 53 68 6846 110 138 585 268 38 249 487
    4458 325 710 1074 2273 57 2849 586 58 125 1027 16 391 273 193 209

    54 187 733 654 1869 1246 622 134 1250 345 1455 239 5 628 71 87 10477 203 209 419 313 51 386
    808 10740 475 1041 2066 2849 120 4631 892 83 220 1414 36 627 481 214 269
"""

SHAPES = {
    "flickr-like": Shape(
        _falling((44_625, 22_312, 22_313), 7, 10),
        899_756,
        500,
        "inductive",
        homophily=0.55,
        class_spread=0.1,
        topic_spread=0.06,
        text="generated, 89,250 nodes, 0.9 M edges, 500 features, 7 classes",
    ),
    "arxiv-like": Shape(
        _counts(_ARXIV),
        2_315_598,
        128,
        text="generated, 169,343 nodes, 2.3 M edges, 128 features, 40 classes as in ogbn-arxiv",
    ),
    "reddit-like": Shape(
        _falling((153_431, 23_831, 55_703), 41, 30),
        114_615_892,
        602,
        "inductive",
        homophily=0.7,
        class_spread=0.08,
        topic_spread=0.05,
        label_noise=0.07,
        text="generated, 232,965 nodes, 115 M edges, 602 features, 41 classes",
    ),
    "products-like": Shape(
        _falling((196_615, 39_323, 2_213_091), 47, 100),
        123_718_280,
        100,
        label_noise=0.1,
        text="generated, 2,449,029 nodes, 124 M edges, 100 features, 47 classes",
    ),
}
"""Shapes by name. Sizes and, for ``arxiv-like``, class counts are those of the real graphs."""

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
