"""Teachers made of teachers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from gcond.graph import receptive
from gcond.graph.propagation import spread
from gcond.graph.task import NodeTask
from gcond.graph.teachers.teacher import Distributions, Teacher, clamped, predictions
from gcond.graph.training import Training, logits, train
from gcond.matching.ranges import at_least, positive, share


@dataclass(frozen=True)
class Mixture:
    """The weighted mean of several teachers' distributions.

    Args:
        teachers: Who is asked.
        weights: What each one's word counts, in any unit.
    """

    teachers: tuple[Teacher, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.teachers or len(self.teachers) != len(self.weights):
            raise ValueError(
                f"a mixture needs a weight for each teacher, got {len(self.teachers)} teachers and "
                f"{len(self.weights)} weights"
            )
        for weight in self.weights:
            positive(weight=weight)

    def predict(self, task: NodeTask, seed: int) -> Distributions:
        parts = [predictions(teacher, task, seed) for teacher in self.teachers]
        mean: Distributions = np.average(parts, axis=0, weights=self.weights)
        return mean


@dataclass(frozen=True)
class SelfTraining:
    r"""GCNs trained on all nodes, on another teacher's smoothed distributions.

    The targets are propagated (``num_layers`` steps that keep a share ``alpha``), squared and
    normalised again; a node weighs :math:`1 - H(q_i) / \log C`, a training node 1.

    Args:
        teacher: Who gives the targets.
        models: GCNs, whose predictions are averaged.
        training: How they are trained.
        num_layers: Propagations of the targets.
        alpha: Share of its own target that a node keeps in each.
    """

    teacher: Teacher
    models: int = 2
    training: Training = Training(hidden_channels=64, epochs=200, lr=0.03)  # noqa: RUF009 - frozen
    num_layers: int = 10
    alpha: float = 0.1

    def __post_init__(self) -> None:
        at_least(1, models=self.models)
        at_least(0, num_layers=self.num_layers)
        share(alpha=self.alpha)

    def predict(self, task: NodeTask, seed: int) -> Distributions:
        q = clamped(self._targets(task, seed), task)
        entropy = -(q * np.log(q.clip(1e-30))).sum(1) / np.log(task.num_classes)
        sure = torch.as_tensor((1 - entropy).clip(1e-6, 1)).float()
        everyone = replace(task, index={**task.index, "train": np.arange(len(q))})
        view = receptive.of_split(everyone, "train")
        view = replace(view, y=torch.as_tensor(q).to(view.y.device))
        val = receptive.of_split(task, "val") if len(task.index["val"]) else None
        seeds, weights = range(seed, seed + self.models), (sure / sure.sum()).to(view.y.device)
        found, _, _ = train(view, task.num_classes, seeds, self.training, val, importance=weights)
        mean: Distributions = logits(view, found).softmax(-1).mean(0).cpu().numpy()
        return mean

    def _targets(self, task: NodeTask, seed: int) -> Distributions:
        a_hat, _, _ = task.graph("train")
        known = predictions(self.teacher, task, seed)
        smooth = np.square(spread(a_hat, known, self.num_layers, self.alpha))
        found: Distributions = (smooth / smooth.sum(1, keepdims=True)).astype(np.float32)
        return found
