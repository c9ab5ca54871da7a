"""Architecture search on a condensed set: rank many small GNNs without training on the graph."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gcond.condensed import Condensed
from gcond.evaluation.fitting import source_of
from gcond.evaluation.space import Candidate, Space
from gcond.evaluation.tables import Style, counted, tabulate
from gcond.evaluation.trials import Trials
from gcond.matching.device import Device, device_of
from gcond.matching.ranges import at_least


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
    device: Device = None,
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
        device: Where models are trained, as for :func:`gcond.fit`.

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
    at_least(1, num=num, seeds=seeds, epochs=epochs)
    candidates = (space or Space()).sample(num, seed)
    if not candidates:
        raise ValueError("the space has no configuration; give each of its fields a value")
    task = source_of(condensed, dataset, root, device=device_of(device))
    if not len(task.index["val"]):
        raise ValueError(f"{task.name} has no validation nodes, which rank the configurations")
    trials = Trials(task, candidates, seeds, epochs)
    began = time.perf_counter()
    on_condensed = trials.on_condensed(condensed)
    between = time.perf_counter()
    on_whole = trials.on_whole() if whole else None
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
