"""``reproduce``: a paper's row with the paper's settings, ours beside theirs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gcond import recipes
from gcond.condensation import condense
from gcond.condensed import versions
from gcond.datasets import as_image_task, as_task
from gcond.evaluation import ImageProtocol, Protocol, evaluate, get_protocol
from gcond.evaluation.images import get_image_protocol
from gcond.matching import Observer
from gcond.matching.device import Device, device_of


@dataclass(frozen=True)
class Reproduction:
    """What came out of a recipe.

    Args:
        recipe: Its name.
        published: The paper's number as text.
        reported: The number itself, or ``None``.
        spread: Its standard deviation, or ``None``.
        verified: Whether it was read where ``source`` says.
        source: Where it was read.
        accuracies: Test accuracies in percent: for each condensation seed, one per judge.
        validation: Validation accuracies in percent of the judges' kept epochs, likewise.
        seconds: Wall-clock of each condensation.
        steps: Matching steps of each; the last one is kept.
        protocol: Name and hash of the protocol.
        versions: Of what made it.
        notes: What differs from the paper, or is not known of it.
    """

    recipe: str
    published: str
    reported: float | None
    spread: float | None
    verified: bool
    source: str
    accuracies: tuple[tuple[float, ...], ...]
    validation: tuple[tuple[float, ...], ...]
    seconds: tuple[float, ...]
    steps: tuple[int, ...]
    protocol: str
    versions: dict[str, str]
    notes: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Mean test accuracy in percent."""
        return statistics.fmean(a for run in self.accuracies for a in run)

    @property
    def std(self) -> float:
        """Population standard deviation over all runs, in points."""
        return statistics.pstdev([a for run in self.accuracies for a in run])

    def table(self) -> str:
        """Ours beside the paper's, with all that differs."""
        runs, judges = len(self.accuracies), len(self.accuracies[0])
        seconds = statistics.median(self.seconds)
        lines = [
            f"{self.recipe}, last of {self.steps[0]:,} steps, {self.protocol}, mean ± std over "
            f"{runs} condensation x {judges} evaluation seeds, test %",
            f"  ours      {self.mean:.1f} ± {self.std:.1f}   ({seconds:.0f} s for a condensation)",
            f"  published {self.published}   ({self.source})",
        ]
        if self.reported is not None:
            lines.append(f"  difference {self.mean - self.reported:+.1f}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def to_json(self) -> str:
        """All figures as JSON."""
        return json.dumps({**asdict(self), "mean": self.mean, "std": self.std}, indent=2)


def reproduce(
    name: str,
    dataset: Any = None,
    *,
    seeds: int = 1,
    evaluation_seeds: int = 5,
    root: str | Path | None = None,
    device: Device = None,
    progress: bool | None = None,
    observers: Sequence[Observer] = (),
) -> Reproduction:
    """Runs a recipe and judges what its last step leaves; nothing is chosen on test nodes.

    Args:
        name: A recipe, see :func:`gcond.recipes.list_recipes`.
        dataset: Data to run it on, by default the recipe's dataset, opened by its name.
        seeds: Condensations, with the seeds from 0.
        evaluation_seeds: Models that judge each.
        root: Folder of the datasets, for names.
        device: Where it runs, as for :func:`gcond.condense`.
        progress: Show a progress bar; by default in a terminal.
        observers: As for :func:`gcond.condense`.

    Raises:
        ValueError: The recipe is unknown.
        FileNotFoundError: The files of its dataset are not there.
    """
    recipe = recipes.load(name)
    for what, value in (("seeds", seeds), ("evaluation_seeds", evaluation_seeds)):
        if value < 1:
            raise ValueError(f"{what} must be at least 1, got {value}")
    device_of(device)
    task = _opened(recipe, dataset, root)
    protocol = protocol_of(recipe)
    size: dict[str, Any] = {f"num_{recipe.items}": recipe.num_nodes}
    test, validation, seconds, steps = [], [], [], []
    for seed in range(seeds):
        began = time.perf_counter()
        small = condense(
            task,
            **size,
            method=recipe.method,
            seed=seed,
            device=device,
            progress=progress,
            observers=observers,
        )
        seconds.append(time.perf_counter() - began)
        found = evaluate(
            small,
            task,
            protocol=protocol,
            seeds=evaluation_seeds,
            baselines=(),
            device=device,
        )
        test.append(found.rows[0].accuracies)
        validation.append(found.rows[0].validation)
        steps.append(small.history.steps)
    return Reproduction(
        recipe=recipe.name,
        published=recipe.published,
        reported=recipe.reported,
        spread=recipe.spread,
        verified=recipe.verified,
        source=recipe.source,
        accuracies=tuple(test),
        validation=tuple(validation),
        seconds=tuple(seconds),
        steps=tuple(steps),
        protocol=f"protocol {protocol.name} ({protocol.digest})",
        versions=versions(),
        notes=recipe.notes,
    )


def protocol_of(recipe: recipes.Recipe) -> Protocol | ImageProtocol:
    """``gcn-600`` with what the paper's evaluation changes in it; for images the paper's own."""
    if recipe.items == "images":
        return get_image_protocol(recipe.protocol)
    usual = get_protocol("gcn-600")
    if not recipe.training:
        return usual
    changed: Any = recipe.training
    training = replace(usual.training, **changed)
    return replace(usual, name=f"gcn-600, {recipe.dataset}", training=training)


def _opened(recipe: recipes.Recipe, dataset: Any, root: str | Path | None) -> Any:
    if recipe.items == "images":
        data = recipe.dataset if dataset is None else dataset
        return as_image_task(data, root=root, normalize=recipe.normalize)
    return as_task(
        recipe.dataset if dataset is None else dataset,
        root=root,
        setting=recipe.setting,
        normalize=recipe.normalize,
    )
