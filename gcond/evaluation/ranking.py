"""Architecture search on a condensed set: rank many small GNNs without training on the graph."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcond.condensed import Condensed
from gcond.evaluation.judge import opened
from gcond.evaluation.tables import Style, counted, tabulate
from gcond.graph import receptive
from gcond.graph.receptive import Hops, Receptive
from gcond.graph.task import NodeTask, Split
from gcond.graph.training import Training, initial, score, train
from gcond.graph.validation import rotated, span, turned

STEP_IN_SPAN = 3.0
"""A model on few synthetic rows is trained in a basis of their span, where fewer coordinates need
larger steps."""


@dataclass(frozen=True)
class Candidate:
    """One configuration of a two-layer GNN.

    Args:
        hops: Where it propagates.
        hidden_channels: Width of the hidden layer.
        lr: Step size of Adam.
        weight_decay: L2 penalty.
        dropout: Probability of dropping a hidden unit.
    """

    hops: Hops
    hidden_channels: int
    lr: float
    weight_decay: float
    dropout: float

    @property
    def name(self) -> str:
        """What the family of its propagation is called."""
        before, after, alpha = self.hops.before, self.hops.after, self.hops.alpha
        if alpha:
            first = f"GCN-{before} + " if before else ""
            return f"{first}APPNP-{after} ({alpha:g})"
        if not after:
            return f"SGC-{before}" if before else "MLP"
        return "GCN" if (before, after) == (1, 1) else f"GCN-{before}-{after}"


@dataclass(frozen=True)
class Space:
    """What is searched: every combination of the values given.

    Args:
        hops: Propagations; see :class:`gcond.graph.receptive.Hops`.
        hidden_channels: Widths of the hidden layer.
        lr: Step sizes.
        weight_decay: L2 penalties.
        dropout: Dropout probabilities.
    """

    hops: tuple[Hops, ...] = (
        Hops(0, 0),
        Hops(1, 0),
        Hops(2, 0),
        Hops(3, 0),
        Hops(1, 1),
        Hops(0, 2),
        Hops(0, 5, 0.1),
        Hops(0, 10, 0.1),
        Hops(0, 10, 0.2),
    )
    hidden_channels: tuple[int, ...] = (16, 64, 256)
    lr: tuple[float, ...] = (0.01,)
    weight_decay: tuple[float, ...] = (0.0, 5e-4, 5e-3)
    dropout: tuple[float, ...] = (0.0, 0.5, 0.8)

    def grid(self) -> tuple[Candidate, ...]:
        """All configurations."""
        axes = (self.hops, self.hidden_channels, self.lr, self.weight_decay, self.dropout)
        return tuple(Candidate(*values) for values in product(*axes))

    def sample(self, num: int, seed: int = 0) -> tuple[Candidate, ...]:
        """``num`` different configurations at random, all of them where there are no more."""
        grid = self.grid()
        if num >= len(grid):
            return grid
        chosen = np.random.default_rng(seed).choice(len(grid), num, replace=False)
        return tuple(grid[i] for i in sorted(chosen))


@dataclass(frozen=True)
class Search:
    """What a search found.

    Args:
        dataset: What was condensed.
        method: Name of the method.
        num_nodes: Nodes of the condensed set.
        seeds: Models of each configuration.
        epochs: Epochs of each model.
        candidates: The configurations.
        condensed: Validation accuracy in percent after training on the condensed set.
        condensed_seconds: Wall-clock of that.
        whole: Validation accuracy in percent after training on the whole graph; empty where
            that was not asked for, and so are the others.
        test: Test accuracy in percent of those.
        whole_seconds: Wall-clock of training on the whole graph.
    """

    dataset: str
    method: str
    num_nodes: int
    seeds: int
    epochs: int
    candidates: tuple[Candidate, ...]
    condensed: tuple[float, ...]
    condensed_seconds: float
    whole: tuple[float, ...] = ()
    test: tuple[float, ...] = ()
    whole_seconds: float | None = None

    @property
    def best(self) -> Candidate:
        """The configuration that is best on validation nodes after training on the condensed
        set."""
        return self.candidates[self.order[0]]

    @property
    def order(self) -> list[int]:
        """Numbers of the candidates from the best to the worst on the condensed set."""
        return sorted(range(len(self.candidates)), key=lambda i: -self.condensed[i])

    @property
    def spearman(self) -> float | None:
        """Rank correlation of the validation accuracies on the condensed set with those on the
        whole graph; ``None`` where the whole was not trained on."""
        if not self.whole:
            return None
        from scipy.stats import spearmanr

        return float(spearmanr(self.condensed, self.whole).statistic)

    def table(self, style: Style = "markdown", top: int = 10) -> str:
        """The best configurations, under a line that says how far their order can be trusted."""
        title = (
            f"{self.dataset}, {self.method}, {self.num_nodes} nodes: {len(self.candidates)} "
            f"configurations x {counted(self.seeds, 'seed')} x {self.epochs} epochs in "
            f"{self.condensed_seconds:.1f} s on the condensed set"
        )
        if self.whole and self.whole_seconds is not None:
            i, j = self.order[0], int(np.argmax(self.whole))
            title += (
                f", {self.whole_seconds:.1f} s on the whole graph "
                f"({self.whole_seconds / self.condensed_seconds:.1f} times as long); Spearman "
                f"correlation of validation accuracies {self.spearman:.2f}; trained on the whole "
                f"graph, the condensed set's choice has test accuracy {self.test[i]:.1f}, the "
                f"whole graph's own choice {self.test[j]:.1f}"
            )
        head = ["configuration", "hidden", "lr", "weight decay", "dropout", "condensed, val %"]
        if self.whole:
            head += ["whole, val %", "whole, test %"]
        rows = []
        for i in self.order[:top]:
            one = self.candidates[i]
            numbers = (one.hidden_channels, one.lr, one.weight_decay, one.dropout)
            row = [one.name, *(f"{n:g}" for n in numbers), f"{self.condensed[i]:.1f}"]
            rows.append(
                row + ([f"{self.whole[i]:.1f}", f"{self.test[i]:.1f}"] if self.whole else [])
            )
        return tabulate(title, head, rows, style)

    def to_json(self) -> str:
        """All figures as JSON."""
        return json.dumps(asdict(self) | {"spearman": self.spearman}, indent=2)


def search(
    condensed: Condensed,
    dataset: Any = None,
    *,
    space: Space | None = None,
    num: int = 100,
    seed: int = 0,
    seeds: int = 1,
    epochs: int = 200,
    whole: bool = True,
    root: str | Path | None = None,
) -> Search:
    """Ranks configurations of a two-layer GNN by training them on the condensed set.

    Configurations of one shape are trained together as one model. They are ranked by validation
    accuracy on the real graph; test nodes are looked at to report what a choice was worth, never
    to choose.

    Args:
        condensed: The set to train on.
        dataset: The data it was condensed from; by default it is opened by the name it had.
        space: What to search.
        num: Number of configurations, drawn at random from the space.
        seed: Seeds the draw.
        seeds: Models of each configuration; their accuracies are averaged.
        epochs: Epochs of each.
        whole: Train every configuration on the whole graph as well, to know how well the ranks
            agree. This takes much longer than the search.
        root: Folder of the datasets, for names.

    Raises:
        ValueError: A number is out of range, the dataset has no validation nodes, or it is not
            the one that was condensed.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> found = gcond.search(small, num=3, epochs=20, whole=False)
        >>> len(found.condensed)
        3
    """
    for name, value in (("num", num), ("seeds", seeds), ("epochs", epochs)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    candidates = (space or Space()).sample(num, seed)
    if not candidates:
        raise ValueError("the space has no configuration; give each of its fields a value")
    task = opened(condensed, dataset, root)
    if not len(task.index["val"]):
        raise ValueError(f"{task.name} has no validation nodes, which rank the configurations")
    runs = _Runs(task, candidates, seeds, epochs)
    began = time.perf_counter()
    on_condensed, _ = runs.on_condensed(condensed)
    between = time.perf_counter()
    on_whole = runs.on_whole() if whole else None
    return Search(
        dataset=task.name,
        method=condensed.config["name"],
        num_nodes=condensed.num_nodes,
        seeds=seeds,
        epochs=epochs,
        candidates=candidates,
        condensed=on_condensed,
        condensed_seconds=between - began,
        whole=on_whole[0] if on_whole else (),
        test=on_whole[1] if on_whole else (),
        whole_seconds=time.perf_counter() - between if on_whole else None,
    )


Percents = tuple[float, ...]
_SEEN: tuple[Split, Split] = ("train", "val")


@dataclass(frozen=True)
class _Runs:
    """The candidates of a search, in batches of one shape."""

    task: NodeTask
    candidates: tuple[Candidate, ...]
    seeds: int
    epochs: int

    def on_condensed(self, condensed: Condensed) -> tuple[Percents, Percents]:
        """Validation accuracies after training on the condensed set."""
        full, found = condensed.full(), torch.zeros(len(self.candidates))
        for hops, batches in self._by_hops():
            view = receptive.of_graph(full.x, full.adjacency, full.targets, hops)
            val = receptive.of_split(self.task, "val", hops)
            small = len(view.inner) < view.inner.shape[1]
            basis = span(view) if small else None
            if basis is not None:
                view, val = rotated(view, basis), rotated(val, basis)
            for numbers in batches:
                _, accuracy = self._train(numbers, view, val, basis)
                found[numbers] = accuracy
        return _percents(found), ()

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
        return initial(self.task.num_features, self.task.num_classes, hidden, seeds)


def _mean(accuracies: Tensor, seeds: int) -> Tensor:
    return accuracies.view(-1, seeds).mean(1).float()


def _percents(accuracies: Tensor) -> Percents:
    return tuple(100 * float(a) for a in accuracies)
