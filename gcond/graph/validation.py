"""The cheap validator inside a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from gcond.graph import receptive
from gcond.graph.dropout import Masks
from gcond.graph.receptive import Hops, Receptive
from gcond.graph.task import NodeTask
from gcond.graph.training import Training, Weights, initial, on, train
from gcond.matching import Score, generator_for
from gcond.matching.ranges import at_least

KEPT = 2**24
"""Entries of dropout masks that are kept from one check to the next."""


@dataclass(frozen=True)
class Validator:
    """Scores a synthetic graph: a few GCNs are trained on it and tested on the validation nodes.
    The score is their mean accuracy, ties are broken by their loss.

    A model's first layer only learns within the span of the synthetic rows, so it is trained in
    an orthonormal basis of that span, with as many columns as there are synthetic nodes instead
    of as many as there are features. With Adam that is another, equally good walk, some ten times
    cheaper; its larger step makes up for the smaller number of coordinates. On a graph that is
    kept on disk the models are networks on rows that were propagated twice.

    Args:
        training: How each of them is trained.
        models: How many, with the same initialisations at every check.
        at_most: More validation nodes than this are represented by a sample, the same at every
            check: a choice needs no more, and its cost follows them.
    """

    training: Training = Training(128, epochs=80, lr=0.05, validate_every=10)  # noqa: RUF009
    models: int = 4
    at_most: int = 2000

    def __post_init__(self) -> None:
        at_least(1, models=self.models, at_most=self.at_most)


@dataclass(frozen=True, eq=False)
class Validation:
    """A validator bound to a task."""

    task: NodeTask
    validator: Validator
    seed: int

    @cached_property
    def _masks(self) -> dict[int, Masks]:
        """Dropout masks by the number of rows: the same models are trained at every check."""
        return {}

    @cached_property
    def _view(self) -> Receptive:
        rows, most = self.task.index["val"], self.validator.at_most
        if len(rows) <= most:
            return receptive.of_split(self.task, "val", self._hops)
        order = torch.randperm(len(rows), generator=generator_for(self.seed, "validation"))
        kept = rows[order[:most].sort().values.numpy()]
        seen = replace(self.task, index={**self.task.index, "val": kept})
        return receptive.of_split(seen, "val", self._hops)

    @property
    def _hops(self) -> Hops:
        return receptive.affordable(self.task)

    @cached_property
    def _start(self) -> Weights:
        seeds, hidden = self._seeds, self.validator.training.hidden_channels
        drawn = initial(self.task.num_features, self.task.num_classes, hidden, seeds)
        return on(drawn, self.task.device)

    @property
    def _seeds(self) -> range:
        return range(self.seed, self.seed + self.validator.models)

    def score(self, x: Tensor, adj: Tensor | None, y: Tensor) -> Score | None:
        """Score of a graph, or ``None`` for a task without validation nodes."""
        if not len(self.task.index["val"]):
            return None
        where = self.task.device
        x, adj, y = x.to(where), None if adj is None else adj.to(where), y.to(where)
        view, val, start = receptive.of_graph(x, adj, y, self._hops), self._view, self._start
        if len(view.inner) < view.inner.shape[1]:
            basis = span(view)
            view, val, start = rotated(view, basis), rotated(val, basis), turned(start, basis)
        training, rows = self.validator.training, len(view.inner)
        if rows not in self._masks:
            hidden, p = training.hidden_channels, [training.dropout] * self.validator.models
            keep = training.epochs * rows * hidden * len(p) <= KEPT
            self._masks[rows] = Masks(self._seeds, p, rows, hidden, keep)
        _, accuracy, loss = train(
            view, self.task.num_classes, self._seeds, training, val, start, masks=self._masks[rows]
        )
        return Score(float(accuracy.mean()), -float(loss.mean()))


def span(view: Receptive) -> Tensor:
    """An orthonormal basis ``[d, k]`` of what the rows of a small view span."""
    inner = view.inner
    assert isinstance(inner, Tensor)  # of a synthetic graph
    basis: Tensor = torch.linalg.qr(inner.T).Q
    return basis


def rotated(view: Receptive, basis: Tensor) -> Receptive:
    """A view whose features are coordinates in a basis."""
    return replace(view, inner=view.inner @ basis)


def turned(start: Weights, basis: Tensor) -> Weights:
    """Weights for features in a basis."""
    return torch.einsum("dk,drh->krh", basis, start[0]).contiguous(), *start[1:]
