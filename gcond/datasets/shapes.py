"""Shapes of the field's big graphs: what a generated graph is like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gcond.budget import allocate
from gcond.graph.task import Setting

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
        label_noise=0.08,
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
