"""Matching models of graph sets: what a pooling network sees of real and of synthetic graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor
from torch.nn.functional import softmax

from gcond.graph.propagation import normalise_once
from gcond.graph.sets.merged import Piece, pieces
from gcond.graph.sets.network import BlockDiagonal, Padded, gradients, logits_of, summed
from gcond.graph.sets.packed import Blocks
from gcond.graph.sets.shelves import cut, shelves
from gcond.graph.sets.task import SetTask
from gcond.matching import Batch, Model, Signature, Theta, targets
from gcond.matching.model import uniform
from gcond.matching.ranges import at_least, known
from gcond.matching.signal import CLOSED_FORMS, Pullback, alike

Pooling = Literal["mean", "sum"]
READOUTS: tuple[Pooling, ...] = get_args(Pooling)
Loss = Literal["softmax", "sigmoid"]


class SetMatcher(Protocol):
    """A choice of matching model for graph sets."""

    def of(self, in_channels: int, out_channels: int, like: Tensor, loss: Loss) -> Model:
        """The model for given widths."""

    def view(self, x: Tensor, adj: Tensor | None, mask: Tensor) -> tuple[Tensor, ...]:
        """Inputs from synthetic graphs: rows ``[G, n, d]``, weights ``[G, n, n]`` (``None``
        without edges), mask ``[G, n]``; differentiable."""

    def real(self, task: SetTask, graphs: Tensor) -> tuple[Tensor, ...]:
        """Inputs from the real graphs of the given numbers."""


@dataclass(frozen=True)
class PooledGCN:
    """Graph convolutions, a readout and a linear head, the model of `"Condensing Graphs via
    One-Step Gradient Matching" <https://arxiv.org/abs/2206.07746>`_; closed-form gradients.

    Args:
        num_layers: Number of convolutions, each followed by ReLU.
        hidden_channels: Their width.
        pooling: Readout over the nodes of a graph.
    """

    num_layers: int = 3
    hidden_channels: int = 128
    pooling: Pooling = "mean"

    def __post_init__(self) -> None:
        at_least(1, num_layers=self.num_layers, hidden_channels=self.hidden_channels)
        known(READOUTS, pooling=self.pooling)

    def of(self, in_channels: int, out_channels: int, like: Tensor, loss: Loss) -> Model:
        hidden = [self.hidden_channels] * self.num_layers
        return PooledConvolutions((in_channels, *hidden, out_channels), like, loss)

    def view(self, x: Tensor, adj: Tensor | None, mask: Tensor) -> tuple[Tensor, ...]:
        a_hat = normalise(adj, mask, x)
        return a_hat @ x, a_hat, readout(mask, self.pooling, x.dtype)

    def real(self, task: SetTask, graphs: Tensor) -> tuple[Tensor, ...]:
        return task.blocks(graphs, self.pooling)


def normalise(adj: Tensor | None, mask: Tensor, like: Tensor) -> Tensor:
    r""":math:`\tilde D^{-1/2} (A + I) \tilde D^{-1/2}` of each graph ``[G, n, n]``."""
    if adj is not None:
        return normalise_once(adj)
    eye = torch.eye(mask.shape[1], dtype=like.dtype, device=like.device)
    return eye.expand(len(mask), -1, -1).contiguous()


def readout(mask: Tensor, pooling: Pooling, dtype: torch.dtype = torch.float32) -> Tensor:
    """Weight of each node in the readout ``[G, n]``; padding has none."""
    weight = mask.to(dtype)
    return weight / weight.sum(1, keepdim=True) if pooling == "mean" else weight


@dataclass(frozen=True)
class PooledConvolutions:
    """The network of :mod:`gcond.graph.sets.network` as a function of its parameters.

    Args:
        widths: Of the input, of each hidden layer, and of the output.
        like: A tensor whose dtype and device the parameters take.
        loss: What its logits mean: one class of several, or several labels.
    """

    widths: tuple[int, ...]
    like: Tensor
    loss: Loss = "softmax"

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
        x, a_hat, pool = inputs
        if a_hat.layout == torch.sparse_csr:
            return logits_of(theta, BlockDiagonal(a_hat, pool), x[None])[0]
        graphs = Padded(a_hat[None], pool[None])
        return logits_of(theta, graphs, x.flatten(0, 1)[None])[0]


@dataclass(frozen=True)
class PooledGradient:
    """Closed-form group gradients of a pooling network, written as a forward expression; its
    first derivative is the way back."""

    model: PooledConvolutions
    _seen: list[tuple[Batch, list[list[Piece]]]] = field(default_factory=list, repr=False)

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        with torch.no_grad():
            if batch.inputs[1].layout == torch.sparse_csr:
                return self._sparse(theta, batch)
            return self._padded(theta, batch.inputs, batch)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        inputs = batch.inputs
        # The way to edges that do not learn is as long as that to the rows, and left out.
        learn = [n for n, tensor in enumerate(inputs[:2]) if tensor.requires_grad] or [0, 1]
        leaves = [tensor.detach().requires_grad_(n in learn) for n, tensor in enumerate(inputs)]
        with torch.enable_grad():
            signature = self._padded(theta, tuple(leaves), batch)

        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            back = torch.autograd.grad(signature, [leaves[n] for n in learn], cotangent)
            found = dict(zip(learn, back, strict=True))
            return tuple(found.get(n, t.new_zeros(()).expand_as(t)) for n, t in enumerate(inputs))

        return tuple(g.detach() for g in signature), pullback

    def _padded(self, theta: Theta, inputs: tuple[Tensor, ...], batch: Batch) -> Signature:
        groups, (x, a_hat, pool) = batch.groups, inputs
        y = targets(batch.y, self.model.widths[-1], x.dtype)
        of = shelves(pool, groups)
        if not of:
            x, a_hat, pool, y = (groups.gather(t) for t in (x, a_hat, pool, y))
            residual = self._residual(y, groups.weight)
            return gradients(theta, Padded(a_hat, pool), x.flatten(1, 2), residual)
        found = []
        parts = zip(of, cut(x, of), cut(a_hat, of, 2), cut(pool, of), strict=True)
        for shelf, own, a_hat, pool in parts:
            residual = self._residual(y[shelf.graphs], groups.weight.gather(1, shelf.columns))
            found.append(gradients(theta, Padded(a_hat, pool), own.flatten(1, 2), residual))
        return summed(found)

    def _sparse(self, theta: Theta, batch: Batch) -> Signature:
        """Group by group, in pieces; the graphs of a group lie one after the other."""
        y = targets(batch.y, self.model.widths[-1], batch.inputs[0].dtype)
        groups = []
        members, of_groups = batch.groups.members(), self._pieces(batch)
        for (graphs, weight), own in zip(members, of_groups, strict=True):
            found: list[Signature] = []
            for where, x, net in own:
                residual = self._residual(y[graphs[where]][None], weight[where][None])
                found.append(gradients(theta, net, x, residual))
            groups.append(summed(found))
        return tuple(torch.cat(parts) for parts in zip(*groups, strict=True))

    def _pieces(self, batch: Batch) -> list[list[Piece]]:
        """The graphs of each group; those of the batch that was seen last are kept."""
        if not self._seen or not alike(self._seen[0][0], batch):
            blocks, layers = Blocks(*batch.inputs), len(self.model.widths) - 2
            found = []
            for graphs, _ in batch.groups.members():
                part = blocks.part(int(graphs[0]), int(graphs[-1]) + 1)
                found.append(pieces(part, layers))
            self._seen[:] = [(batch, found)]
        return self._seen[0][1]

    def _residual(self, y: Tensor, weight: Tensor) -> Callable[[Tensor], Tensor]:
        def residual(logits: Tensor) -> Tensor:
            if self.model.loss == "softmax":
                return (softmax(logits, -1) - y) * weight[..., None]
            # The mean over labels; those not known say nothing.
            off = torch.where(y.isnan(), 0, torch.sigmoid(logits) - y)
            return off * weight[..., None] / y.shape[-1]

        return residual


_FORM: Callable[[Any], Any] = PooledGradient
CLOSED_FORMS[PooledConvolutions] = _FORM
