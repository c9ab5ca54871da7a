"""Pooling networks trained on sets of graphs: the judge, and the validator inside a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from gcond.graph.sets.material import Batches, Material
from gcond.graph.sets.merged import Piece, pieces
from gcond.graph.sets.metrics import loss_of, score_of
from gcond.graph.sets.models import READOUTS, Pooling
from gcond.graph.sets.network import logits_of
from gcond.graph.sets.task import Metric, SetTask
from gcond.graph.task import Split
from gcond.matching import Theta
from gcond.matching.adam import Adam
from gcond.matching.ranges import at_least, known, positive


@dataclass(frozen=True)
class SetTraining:
    """How a graph convolutional network with a readout is trained.

    Args:
        hidden_channels: Width of each convolution.
        num_layers: Convolutions, each followed by ReLU.
        pooling: Readout.
        epochs: Passes over the set.
        most_steps: Steps of Adam after which training ends, whatever the epoch: a large set
            would otherwise be trained on for hundreds of times as many steps as a small one.
        lr: Step size; multiplied by 0.1 at half of the steps, where Adam starts anew.
        weight_decay: L2 penalty on all parameters, added to the gradient.
        batch_size: Graphs of a step.
        checks: Validations, evenly spread over the training, the last one at its end.
    """

    hidden_channels: int = 128
    num_layers: int = 3
    pooling: Pooling = "mean"
    epochs: int = 200
    most_steps: int = 1000
    lr: float = 0.005
    weight_decay: float = 0.0
    batch_size: int = 128
    checks: int = 20

    def __post_init__(self) -> None:
        at_least(1, hidden_channels=self.hidden_channels, num_layers=self.num_layers)
        at_least(1, epochs=self.epochs, most_steps=self.most_steps)
        at_least(1, batch_size=self.batch_size, checks=self.checks)
        positive(lr=self.lr)
        at_least(0, weight_decay=self.weight_decay)
        known(READOUTS, pooling=self.pooling)


@dataclass(frozen=True, eq=False)
class Held:
    """Graphs to test on, prepared once on the task's device; what is said of them is on the CPU.

    Args:
        pieces: The graphs in pieces, for networks of the depth that was asked for.
        y: Their labels.
        metric: What is reported.
    """

    pieces: tuple[Piece, ...]
    y: Tensor
    metric: Metric

    @staticmethod
    def of(task: SetTask, split: Split, training: SetTraining) -> Held:
        """The graphs of a split."""
        return Held.of_graphs(task, task.numbers(split), training)

    @staticmethod
    def of_graphs(task: SetTask, numbers: Tensor, training: SetTraining) -> Held:
        """The graphs of the given numbers."""
        blocks = task.blocks(numbers, training.pooling).to(task.device)
        parts = tuple(pieces(blocks, training.num_layers))
        return Held(parts, task.labels_of(numbers), task.metric)

    @torch.no_grad()
    def predictions(self, theta: Theta) -> Tensor:
        """Logits ``[R, G, C]`` of each model; one after the other, as the rows of many models are
        more than a cache holds."""
        found = [
            torch.cat([logits_of(one, part.graphs, part.x) for part in self.pieces], 1)
            for one in (tuple(t[r : r + 1] for t in theta) for r in range(len(theta[0])))
        ]
        return torch.cat(found).cpu()

    def scores(self, theta: Theta) -> tuple[Tensor, Tensor]:
        """Metric and loss of each model ``[R]``."""
        logits = self.predictions(theta)
        values = [score_of(one, self.y, self.metric) for one in logits]
        losses = [loss_of(one, self.y) for one in logits]
        return torch.tensor(values).nan_to_num(0.0), torch.tensor(losses)


def initial(in_channels: int, training: SetTraining, outputs: int, seeds: Sequence[int]) -> Theta:
    """Stacked parameters, one model per seed: Glorot's uniform weights and zero biases, as PyG
    draws those of ``GCNConv``."""
    hidden = [training.hidden_channels] * training.num_layers
    widths = (in_channels, *hidden, outputs)
    models = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        theta: list[Tensor] = []
        for fan_in, fan_out in pairwise(widths):
            bound = (6 / (fan_in + fan_out)) ** 0.5
            theta.append((2 * torch.rand(fan_in, fan_out, generator=generator) - 1) * bound)
            theta.append(torch.zeros(1, fan_out))
        models.append(theta)
    return tuple(torch.stack(tensors) for tensors in zip(*models, strict=True))


def train(
    material: Material, seeds: Sequence[int], training: SetTraining, val: Held | None = None
) -> tuple[Theta, Tensor, Tensor]:
    """Trains one model per seed; a seed's model does not depend on the others.

    Args:
        material: What to train on.
        seeds: One model each.
        training: Hyper-parameters.
        val: Validation graphs; each model keeps its best check, ties broken by the loss, or its
            last step where this is ``None``.

    Returns:
        Stacked parameters, validation metric ``[R]`` and validation loss ``[R]``.
    """
    if material.small and len(material.graphs) <= training.batch_size:
        return _train(material, seeds, training, val)
    each = [_train(material, [seed], training, val) for seed in seeds]
    thetas = [theta for theta, _, _ in each]
    return (
        tuple(torch.cat(tensors) for tensors in zip(*thetas, strict=True)),
        torch.cat([score for _, score, _ in each]),
        torch.cat([loss for _, _, loss in each]),
    )


def _train(
    material: Material, seeds: Sequence[int], training: SetTraining, val: Held | None
) -> tuple[Theta, Tensor, Tensor]:
    batches = Batches(material, training, seeds[0])
    start = initial(batches.width, training, material.num_outputs, seeds)
    theta, best = (tuple(t.to(material.device, copy=True) for t in start) for _ in range(2))
    score, loss = torch.full((len(seeds),), -1.0), torch.full((len(seeds),), torch.inf)
    optimizer = Adam(theta, training.lr, training.weight_decay)
    marks = {round((i + 1) * batches.steps / training.checks) for i in range(training.checks)}
    for step in range(1, batches.steps + 1):
        found = batches.gradients(theta)
        optimizer.step([g.view_as(weight) for g, weight in zip(found, theta, strict=True)])
        if step == batches.steps // 2:
            optimizer = Adam(theta, 0.1 * training.lr, training.weight_decay)
        if val is not None and (step in marks or step == batches.steps):
            values, losses = val.scores(theta)
            better = (values > score) | ((values == score) & (losses < loss))
            score, loss = torch.where(better, values, score), torch.where(better, losses, loss)
            for kept, now in zip(best, theta, strict=True):
                which = better.to(kept.device)
                kept[which] = now[which]
    return (theta if val is None else best), score, loss
