"""What an evaluation found."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass

from gcond.evaluation.tables import Style, counted, size, tabulate


@dataclass(frozen=True)
class Row:
    """Accuracies of models trained on one set.

    Args:
        name: What they were trained on: ``"condensed"``, ``"random"``, ``"centroid"``,
            ``"whole"``.
        accuracies: Test accuracy in percent, one per seed.
        validation: Validation accuracy in percent of the kept epochs.
        num_nodes: Nodes of the set, or its images.
        nbytes: Bytes of its features and edges, sparse ones counted as sparse.
        seconds: Wall-clock for training and testing all seeds.
        num_graphs: Graphs of the set; 0 for a single graph.
    """

    name: str
    accuracies: tuple[float, ...]
    validation: tuple[float, ...]
    num_nodes: int
    nbytes: int
    seconds: float
    num_graphs: int = 0

    @property
    def mean(self) -> float:
        """Mean test accuracy in percent."""
        return statistics.fmean(self.accuracies)

    @property
    def std(self) -> float:
        """Population standard deviation over the seeds, in points."""
        return statistics.pstdev(self.accuracies)


@dataclass(frozen=True)
class Evaluation:
    """Test accuracies of a condensed set beside its baselines.

    Args:
        dataset: What was condensed.
        method: Name of the method.
        model: Architecture that was trained.
        protocol: Name of the protocol.
        selected_step: Matching step that was kept, 0 for the start.
        rows: The condensed set first.
        protocol_digest: Hash of the protocol's settings.
        seconds: Wall-clock of the condensation, where it is known.
        labels: Who labelled the real nodes for the method.
        metric: What the accuracies are: ``"accuracy"``, or an area under a curve for ``"rocauc"``
            and ``"ap"``.
        unit: What the set consists of: ``"nodes"``, ``"graphs"`` or ``"images"``.
        num_classes: Number of classes, where it is known.
    """

    dataset: str
    method: str
    model: str
    protocol: str
    selected_step: int
    rows: tuple[Row, ...]
    protocol_digest: str = ""
    seconds: float | None = None
    labels: str = "training labels"
    metric: str = "accuracy"
    unit: str = ""
    num_classes: int = 0

    @property
    def mean(self) -> float:
        """Mean test accuracy of the condensed set in percent."""
        return self.rows[0].mean

    @property
    def std(self) -> float:
        """Population standard deviation over evaluation seeds, in points."""
        return self.rows[0].std

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.dataset}, {self.method}, {self.model}: {self.mean:.1f} ± "
            f"{self.std:.1f} %, {len(self.rows[0].accuracies)} seeds, {self.protocol})"
        )

    def table(self, style: Style = "markdown") -> str:
        """The rows as a table under a line with the protocol: ``"markdown"``, ``"plain"`` or
        ``"latex"``."""
        seeds = len(self.rows[0].accuracies)
        took = "" if self.seconds is None else f", condensed in {self.seconds:.1f} s"
        told = "" if self.labels == "training labels" else f" from a {self.labels}"
        what = {"rocauc": "ROC-AUC %", "ap": "average precision %"}.get(self.metric, "%")
        title = (
            f"{self.dataset}, {self.method}{told} (step {self.selected_step} selected{took}), "
            f"{self.model}, protocol {self.protocol} ({self.protocol_digest}), mean ± std over "
            f"{counted(seeds, 'evaluation seed')}, test {what}"
        )
        unit = self.unit or ("graphs" if self.rows[0].num_graphs else "nodes")
        columns: dict[str, list[str]] = {
            "trained on": [row.name for row in self.rows],
            unit: [f"{row.num_graphs or row.num_nodes:,}" for row in self.rows],
        }
        if unit == "images" and self.num_classes:
            each = [f"{row.num_nodes / self.num_classes:,.4g}" for row in self.rows]
            columns["per class"] = each
        columns["bytes"] = [size(row.nbytes) for row in self.rows]
        columns[f"test {what}"] = [f"{row.mean:.1f} ± {row.std:.1f}" for row in self.rows]
        gains = self.gains
        if unit == "images" and gains:
            columns["over random"] = [gains.get(row.name, "") for row in self.rows]
        columns["seconds"] = [f"{row.seconds:.1f}" for row in self.rows]
        cells = [list(line) for line in zip(*columns.values(), strict=True)]
        return tabulate(title, list(columns), cells, style)

    @property
    def gains(self) -> dict[str, str]:
        """Points over random items under the same protocol, by row; empty without that row."""
        random = next((row for row in self.rows if row.name == "random"), None)
        if random is None:
            return {}
        return {row.name: f"{row.mean - random.mean:+.1f}" for row in self.rows if row != random}

    def to_json(self) -> str:
        """All figures as JSON."""
        return json.dumps(asdict(self), indent=2)
