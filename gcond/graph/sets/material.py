"""What pooling networks are trained on, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import softmax

from gcond.graph.sets.merged import pieces
from gcond.graph.sets.models import Pooling, normalise, readout
from gcond.graph.sets.network import BlockDiagonal, Graphs, Padded, gradients, summed
from gcond.graph.sets.packed import Blocks, Packed
from gcond.matching import Signature, Theta, targets
from gcond.matching.device import CPU

if TYPE_CHECKING:
    from gcond.graph.sets.training import SetTraining

PADDED = 2048
"""Nodes with padding up to which a set is trained on by all seeds as one model,"""

DENSE = 2**18
"""if its adjacency has no more entries than this; beyond, arithmetic outweighs the calls, and
padding costs more than it saves."""


@dataclass(frozen=True, eq=False)
class Material:
    """Graphs to train on.

    Args:
        graphs: The graphs.
        encode: Takes their rows to those that models see.
        y: Class numbers ``[G]`` or several labels ``[G, T]``.
        num_outputs: Classes, or labels per graph.
        device: Where models are trained on them.
    """

    graphs: Packed
    encode: Callable[[Tensor], Tensor]
    y: Tensor
    num_outputs: int
    device: torch.device = CPU

    def batch(self, numbers: Tensor, pooling: Pooling) -> tuple[Blocks, Tensor]:
        """Graphs and targets of a step."""
        part = self.graphs.take(numbers)
        blocks = Blocks.of(part, self.encode(part.x), pooling)
        y = targets(self.y[numbers], self.num_outputs, torch.float32)
        return blocks.to(self.device), y.to(self.device)

    def padded(self, pooling: Pooling) -> tuple[Tensor, Graphs, Tensor]:
        """Rows, graphs and targets of all graphs."""
        padded = self.graphs.dense(self.encode(self.graphs.x))
        x, adj, mask = (t.to(self.device) for t in padded)
        a_hat = normalise(adj, mask, x)
        y = targets(self.y, self.num_outputs, torch.float32).to(self.device)
        graphs = Padded(a_hat[None], readout(mask, pooling)[None])
        return (a_hat @ x).flatten(0, 1)[None], graphs, y

    @property
    def small(self) -> bool:
        """Whether padding all graphs costs little."""
        size = int(self.graphs.sizes.max())
        nodes = len(self.graphs) * size
        return nodes <= PADDED and nodes * size <= DENSE


Parts = list[tuple[Tensor, Graphs, Tensor]]
"""Rows, graphs and targets of a step, in pieces."""


class Batches:
    """Batches of a training: the whole set where it is small, else shuffled pieces of it."""

    def __init__(self, material: Material, training: SetTraining, seed: int) -> None:
        self.material, self.training = material, training
        n, size = len(material.graphs), training.batch_size
        self.fixed = self._whole() if n <= size else None
        per_epoch = 1 if self.fixed else -(-n // size)
        self.steps = min(training.epochs * per_epoch, training.most_steps)
        self.generator = torch.Generator().manual_seed(seed)
        self.waiting: list[Tensor] = []

    @property
    def width(self) -> int:
        return self.material.encode(self.material.graphs.x[:1]).shape[1]

    def gradients(self, theta: Theta) -> Signature:
        """Those of the mean cross-entropy of the next batch."""
        parts = self.fixed or self._next()
        count = sum(y.numel() if self.material.y.dim() == 2 else len(y) for _, _, y in parts)
        found = [gradients(theta, graphs, x, self._residual(y, count)) for x, graphs, y in parts]
        return summed(found)

    def _whole(self) -> Parts:
        """All graphs; what is done once for them serves every step."""
        material, training = self.material, self.training
        if material.small:
            return [material.padded(training.pooling)]
        blocks, y = material.batch(torch.arange(len(material.graphs)), training.pooling)
        found = pieces(blocks, training.num_layers)
        return [(piece.x, piece.graphs, y[piece.where]) for piece in found]

    def _next(self) -> Parts:
        if not self.waiting:
            order = torch.randperm(len(self.material.graphs), generator=self.generator)
            self.waiting = list(torch.split(order, self.training.batch_size))
        blocks, y = self.material.batch(self.waiting.pop(), self.training.pooling)
        return [(blocks.x[None], BlockDiagonal(blocks.a_hat, blocks.pool), y)]

    def _residual(self, y: Tensor, count: int) -> Callable[[Tensor], Tensor]:
        """Derivative of a share of the mean cross-entropy by its logits."""

        def residual(logits: Tensor) -> Tensor:
            if self.material.y.dim() == 1:
                return (softmax(logits, -1) - y) / count
            return torch.where(y.isnan(), 0, torch.sigmoid(logits) - y) / count

        return residual
