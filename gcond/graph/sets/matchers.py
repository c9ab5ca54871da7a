"""Further matching models of graph sets: softmax regression on pooled features, and any module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gcond.graph.sets.models import READOUTS, Loss, Pooling, normalise, readout
from gcond.graph.sets.task import SetTask
from gcond.matching import Model
from gcond.matching.model import Functional, Linear
from gcond.matching.ranges import at_least, known


@dataclass(frozen=True)
class PooledSGC:
    r"""Softmax regression on the readout of :math:`\hat A^K X`: one vector per real graph,
    computed once, and gradients in closed form. The cost of a step does not depend on the size of
    the real graphs.

    Args:
        num_layers: Number of propagations ``K``.
        pooling: Readout over the nodes of a graph.
    """

    num_layers: int = 2
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        at_least(1, num_layers=self.num_layers)
        known(READOUTS, pooling=self.pooling)

    def of(self, in_channels: int, out_channels: int, like: Tensor, loss: Loss) -> Model:
        _one_label(loss, self)
        return Linear(in_channels, out_channels, like)

    def view(self, x: Tensor, adj: Tensor | None, mask: Tensor) -> tuple[Tensor, ...]:
        a_hat = normalise(adj, mask, x)
        for _ in range(self.num_layers):
            x = a_hat @ x
        return ((readout(mask, self.pooling, x.dtype)[..., None] * x).sum(1),)

    def real(self, task: SetTask, graphs: Tensor) -> tuple[Tensor, ...]:
        x, a_hat, pool = task.blocks(graphs, self.pooling)
        for _ in range(self.num_layers - 1):
            x = a_hat @ x
        return (pool @ x,)


@dataclass(frozen=True)
class SetModule:
    """Any module called as ``model(x, edge_index, edge_weight, batch)``, or without the weights.

    Args:
        factory: Builds it from the number of input and output channels.
        weighted: Whether it takes edge weights. One that does not sees the edges from 0.5 up,
            and no gradient reaches the structure.
    """

    factory: Callable[[int, int], nn.Module]
    weighted: bool = True

    def of(self, in_channels: int, out_channels: int, like: Tensor, loss: Loss) -> Model:
        _one_label(loss, self)
        call = None if self.weighted else _without_weights
        return Functional(lambda: self.factory(in_channels, out_channels), like, call)

    def view(self, x: Tensor, adj: Tensor | None, mask: Tensor) -> tuple[Tensor, ...]:
        ptr = torch.cumsum(mask.flatten(), 0) - 1  # number of each node among those that exist
        place = ptr.view(mask.shape)
        owner = torch.arange(len(mask))[:, None].expand_as(mask)[mask]
        if adj is None:
            none = torch.empty(2, 0, dtype=torch.long)
            return x[mask], none, x.new_empty(0), owner
        pairs = mask[:, :, None] & mask[:, None, :] & ~torch.eye(mask.shape[1], dtype=torch.bool)
        if not self.weighted:
            pairs = pairs & (adj.detach() >= 0.5)
        g, i, j = pairs.nonzero().T
        return x[mask], torch.stack([place[g, i], place[g, j]]), adj[g, i, j], owner

    def real(self, task: SetTask, graphs: Tensor) -> tuple[Tensor, ...]:
        part = task.graphs.take(graphs)
        return task.encoding(part.x), part.edge_index, part.edge_weight, part.owner


def _without_weights(module: nn.Module, *inputs: Tensor) -> Tensor:
    x, edge_index, _, batch = inputs
    logits: Tensor = module(x, edge_index, batch)
    return logits


def _one_label(loss: Loss, matcher: object) -> None:
    if loss != "softmax":
        raise ValueError(
            f"{type(matcher).__name__} matches sets with one label per graph; use PooledGCN for "
            "several"
        )
