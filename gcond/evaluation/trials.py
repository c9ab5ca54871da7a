"""Many configurations of a two-layer GNN, trained as few batched models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gcond.condensed import Condensed
from gcond.evaluation.space import Candidate
from gcond.graph import receptive
from gcond.graph.receptive import Hops, Receptive
from gcond.graph.task import NodeTask, Split
from gcond.graph.training import Training, initial, on, score, train
from gcond.graph.validation import rotated, span, turned

STEP_IN_SPAN = 3.0
"""A model on few synthetic rows is trained in a basis of their span, where fewer coordinates need
larger steps."""

Percents = tuple[float, ...]
_SEEN: tuple[Split, Split] = ("train", "val")


@dataclass(frozen=True)
class Trials:
    """The candidates of a search, trained in batches of one shape.

    Args:
        task: The real graph.
        candidates: The configurations.
        seeds: Models of each, whose accuracies are averaged.
        epochs: Epochs of each model.
    """

    task: NodeTask
    candidates: tuple[Candidate, ...]
    seeds: int
    epochs: int

    def on_condensed(self, condensed: Condensed) -> Percents:
        """Validation accuracies after training on the condensed set."""
        full, found = condensed.full(), torch.zeros(len(self.candidates))
        for hops, batches in self._by_hops():
            view = receptive.of_graph(full.x, full.adjacency, full.targets, hops)
            view = view.to(self.task.device)
            val = receptive.of_split(self.task, "val", hops)
            small = len(view.inner) < view.inner.shape[1]
            basis = span(view) if small else None
            if basis is not None:
                view, val = rotated(view, basis), rotated(val, basis)
            for numbers in batches:
                _, accuracy = self._train(numbers, view, val, basis)
                found[numbers] = accuracy
        return _percents(found)

    def on_whole(self) -> tuple[Percents, Percents]:
        """Validation and test accuracies after training on the whole graph."""
        found, tested = torch.zeros(2, len(self.candidates))
        for hops, batches in self._by_hops():
            view, val = (receptive.of_split(self.task, s, hops) for s in _SEEN)
            test = receptive.of_split(self.task, "test", hops)
            for numbers in batches:
                weights, found[numbers] = self._train(numbers, view, val, None)
                tested[numbers] = _mean(score(test, weights)[0], self.seeds)
        return _percents(found), _percents(tested)

    def _by_hops(self) -> Iterator[tuple[Hops, list[list[int]]]]:
        """Numbers of the candidates that can be trained as one model, by propagation."""
        found: dict[Hops, dict[tuple[int, float], list[int]]] = {}
        for i, one in enumerate(self.candidates):
            shape = one.hidden_channels, one.lr
            found.setdefault(one.hops, {}).setdefault(shape, []).append(i)
        for hops, batches in found.items():
            yield hops, list(batches.values())

    def _train(
        self, numbers: Sequence[int], view: Receptive, val: Receptive, basis: Tensor | None
    ) -> tuple[Any, Tensor]:
        chosen = [self.candidates[i] for i in numbers for _ in range(self.seeds)]
        seeds = [seed for _ in numbers for seed in range(self.seeds)]
        step = 1.0 if basis is None else STEP_IN_SPAN
        training = [
            Training(
                one.hidden_channels,
                self.epochs,
                step * one.lr,
                one.weight_decay,
                one.dropout,
                validate_every=10,
            )
            for one in chosen
        ]
        start = self._start(seeds, chosen[0].hidden_channels)
        start = start if basis is None else turned(start, basis)
        weights, accuracy, _ = train(view, self.task.num_classes, seeds, training, val, start)
        return weights, _mean(accuracy, self.seeds)

    def _start(self, seeds: Sequence[int], hidden: int) -> Any:
        return on(
            initial(self.task.num_features, self.task.num_classes, hidden, seeds), self.task.device
        )


def _mean(accuracies: Tensor, seeds: int) -> Tensor:
    return accuracies.view(-1, seeds).mean(1).float().cpu()


def _percents(accuracies: Tensor) -> Percents:
    return tuple(100 * float(a) for a in accuracies)
