"""Evaluations of several sets, gathered into lines."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gcond.condensed.container import number
from gcond.evaluation import Evaluation, Row

Percent = tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """Test accuracies of one method by number of nodes.

    Args:
        name: What models were trained on.
        sizes: Numbers of nodes, rising.
        means: Mean accuracy in percent at each.
        stds: Population standard deviation at each.
        models: Models that were tested at each.
        baseline: Whether it only stands beside what was judged.
    """

    name: str
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    stds: tuple[float, ...]
    models: tuple[int, ...]
    baseline: bool


@dataclass(frozen=True)
class Lines:
    """What a picture of accuracy against size shows."""

    dataset: str
    model: str
    caption: str
    lines: tuple[Series, ...]
    whole: Series | None


def collect(results: Sequence[Evaluation | str | Path], *, baselines: bool) -> Lines:
    """Gathers evaluations that belong into one picture.

    Raises:
        ValueError: There are none, or they are of several datasets, architectures or protocols.
        FileNotFoundError: There is no such file.
    """
    if isinstance(results, Evaluation | str | Path):
        raise ValueError(
            f"results is a sequence of evaluations; put the one into a list: [{results}]"
        )
    found = [r if isinstance(r, Evaluation) else read(Path(r)) for r in results]
    if not found:
        raise ValueError("there is nothing to draw; give at least one evaluation")
    dataset = _one("datasets", (e.dataset for e in found))
    model = _one("architectures", (e.model for e in found))
    protocol = _one("protocols", (f"{e.protocol} ({e.protocol_digest})" for e in found))
    judged: dict[str, dict[int, set[Percent]]] = {}
    beside: dict[str, dict[int, set[Percent]]] = {}
    for evaluation in found:
        first, *others = evaluation.rows
        # Baselines stand in many evaluations: the same accuracies count once.
        judged.setdefault(evaluation.method, {}).setdefault(first.num_nodes, set()).add(
            first.accuracies
        )
        for row in others:
            beside.setdefault(row.name, {}).setdefault(row.num_nodes, set()).add(row.accuracies)
    whole = beside.pop("whole", {})
    # A name may stand for several graphs, and a setting for a part of one.
    _one("datasets", (f"{found[0].dataset} with {n:,} nodes" for n in whole))
    lines = [_series(name, sizes, baseline=False) for name, sizes in judged.items()]
    if baselines:
        lines += [
            _series(name, sizes, baseline=True)
            for name, sizes in beside.items()
            if name not in judged
        ]
    counts = [n for series in lines for n in series.models]
    few, many = min(counts), max(counts)
    models = f"{few}" if few == many else f"{few} to {many}"
    caption = f"protocol {protocol}\nmean ± std of {models} models"
    return Lines(
        dataset,
        model,
        caption,
        tuple(lines),
        _series("whole", whole, baseline=True) if whole else None,
    )


def _one(what: str, values: Iterable[str]) -> str:
    seen = list(dict.fromkeys(values))
    if len(seen) > 1:
        raise ValueError(
            f"the results are of several {what} ({', '.join(seen)}), which do not share a "
            "picture; draw each by itself, on axes side by side"
        )
    return "".join(seen)


def _series(name: str, sizes: dict[int, set[Percent]], *, baseline: bool) -> Series:
    pooled = {n: [a for run in sorted(sizes[n]) for a in run] for n in sorted(sizes)}
    return Series(
        name,
        tuple(pooled),
        tuple(map(statistics.fmean, pooled.values())),
        tuple(map(statistics.pstdev, pooled.values())),
        tuple(map(len, pooled.values())),
        baseline,
    )


def read(path: Path) -> Evaluation:
    """The evaluation in a JSON file with ``Evaluation.to_json()``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; write Evaluation.to_json() into one")
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(row) for row in plain["rows"])
        found = Evaluation(**{**plain, "rows": rows})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f"{path} is no evaluation as Evaluation.to_json() writes it ({error!r:.80})"
        ) from None
    if not rows:
        raise ValueError(f"the evaluation in {path} has no rows")
    return found


def _row(plain: dict[str, object]) -> Row:
    accuracies, validation = plain["accuracies"], plain["validation"]
    for values in (accuracies, validation):
        if not isinstance(values, list) or not all(map(number, values)):
            raise ValueError(f"accuracies are {values!r:.40}")
    if not accuracies or not isinstance(plain["num_nodes"], int):
        raise ValueError("a row has no accuracies or no number of nodes")
    return Row(**{**plain, "accuracies": tuple(accuracies), "validation": tuple(validation)})  # type: ignore[arg-type]
