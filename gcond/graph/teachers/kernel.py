"""Ridge regression in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from gcond.graph.propagation import propagate, spread
from gcond.graph.task import NodeTask
from gcond.graph.teachers.teacher import Distributions, accuracy, one_hot
from gcond.matching.ranges import at_least, positive, share

DIRECT = 2000
"""Training nodes up to which the kernel matrix is solved directly."""

SAMPLE = 1000
"""Training nodes that the mean of the kernel's diagonal is taken over."""

ITERATIONS = 60


@dataclass(frozen=True)
class KernelRidge:
    r"""Kernel ridge regression on propagated features, the quick teacher.

    .. math:: F = K_{\cdot, t} \big(K_{tt} + \lambda\, \bar k\, I\big)^{-1} (Y - 1/C), \qquad
              K = (P X)(P X)^T

    where :math:`\bar k` is the mean of the diagonal of :math:`K_{tt}` and ``P`` keeps a share of
    a node's own features in each propagation. Scores, divided by their standard deviation over
    all nodes, become a distribution by a softmax. Penalty and temperature are chosen on the
    validation nodes, by accuracy and by cross-entropy; without them the middle ones are taken.
    With more than 2,000 training nodes the system is solved by conjugate gradients that only
    multiply by the graph and the features.

    Args:
        num_layers: Number of propagations.
        alpha: Share of a node's own features kept in each.
        penalties: Values of :math:`\lambda` to choose from.
        sharpness: Inverse temperatures to choose from.
    """

    num_layers: int = 10
    alpha: float = 0.1
    penalties: tuple[float, ...] = (0.3, 1.0, 3.0)
    sharpness: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)

    def __post_init__(self) -> None:
        at_least(0, num_layers=self.num_layers)
        share(alpha=self.alpha)
        if not self.penalties or not self.sharpness:
            raise ValueError("penalties and sharpness need a value each to choose from")
        for penalty in self.penalties:
            positive(penalty=penalty)
        for sharpness in self.sharpness:
            positive(sharpness=sharpness)

    def predict(self, task: NodeTask, seed: int) -> Distributions:
        solved = self._scores(task)
        if not len(task.index["val"]):
            scores = solved[len(solved) // 2]
            return softmax(scores * self.sharpness[len(self.sharpness) // 2])
        scores = max(solved, key=lambda each: accuracy(each, task))
        rows = task.index["val"]
        y = task.y[rows]

        def cross_entropy(sharp: float) -> float:
            chosen = softmax(scores[rows] * sharp)[np.arange(len(rows)), y]
            return float(-np.log(chosen.clip(1e-30)).mean())

        return softmax(scores * min(self.sharpness, key=cross_entropy))

    def _scores(self, task: NodeTask) -> list[Distributions]:
        """Standardised scores for each penalty."""
        kernel = _Kernel(task, self.num_layers, self.alpha)
        goal = one_hot(task).astype(np.float64) - 1 / task.num_classes
        found = [kernel.apply(kernel.solve(goal, penalty)) for penalty in self.penalties]
        return [scores / (float(scores.std()) or 1.0) for scores in found]


class _Kernel:
    """The kernel between all nodes and the training nodes, as an operator."""

    def __init__(self, task: NodeTask, hops: int, alpha: float) -> None:
        self.a_hat, self.x, self.rows = task.graph("train")
        self.back = self.a_hat.T.tocsr()
        self.hops, self.alpha = hops, alpha
        n = len(self.rows)
        few = self.rows if n <= DIRECT else self.rows[:: max(n // SAMPLE, 1)]
        z: Any = propagate(self.a_hat, self.x, hops, few, alpha)
        dense = (z.toarray() if sp.issparse(z) else np.asarray(z)).astype(np.float64)
        self.diagonal = float(np.square(dense).sum(1).mean()) or 1.0
        self.matrix = dense @ dense.T if n <= DIRECT else None

    def apply(self, dual: Any) -> Any:
        """Scores of all nodes from coefficients of the training nodes."""
        first = np.zeros((self.x.shape[0], dual.shape[1]), dtype=np.float64)
        first[self.rows] = dual
        weight = self.x.T @ spread(self.back, first, self.hops, self.alpha)
        return spread(self.a_hat, np.asarray(self.x @ weight), self.hops, self.alpha)

    def solve(self, goal: Any, penalty: float) -> Any:
        ridge = penalty * self.diagonal
        if self.matrix is not None:
            system = self.matrix + ridge * np.eye(len(goal))
            return scipy.linalg.solve(system, goal, assume_a="pos")
        return conjugate_gradients(lambda v: self.apply(v)[self.rows] + ridge * v, goal)


def conjugate_gradients(multiply: Any, goal: Any) -> Any:
    """Solves a symmetric positive system for all columns of ``goal`` at once."""
    found, residual = np.zeros_like(goal), goal.copy()
    direction, size = residual.copy(), np.square(residual).sum(0)
    enough = 1e-8 * size
    for _ in range(ITERATIONS):
        image = multiply(direction)
        step = size / np.maximum((direction * image).sum(0), 1e-300)
        found += step * direction
        residual -= step * image
        now = np.square(residual).sum(0)
        if (now <= enough).all():
            break
        direction = residual + now / np.maximum(size, 1e-300) * direction
        size = now
    return found


def softmax(scores: Distributions) -> Distributions:
    """Distributions from scores, row by row."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    out: Distributions = powers / powers.sum(1, keepdims=True)
    return out
