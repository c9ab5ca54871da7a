"""A task and a synthetic set in float64: the loop's protocols in their smallest form."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from gcond.datasets import as_task
from gcond.graph.initialise import Initialisation
from gcond.matching import Batch, Groups, Score
from gcond.testing import example_graph


def normal(*shape, seed=0):
    """Gaussian numbers in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass
class FixedTask:
    """The same real batch in every step, and scores from a list."""

    batch: Batch
    scores: list[Score] = field(default_factory=list)

    def real(self, generator):
        return self.batch

    def score(self, synthetic):
        return self.scores.pop(0) if self.scores else None


@dataclass
class FreeRows:
    """Rows that are learned as they are."""

    x: Tensor
    y: Tensor
    groups: Groups
    decay: float = 0.0

    scales = {"features": 1.0}  # noqa: RUF012 - never changed
    constants = {}  # noqa: RUF012 - there are none

    def __post_init__(self):
        self.x = self.x.clone().requires_grad_()

    @property
    def parts(self):
        return {"features": [self.x]}

    def decode(self, draw=None):
        return Batch((self.x,), self.y, self.groups)

    def penalty(self, batch):
        return self.decay / 2 * batch.inputs[0].square().sum() if self.decay else None


def float64_task(num_nodes=60):
    """The generated node task with features and adjacency in float64."""
    task = as_task(example_graph(num_nodes=num_nodes))
    return replace(task, x=task.x.astype(np.float64), adj=task.adj.astype(np.float64))


@dataclass(frozen=True)
class InFloat64:
    """An initialisation, followed by a change of type."""

    init: Initialisation

    def start(self, task, counts, seed, validation=None):
        found = self.init.start(task, counts, seed, validation)
        return replace(found, features=found.features.double())


def both_sides(method, task, counts, seed=0):
    """Real side, synthetic graph and plan of a graph method, all in float64."""
    synthetic = replace(method, init=InFloat64(method.init)).start(task, counts, seed)
    labels, order = task.labels("train").sort(stable=True)
    inputs, rows = method.model.source(task).take(order, torch.float64)
    groups = method.grouping.partition(labels, counts, torch.float64)
    real = FixedTask(Batch(inputs, labels, groups, rows))
    return real, synthetic, method.plan(task.num_features, task.num_classes, synthetic.x)
