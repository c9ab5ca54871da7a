"""Several condensed sets, several architectures: one table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gcond.condensed import Condensed
from gcond.evaluation import image_models, images, set_networks, sets
from gcond.evaluation.architectures import ARCHITECTURES
from gcond.evaluation.fitting import Model, named, source_of
from gcond.evaluation.images import ImageProtocol
from gcond.evaluation.judge import evaluate, name_of
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.evaluation.result import Evaluation, Row
from gcond.evaluation.sets import SetProtocol
from gcond.evaluation.tables import Style, counted, tabulate
from gcond.evaluation.tables import size as readable
from gcond.evaluation.views import Real
from gcond.image.networks import NETWORKS, Network
from gcond.matching.device import Device, device_of


@dataclass(frozen=True)
class Subject:
    """What models were trained on.

    Args:
        dataset: Name of the dataset.
        method: Name of the method, or of the baseline.
        num_nodes: Nodes of the set, or its graphs or images.
        ratio: The same / nodes of the graph, or training graphs or images, it stands for.
        nbytes: Bytes of features and edges, or of pixels.
        selected_step: Matching step that was kept, ``None`` where nothing was learned.
        seconds: Wall-clock of the condensation, where it is known.
    """

    dataset: str
    method: str
    num_nodes: int
    ratio: float
    nbytes: int
    selected_step: int | None = None
    seconds: float | None = None

    @property
    def name(self) -> str:
        """Dataset and method."""
        return f"{self.dataset}, {self.method}"


@dataclass(frozen=True)
class Comparison:
    """Test accuracies of condensed sets (rows) for architectures (columns).

    Args:
        protocol: Name and hash of the protocol all of them share.
        models: Architectures.
        subjects: What each row is.
        rows: For each subject, a row per architecture.
        unit: What the sets consist of: ``"nodes"``, ``"graphs"`` or ``"images"``.
    """

    protocol: str
    models: tuple[str, ...]
    subjects: tuple[Subject, ...]
    rows: tuple[tuple[Row, ...], ...]
    unit: str = "nodes"

    @property
    def names(self) -> tuple[str, ...]:
        """Dataset and method of each row."""
        return tuple(subject.name for subject in self.subjects)

    def table(self, style: Style = "markdown") -> str:
        """Accuracies in percent, ``"markdown"``, ``"plain"`` or ``"latex"``; the last column is
        the mean over architectures."""
        head = ["trained on", self.unit, "bytes", "step", "condensed in s"]
        cells = [
            [
                subject.name,
                f"{subject.num_nodes:,}",
                readable(subject.nbytes),
                "" if subject.selected_step is None else str(subject.selected_step),
                "" if subject.seconds is None else f"{subject.seconds:.1f}",
                *(_cell(found.accuracies) for found in row),
                f"{sum(found.mean for found in row) / len(row):.1f}",
            ]
            for subject, row in zip(self.subjects, self.rows, strict=True)
        ]
        return tabulate(self._title, [*head, *self.models, "mean"], cells, style)

    def by_ratio(self, style: Style = "markdown") -> str:
        """Accuracy against size: a row for each method and architecture, a column for each number
        of nodes with its ratio; sets of one method and size are averaged."""
        found = [
            (f"{subject.name}, {model}", subject, row)
            for subject, rows in zip(self.subjects, self.rows, strict=True)
            for model, row in zip(self.models, rows, strict=True)
        ]
        sizes = sorted({(subject.num_nodes, subject.ratio) for _, subject, _ in found})
        names = list(dict.fromkeys(name for name, _, _ in found))
        together: dict[tuple[str, tuple[int, float]], list[float]] = {}
        for name, subject, row in found:
            key = name, (subject.num_nodes, subject.ratio)
            together.setdefault(key, []).extend(row.accuracies)
        rows = [
            [name, *(_cell(together.get((name, size), [])) for size in sizes)] for name in names
        ]
        head = [f"{n:,} {self.unit} ({100 * ratio:.2g} %)" for n, ratio in sizes]
        return tabulate(self._title, ["trained on", *head], rows, style)

    @property
    def _title(self) -> str:
        seeds = len(self.rows[0][0].accuracies)
        over = counted(seeds, "evaluation seed")
        return f"protocol {self.protocol}, mean ± std over {over}, test %"

    def to_json(self) -> str:
        """All figures as JSON."""
        return json.dumps(asdict(self), indent=2)


def compare(
    condensed: Condensed | Sequence[Condensed],
    dataset: Any = None,
    *,
    models: Sequence[Model | Network] | None = None,
    protocol: str | Protocol | SetProtocol | ImageProtocol | None = None,
    seeds: int = 3,
    baselines: Sequence[str] = (),
    root: str | Path | None = None,
    jobs: int = 1,
    names: Sequence[str] | None = None,
    device: Device = None,
) -> Comparison:
    """Judges one or more condensed sets with several architectures under one protocol.

    Args:
        condensed: What to train on: several methods, ratios or seeds of one dataset, say; all of
            nodes, all of graphs, or all of images.
        dataset: The data they were condensed from; by default each is opened by its name.
        models: Architectures, as in :func:`gcond.fit`; by default all that have a name of their
            own.
        protocol: How models are trained and selected; by default as in :func:`gcond.evaluate`.
        seeds: Models of each architecture.
        baselines: Rows beside them, as in :func:`gcond.evaluate`, made for the first set.
        root: Folder of the datasets, for names.
        jobs: Processes to share the work between, each on one thread; small models gain little
            from more threads. Sums differ in their last digits from those of ``jobs=1``.
        names: What to call the methods of the sets, where their names do not tell them apart.
        device: Where models are trained, as for :func:`gcond.fit`.

    Raises:
        ValueError: There is nothing to compare, or as :func:`gcond.evaluate` says.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> found = gcond.compare(small, models=["GCN", "SGC"], seeds=1)
        >>> found.models
        ('GCN', 'SGC')
    """
    given = [condensed] if isinstance(condensed, Condensed) else list(condensed)
    if not given or (models is not None and not models):
        raise ValueError("there is nothing to compare; give a condensed set and a model")
    if names is not None and len(names) != len(given):
        raise ValueError(f"names must be one for each of {len(given)} sets, got {len(names)}")
    kinds = sorted({small.kind for small in given})
    if len(kinds) > 1:
        raise ValueError(f"sets of {' and '.join(kinds)} have no architectures in common")
    judging = _JUDGING[kinds[0]]
    chosen = judging.protocol(protocol, given[0])
    found_models = [judging.named(model) for model in (models or judging.models)]
    where = device_of(device)
    # All names are looked up, and all data opened, before anything is trained.
    reals: dict[str, Any] = {}
    for small in given:
        reals.setdefault(small.source.fingerprint, judging.open(small, dataset, root, where))
    beside = [() if i else tuple(baselines) for i in range(len(given))]
    cells = _run(
        [
            partial(
                evaluate,
                small,
                real,
                model=m,
                protocol=chosen,
                seeds=seeds,
                baselines=names,
                device=device,
            )
            for small, names in zip(given, beside, strict=True)
            for real in [reals[small.source.fingerprint]]
            for m in found_models
        ],
        jobs,
    )
    subjects: list[Subject] = []
    rows: list[tuple[Row, ...]] = []
    for i, small in enumerate(given):
        found = cells[i * len(found_models) : (i + 1) * len(found_models)]
        told = "" if small.label_source == "training labels" else f" ({small.label_source})"
        own = small.config["name"] if names is None else names[i]
        for j, name in enumerate((own + told, *beside[i])):
            rows.append(tuple(each.rows[j] for each in found))
            subjects.append(_subject(small, name, rows[-1][0], learned=j == 0))
    return Comparison(
        f"{chosen.name} ({chosen.digest})",
        tuple(judging.called(model) for model in found_models),
        tuple(subjects),
        tuple(rows),
        kinds[0],
    )


@dataclass(frozen=True)
class _Judging:
    """How sets of a kind are judged.

    Args:
        models: Architectures that have a name of their own.
        named: Checks the name of one.
        called: What a table calls one.
        protocol: The protocol of a name, for a set.
        open: What models are tested on.
    """

    models: tuple[str, ...]
    named: Callable[[Any], Any]
    called: Callable[[Any], str]
    protocol: Callable[[Any, Condensed], Any]
    open: Callable[[Condensed, Any, str | Path | None, torch.device], Any]


def _network(model: Any) -> Any:
    """A network as it was given, once its name is known to be one."""
    image_models.named(model)
    return model


_JUDGING = {
    "nodes": _Judging(
        tuple(ARCHITECTURES),
        named,
        name_of,
        lambda protocol, small: get_protocol(protocol or "gcn-600"),
        lambda small, dataset, root, where: Real(source_of(small, dataset, root, device=where)),
    ),
    "graphs": _Judging(
        set_networks.SET_NETWORKS,
        set_networks.named,
        sets.name_of,
        lambda protocol, small: sets.get_set_protocol(protocol),
        sets.opened_set,
    ),
    "images": _Judging(
        tuple(NETWORKS),
        _network,
        images.model_name,
        lambda protocol, small: images.get_image_protocol(protocol, small.steps),
        images.opened_images,
    ),
}


def _run(cells: Sequence[Callable[[], Evaluation]], jobs: int) -> list[Evaluation]:
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    if jobs == 1:
        return [cell() for cell in cells]
    from joblib import Parallel, delayed, parallel_config

    with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
        found: list[Evaluation] = Parallel()(delayed(cell)() for cell in cells)
    return found


def _subject(small: Condensed, name: str, row: Row, *, learned: bool) -> Subject:
    size = row.num_graphs or row.num_nodes
    return Subject(
        dataset=small.source.name,
        method=name,
        num_nodes=size,
        ratio=size / small.source.num_items,
        nbytes=row.nbytes,
        selected_step=small.history.selected_step if learned and small.history.steps else None,
        seconds=small.seconds if learned else None,
    )


def _cell(accuracies: Sequence[float]) -> str:
    if not accuracies:
        return ""
    return f"{statistics.fmean(accuracies):.1f} ± {statistics.pstdev(accuracies):.1f}"
