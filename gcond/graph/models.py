"""Matching models of the graph domain: what a GNN sees of the real graph and of a synthetic one.

A matcher brings three things: the model as a function of parameters, the inputs it gets from a
synthetic graph, and the source of its inputs on the real graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from gcond.graph.propagation import normalise_dense, propagate_dense
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


def _propagated(x: Tensor, adj: Tensor | None, hops: int) -> Tensor:
    return x if adj is None else propagate_dense(adj, x, hops)


@dataclass(frozen=True)
class SGC:
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

    def view(self, x: Tensor, adj: Tensor | None) -> tuple[Tensor, ...]:
        return (_propagated(x, adj, self.num_layers),)

    def source(self, task: NodeTask) -> Source:
        return Rows(lambda: task.features("train", self.num_layers))


@dataclass(frozen=True)
class PropagatedMLP:
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

    def view(self, x: Tensor, adj: Tensor | None) -> tuple[Tensor, ...]:
        return (_propagated(x, adj, self.num_layers),)

    def source(self, task: NodeTask) -> Source:
        return Rows(lambda: task.features("train", self.num_layers))


@dataclass(frozen=True)
class GCN:
    """The model of `"Semi-supervised Classification with Graph Convolutional Networks"
    <https://arxiv.org/abs/1609.02907>`_. On the real graph it sees the exact receptive field of
    the rows of a step, layer by layer.

    Args:
        num_layers: Number of convolutions, at least one.
        hidden_channels: Width between them.
    """

    num_layers: int = 2
    hidden_channels: int = 256

    def __post_init__(self) -> None:
        at_least(1, num_layers=self.num_layers, hidden_channels=self.hidden_channels)

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
        return Neighbourhoods(*task.graph("train"), layers=self.num_layers)


@dataclass(frozen=True)
class Convolutions:
    """Graph convolutions on inputs that are propagated already: ``inner`` is the propagated
    feature matrix, ``blocks[l]`` carries the hidden rows of layer ``l`` to those of the next."""

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
        for layer, block in enumerate(blocks, 1):
            weight, bias = theta[2 * layer : 2 * layer + 2]
            hidden = block @ (torch.relu(hidden) @ weight) + bias
        return hidden

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """What the last convolution classifies: hidden rows, carried to the items."""
        if len(inputs) == 1:
            return inputs[0]
        *before, last = inputs
        return last @ torch.relu(self(theta[:-2], *before))


@dataclass(frozen=True)
class Module:
    """Any module called as ``model(x, edge_index, edge_weight)``.

    Args:
        factory: Builds it from the number of input and output channels.
        num_layers: How many propagations it does; the start of the features depends on it.
    """

    factory: Callable[[int, int], nn.Module]
    num_layers: int = 2

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
        return WholeGraph(task)
