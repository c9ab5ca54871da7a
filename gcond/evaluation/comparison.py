"""Several condensed sets, several architectures: one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gcond.condensed import Condensed
from gcond.evaluation.architectures import ARCHITECTURES
from gcond.evaluation.fitting import Model
from gcond.evaluation.judge import evaluate, name_of, opened
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.evaluation.result import Evaluation, Row
from gcond.evaluation.tables import Style, tabulate
from gcond.evaluation.views import Real


@dataclass(frozen=True)
class Comparison:
    """Test accuracies of condensed sets (rows) for architectures (columns).

    Args:
        protocol: Name and hash of the protocol all of them share.
        models: Architectures.
        names: What each row is.
        rows: For each name, a row per architecture.
    """

    protocol: str
    models: tuple[str, ...]
    names: tuple[str, ...]
    rows: tuple[tuple[Row, ...], ...]

    def table(self, style: Style = "markdown") -> str:
        """Accuracies in percent, ``"markdown"``, ``"plain"`` or ``"latex"``; the last column is
        the mean over architectures."""
        seeds = len(self.rows[0][0].accuracies)
        title = f"protocol {self.protocol}, mean ± std over {seeds} evaluation seeds, test %"
        cells = [
            [
                name,
                f"{row[0].num_nodes:,}",
                *(f"{found.mean:.1f} ± {found.std:.1f}" for found in row),
                f"{sum(found.mean for found in row) / len(row):.1f}",
            ]
            for name, row in zip(self.names, self.rows, strict=True)
        ]
        return tabulate(title, ["trained on", "nodes", *self.models, "mean"], cells, style)

    def to_json(self) -> str:
        """All figures as JSON."""
        return json.dumps(asdict(self), indent=2)


def compare(
    condensed: Condensed | Sequence[Condensed],
    dataset: Any = None,
    *,
    models: Sequence[Model] = tuple(ARCHITECTURES),
    protocol: str | Protocol = "gcn-600",
    seeds: int = 3,
    baselines: Sequence[str] = (),
    root: str | Path | None = None,
) -> Comparison:
    """Judges one or more condensed sets with several architectures under one protocol.

    Args:
        condensed: What to train on: several methods, ratios or seeds of one dataset, say.
        dataset: The data they were condensed from; by default each is opened by its name.
        models: Architectures, as in :func:`gcond.fit`.
        protocol: How models are trained and selected.
        seeds: Models of each architecture.
        baselines: Rows beside them, as in :func:`gcond.evaluate`, made for the first set.
        root: Folder of the datasets, for names.

    Raises:
        ValueError: There is nothing to compare, or as :func:`gcond.evaluate` says.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> found = gcond.compare(small, models=["GCN", "SGC"], seeds=1)
        >>> found.models
        ('GCN', 'SGC')
    """
    sets = [condensed] if isinstance(condensed, Condensed) else list(condensed)
    if not sets or not models:
        raise ValueError("there is nothing to compare; give a condensed set and a model")
    chosen = get_protocol(protocol)
    names: list[str] = []
    rows: list[tuple[Row, ...]] = []
    for i, small in enumerate(sets):
        real = Real(opened(small, dataset, root))
        beside = () if i else baselines
        found: list[Evaluation] = [
            evaluate(small, real, model=model, protocol=chosen, seeds=seeds, baselines=beside)
            for model in models
        ]
        names.append(f"{small.source.name}, {small.config['name']}")
        rows.append(tuple(each.rows[0] for each in found))
        for j, name in enumerate(beside, 1):
            names.append(f"{small.source.name}, {name}")
            rows.append(tuple(each.rows[j] for each in found))
    return Comparison(
        f"{chosen.name} ({chosen.digest})",
        tuple(name_of(model) for model in models),
        tuple(names),
        tuple(rows),
    )
