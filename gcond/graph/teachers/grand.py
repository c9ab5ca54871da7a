"""Graph random neural networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gcond.graph.receptive import compact, transposed
from gcond.graph.task import NodeTask
from gcond.graph.teachers.teacher import Distributions
from gcond.matching import generator_for
from gcond.matching.model import uniform
from gcond.matching.ranges import at_least, positive, share


@dataclass(frozen=True)
class GRAND:
    r"""The mean of a few networks of `"Graph Random Neural Networks for Semi-Supervised Learning
    on Graphs" <https://arxiv.org/abs/2005.11079>`_.

    Nodes are dropped at random, features are propagated by :math:`\frac{1}{K+1}\sum_k \hat A^k`,
    and a network with one hidden layer must predict the same on all nodes whatever was dropped:
    the squared distance of each draw's prediction to their sharpened mean is added to the
    cross-entropy on the training nodes. The first linear map is applied before the propagation,
    which commutes with it and makes it narrow. Each network's epoch of least cross-entropy on the
    validation nodes is kept.

    Args:
        runs: Networks, trained side by side.
        hidden_channels: Width of the hidden layer.
        num_layers: ``K``.
        drop_node: Probability of dropping a node.
        dropout: Probability of dropping a hidden unit.
        draws: Draws of dropped nodes per step.
        temperature: Of the sharpening.
        weight: Of the consistency, reached after 50 epochs.
        epochs: Steps of Adam.
        patience: Epochs without a better validation after which all stop.
        lr: Size of the steps.
        weight_decay: L2 penalty.
    """

    runs: int = 2
    hidden_channels: int = 32
    num_layers: int = 5
    drop_node: float = 0.5
    dropout: float = 0.5
    draws: int = 2
    temperature: float = 0.5
    weight: float = 1.0
    epochs: int = 200
    patience: int = 50
    lr: float = 0.03
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        at_least(1, runs=self.runs, hidden_channels=self.hidden_channels, draws=self.draws)
        at_least(1, epochs=self.epochs, patience=self.patience)
        at_least(0, num_layers=self.num_layers, weight=self.weight, weight_decay=self.weight_decay)
        share(drop_node=self.drop_node, dropout=self.dropout)
        positive(temperature=self.temperature, lr=self.lr)

    def predict(self, task: NodeTask, seed: int) -> Distributions:
        network = _Networks(self, task, seed)
        y, rows = task.labels("train"), torch.as_tensor(task.index["train"])
        target = one_hot(y, task.num_classes).float()
        optimizer = torch.optim.Adam(
            network.parameters, self.lr, weight_decay=self.weight_decay, fused=True
        )
        kept = _Kept(task, self.runs)
        for epoch in range(1, self.epochs + 1):
            optimizer.zero_grad()
            out = network(self.draws).log_softmax(-1)
            fit = -(out[:, :, rows] * target).sum(-1).mean()
            share = self.weight * min(1.0, (epoch - 1) / 50)
            loss = fit + share * self._inconsistency(out)
            # Networks do not touch one another: a sum gives each the gradient of its own mean.
            (loss * self.runs).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if epoch == self.epochs or (kept.choosing and epoch % EVERY == 0):
                with torch.no_grad():
                    kept.see(epoch, network(0)[0].log_softmax(-1))
                if epoch - kept.latest >= self.patience:
                    break
        found: Distributions = kept.predictions.mean(0).numpy()
        return found

    def _inconsistency(self, out: Tensor) -> Tensor:
        """Mean squared distance ``[draws, runs, N, C]`` to the sharpened mean of the draws."""
        p = out.exp()
        sharp = p.detach().mean(0) ** (1 / self.temperature)
        sharp = sharp / sharp.sum(-1, keepdim=True)
        return (p - sharp).square().sum(-1).mean()


EVERY = 5
"""Epochs between two looks at the validation nodes."""


class _Kept:
    """Predictions ``[runs, N, C]`` of each network's epoch of least validation cross-entropy, of
    the last epoch without validation nodes.

    Accuracy on a few hundred nodes is too coarse for a choice among so many epochs.
    """

    def __init__(self, task: NodeTask, runs: int) -> None:
        self.rows, self.y = torch.as_tensor(task.index["val"]), task.labels("val")
        self.choosing = len(self.rows) > 0
        self.best = torch.full((runs,), torch.inf)
        self.predictions = torch.zeros(runs, task.num_nodes, task.num_classes)
        self.latest = 0

    def see(self, epoch: int, out: Tensor) -> None:
        """Keeps log-probabilities ``[runs, N, C]`` where they are better."""
        if not self.choosing:
            self.predictions = out.exp()
            return
        chosen = out[:, self.rows].gather(-1, self.y.expand(len(out), -1)[..., None])
        loss = -chosen.mean((1, 2))
        better = loss < self.best
        self.best = torch.where(better, loss, self.best)
        self.predictions = torch.where(better[:, None, None], out.exp(), self.predictions)
        self.latest = epoch if bool(better.any()) else self.latest


class _Networks:
    """All networks as one; the run is the second dimension, the draw the first."""

    def __init__(self, of: GRAND, task: NodeTask, seed: int) -> None:
        a_hat, x, _ = task.graph("train")
        self.of, self.num_nodes = of, x.shape[0]
        self.a_hat = _Fixed(a_hat)
        self.x = _Fixed(x)
        self.generator = generator_for(seed, "teacher")
        d, h, c, like = x.shape[1], of.hidden_channels, task.num_classes, torch.empty(0)
        draw = self.generator
        self.parameters = [
            torch.cat([uniform((d, h), d, draw, like) for _ in range(of.runs)], 1),
            torch.zeros(of.runs, 1, h),
            torch.stack([uniform((h, c), h, draw, like) for _ in range(of.runs)]),
            torch.zeros(of.runs, 1, c),
        ]
        for parameter in self.parameters:
            parameter.requires_grad_()

    def __call__(self, draws: int) -> Tensor:
        """Scores ``[draws, runs, N, C]``; without draws nothing is dropped and there is one."""
        first, b1, second, b2 = self.parameters
        of, n, s = self.of, self.num_nodes, max(draws, 1)
        narrow = self.x(first).view(1, n, of.runs, of.hidden_channels).transpose(1, 2)
        if draws:
            narrow = narrow * self._kept((draws, of.runs, n, 1), of.drop_node)
        columns = narrow.expand(s, -1, -1, -1).permute(2, 0, 1, 3).reshape(n, -1)
        total = step = columns
        for _ in range(of.num_layers):
            step = self.a_hat(step)
            total = total + step
        mean = total / (of.num_layers + 1)
        hidden = mean.view(n, s, of.runs, of.hidden_channels).permute(1, 2, 0, 3)
        hidden = torch.relu(hidden + b1)
        if draws:
            hidden = hidden * self._kept(hidden.shape, of.dropout)
        return hidden @ second + b2

    def _kept(self, shape: Any, p: float) -> Tensor:
        return (torch.rand(shape, generator=self.generator) >= p).float() / (1 - p)


class _Fixed:
    """A constant matrix that multiplies from the left, sparse where that pays."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = compact(matrix)
        self.transposed = transposed(self.matrix)

    def __call__(self, columns: Tensor) -> Tensor:
        out: Tensor = _Product.apply(columns, self.matrix, self.transposed)  # type: ignore[no-untyped-call]
        return out


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, columns: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ columns

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed @ grad, None, None
