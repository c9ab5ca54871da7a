"""Matching models of the graph domain: what a GNN sees of the real graph and of a synthetic one.

A matcher brings three things: the model as a function of parameters, the inputs it gets from a
synthetic graph, and the source of its inputs on the real graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gcond.graph.neighbours import SampledLayers, SampledSubgraph
from gcond.graph.propagation import (
    normalise_dense,
    propagate_dense,
    propagated,
    propagated_back,
)
from gcond.graph.sources import Neighbourhoods, Rows, Source, WholeGraph
from gcond.graph.task import NodeTask
from gcond.matching.model import MLP, Functional, Linear, Model, Theta, uniform
from gcond.matching.ranges import at_least


class Matcher(Protocol):
    """A choice of matching model."""

    @property
    def num_layers(self) -> int:
        """How many propagations lie between a node's features and its prediction."""

    def of(self, in_channels: int, out_channels: int, like: Tensor) -> Model:
        """The model for given widths."""

    def view(self, x: Tensor, adj: Tensor | None) -> tuple[Tensor, ...]:
        """Inputs from a synthetic graph, differentiable; ``adj`` is ``None`` without edges."""

    def source(self, task: NodeTask) -> Source:
        """Inputs from the real training graph."""


ViewBack = Callable[[tuple[Tensor, ...], bool, bool], tuple[Tensor | None, Tensor | None]]
"""Takes the cotangents of a view's inputs to those of the adjacency and of the features, those that
are asked for; the tensors are the caller's to change."""


@runtime_checkable
class TracedMatcher(Protocol):
    """A matcher that knows the way back from its view of a synthetic graph without autograd."""

    def trace(self, x: Tensor, adj: Tensor) -> tuple[tuple[Tensor, ...], ViewBack]:
        """The view and the way back; nothing is recorded."""


class _OnPropagated:
    """What matchers have in common that look at propagated rows, one by one."""

    num_layers: int

    def view(self, x: Tensor, adj: Tensor | None) -> tuple[Tensor, ...]:
        return (x if adj is None else propagate_dense(adj, x, self.num_layers),)

    @torch.no_grad()
    def trace(self, x: Tensor, adj: Tensor) -> tuple[tuple[Tensor, ...], ViewBack]:
        z, kept = propagated(adj, x, self.num_layers)

        def back(
            cotangents: tuple[Tensor, ...], for_adj: bool, for_x: bool
        ) -> tuple[Tensor | None, Tensor | None]:
            return propagated_back(kept, cotangents[0], self.num_layers, for_adj, for_x)

        return (z,), back

    def source(self, task: NodeTask) -> Source:
        return Rows(lambda: task.features("train", self.num_layers), task.device)


@dataclass(frozen=True)
class SGC(_OnPropagated):
    r"""Softmax regression on :math:`\hat A^K X`, `"Simplifying Graph Convolutional Networks"
    <https://arxiv.org/abs/1902.07153>`_. The real side is propagated once; gradients have a
    closed form, so the cost of a step does not depend on the graph.

    Args:
        num_layers: Number of propagations ``K``.
    """

    num_layers: int = 2

    def __post_init__(self) -> None:
        at_least(0, num_layers=self.num_layers)

    def of(self, in_channels: int, out_channels: int, like: Tensor) -> Model:
        return Linear(in_channels, out_channels, like)


@dataclass(frozen=True)
class PropagatedMLP(_OnPropagated):
    """A ReLU network with one hidden layer on propagated features; closed-form gradients.

    Args:
        num_layers: Number of propagations.
        hidden_channels: Width of the hidden layer.
    """

    num_layers: int = 2
    hidden_channels: int = 256

    def __post_init__(self) -> None:
        at_least(0, num_layers=self.num_layers)
        at_least(1, hidden_channels=self.hidden_channels)

    def of(self, in_channels: int, out_channels: int, like: Tensor) -> Model:
        return MLP(in_channels, self.hidden_channels, out_channels, like)


@dataclass(frozen=True)
class GCN:
    """The model of `"Semi-supervised Classification with Graph Convolutional Networks"
    <https://arxiv.org/abs/1609.02907>`_. On the real graph it sees the receptive field of the
    rows of a step, layer by layer: exactly, or a sample of it.

    Args:
        num_layers: Number of convolutions, at least one.
        hidden_channels: Width between them.
        fanouts: Neighbours drawn of a node by each layer, the last layer's first, for graphs
            whose receptive fields are too large; none draws all.
    """

    num_layers: int = 2
    hidden_channels: int = 256
    fanouts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        at_least(1, num_layers=self.num_layers, hidden_channels=self.hidden_channels)
        _check_fanouts(self.fanouts, self.num_layers)

    def of(self, in_channels: int, out_channels: int, like: Tensor) -> Model:
        inner = [self.hidden_channels] * (self.num_layers - 1)
        return Convolutions((in_channels, *inner, out_channels), like)

    def view(self, x: Tensor, adj: Tensor | None) -> tuple[Tensor, ...]:
        if adj is None:
            eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
            return (x, *[eye] * (self.num_layers - 1))
        a_hat = normalise_dense(adj)
        return (a_hat @ x, *[a_hat] * (self.num_layers - 1))

    def source(self, task: NodeTask) -> Source:
        if self.fanouts:
            return SampledLayers(task, self.fanouts)
        return Neighbourhoods(*task.graph("train"), layers=self.num_layers)


@dataclass(frozen=True)
class Convolutions:
    """Graph convolutions on inputs that are propagated already: ``inner`` is the propagated
    feature matrix, ``blocks[l]`` carries the hidden rows of layer ``l`` to those of the next; it
    is a matrix, or three vectors of edges (target, source, weight) for all layers."""

    widths: tuple[int, ...]
    like: Tensor

    @property
    def units(self) -> tuple[int | None, ...]:
        return (-1, None) * (len(self.widths) - 1)

    def draw(self, generator: torch.Generator) -> Theta:
        theta: list[Tensor] = []
        for fan_in, fan_out in zip(self.widths, self.widths[1:], strict=False):
            theta.append(uniform((fan_in, fan_out), fan_in, generator, self.like))
            theta.append(uniform((fan_out,), fan_in, generator, self.like))
        return tuple(theta)

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        hidden, *blocks = inputs
        hidden = hidden @ theta[0] + theta[1]
        for layer, carry in enumerate(_carries(blocks), 1):
            weight, bias = theta[2 * layer : 2 * layer + 2]
            hidden = carry(torch.relu(hidden) @ weight) + bias
        return hidden

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """What the last convolution classifies: hidden rows, carried to the items."""
        if len(inputs) == 1:
            return inputs[0]
        last = 1 if inputs[1].is_floating_point() else 3
        (carry,) = _carries(inputs[-last:])
        return carry(torch.relu(self(theta[:-2], *inputs[:-last])))


def _carries(blocks: Sequence[Tensor]) -> list[Callable[[Tensor], Tensor]]:
    """What takes rows from one layer to the next: products with matrices, or sums along edges."""
    if not blocks or blocks[0].is_floating_point():
        return [block.__matmul__ for block in blocks]
    return [partial(_along, *blocks[i : i + 3]) for i in range(0, len(blocks), 3)]


def _along(targets: Tensor, sources: Tensor, weights: Tensor, rows: Tensor) -> Tensor:
    out = rows.new_zeros(int(targets.max()) + 1, rows.shape[-1])
    return out.index_add(0, targets, weights[:, None] * rows[sources])


def _check_fanouts(fanouts: tuple[int, ...], num_layers: int) -> None:
    if fanouts and (len(fanouts) != num_layers or min(fanouts) < 1):
        raise ValueError(
            f"fanouts={fanouts} must be {num_layers} positive numbers, one for each layer; () "
            "takes all neighbours"
        )


@dataclass(frozen=True)
class Module:
    """Any module called as ``model(x, edge_index, edge_weight)``.

    Args:
        factory: Builds it from the number of input and output channels.
        num_layers: How many propagations it does; the start of the features depends on it.
        fanouts: Neighbours drawn of a node by each hop, from the rows of a step outwards; none
            shows the module the whole graph.
        loader: Gives what the real side comes from instead: anything that yields PyG batches, such
            as PyG's ``NeighborLoader`` or cugraph-pyg's; see
            :class:`gcond.graph.loaders.Loaded`.
    """

    factory: Callable[[int, int], nn.Module]
    num_layers: int = 2
    fanouts: tuple[int, ...] = ()
    loader: Callable[[], Iterable[Any]] | None = None

    def __post_init__(self) -> None:
        _check_fanouts(self.fanouts, self.num_layers)

    def of(self, in_channels: int, out_channels: int, like: Tensor) -> Model:
        return Functional(lambda: self.factory(in_channels, out_channels), like)

    def view(self, x: Tensor, adj: Tensor | None) -> tuple[Tensor, ...]:
        n = len(x)
        if adj is None:
            empty = torch.empty(2, 0, dtype=torch.long, device=x.device)
            return x, empty, x.new_empty(0)
        pairs = (1 - torch.eye(n, device=x.device)).nonzero().T.contiguous()
        return x, pairs, adj[pairs[0], pairs[1]]

    def source(self, task: NodeTask) -> Source:
        if self.fanouts:
            return SampledSubgraph(task, self.fanouts)
        return WholeGraph(task)
