"""Whitening: directions in which all nodes vary count less, so that those of the labels show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcond.graph.initialise import Initialisation, Start
from gcond.graph.propagation import spread
from gcond.graph.task import NodeTask
from gcond.graph.validation import Validation
from gcond.matching.ranges import at_least, positive

RANK, OVERSAMPLING, POWER = 128, 10, 2
PIECE = 1 << 14
"""Rows on disk that are looked at together."""


@dataclass(frozen=True)
class Whitened:
    r"""Another start, whitened by the covariance of all nodes' propagated features.

    With mean :math:`\mu` and principal directions :math:`v_i` of variance :math:`e_i`,

    .. math:: h' = \mu + s \Big(h - \mu - \sum_i \frac{e_i}{\lambda + e_i}
              \langle h - \mu, v_i\rangle v_i\Big), \qquad
              \lambda = \frac{f}{50} \sum_i e_i

    where ``s`` restores the norm of all ``h - mu`` together. A linear classifier along the
    whitened class means is that of ridge regression on the features themselves. Features of all
    nodes are used, of a graph on disk those of its training nodes; labels of none.

    Args:
        init: The start to whiten.
        strength: ``f``; the smaller, the more is whitened.
        num_layers: Number of propagations of the features whose covariance counts.
    """

    init: Initialisation
    strength: float = 1.0
    num_layers: int = 2

    def __post_init__(self) -> None:
        positive(strength=self.strength)
        at_least(0, num_layers=self.num_layers)

    def affordable(self, task: NodeTask) -> bool:
        return task.affords(self.num_layers) and self.init.affordable(task)

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        start = self.init.start(task, counts, seed, validation)
        mean, directions, variance = principal(task, self.num_layers)
        centred = start.features - mean
        floor = self.strength * float(variance.sum()) / 50
        share = variance / (floor + variance).clamp_min(torch.finfo(variance.dtype).tiny)
        white = centred - (centred @ directions.T * share) @ directions
        scale = centred.norm() / white.norm().clamp_min(torch.finfo(white.dtype).tiny)
        return Start(mean + white * scale, start.soft)


def principal(task: NodeTask, hops: int) -> tuple[Tensor, Tensor, Tensor]:
    r"""Mean ``[d]``, principal directions ``[r, d]`` and variances ``[r]`` of
    :math:`\hat A^K X`, at most 128 of them, by a randomised range finder that only multiplies
    (`"Finding structure with randomness" <https://arxiv.org/abs/0909.4061>`_): the matrix itself,
    which may be dense and large, is never formed. Of a graph on disk they are those of the rows
    that are there, the training nodes', exactly."""
    given = task.given or task
    key = ("principal", hops)
    if key not in given.memory:
        of = _of_graph if given.disk is None else _of_rows
        given.memory[key] = of(given, hops)
    found: tuple[Tensor, Tensor, Tensor] = given.memory[key]
    return found


def _of_rows(task: NodeTask, hops: int) -> tuple[Tensor, Tensor, Tensor]:
    rows, d = task.features("train", hops), task.num_features
    total, square = np.zeros(d), np.zeros((d, d))
    for start in range(0, len(rows), PIECE):
        x = rows[np.arange(start, min(start + PIECE, len(rows)))].astype(np.float64)
        total += x.sum(0)
        square += x.T @ x
    mean = total / len(rows)
    variance, directions = np.linalg.eigh(square / len(rows) - np.outer(mean, mean))
    most = slice(None, -RANK - 1, -1)
    return (
        torch.as_tensor(mean.astype(np.float32)),
        torch.as_tensor(np.ascontiguousarray(directions.T[most], np.float32)),
        torch.as_tensor(np.ascontiguousarray(variance[most].clip(0), np.float32)),
    )


def _of_graph(task: NodeTask, hops: int) -> tuple[Tensor, Tensor, Tensor]:
    a_hat, x, _ = task.graph("train")
    n, d = x.shape
    back_hat = a_hat.T.tocsr()

    def forth(v: Any) -> Any:
        h = spread(a_hat, np.asarray(x @ v), hops)
        return h - h.mean(0)

    def back(u: Any) -> Any:
        return np.asarray(x.T @ spread(back_hat, u - u.mean(0), hops))

    ones = np.full((n, 1), 1 / n, dtype=np.float32)
    mean = np.asarray(x.T @ spread(back_hat, ones, hops)).ravel()
    width = min(RANK + OVERSAMPLING, d, n)
    start = np.random.default_rng(0).normal(size=(d, width)).astype(np.float32)
    basis = np.linalg.qr(forth(start))[0]
    for _ in range(POWER):
        basis = np.linalg.qr(forth(np.linalg.qr(back(basis))[0]))[0]
    _, s, directions = np.linalg.svd(back(basis).T, full_matrices=False)
    rank = min(RANK, len(s))
    return (
        torch.as_tensor(mean),
        torch.as_tensor(np.ascontiguousarray(directions[:rank])),
        torch.as_tensor(s[:rank] ** 2 / n),
    )
