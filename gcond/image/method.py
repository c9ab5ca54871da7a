"""Matching on images as a value."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcond.image.initialise import ImageInitialisation, SelectedImages
from gcond.image.network_model import NetworkModel
from gcond.image.networks import ConvNet, Network
from gcond.image.outcome import ImageOutcome
from gcond.image.pixels import LearnedRates, Pixels
from gcond.image.real import RealImages
from gcond.image.task import ImageTask
from gcond.image.validation import ImageValidation, ImageValidator
from gcond.matching import (
    Advance,
    AllAtOnce,
    Augmentation,
    Best,
    ByClass,
    Chunked,
    CosinePerUnit,
    Distance,
    Fresh,
    Gradients,
    Grouping,
    Kind,
    Last,
    LossOf,
    NonFiniteError,
    Observer,
    Plain,
    Plan,
    Progress,
    Schedule,
    Step,
    Stream,
    TrainOnSynthetic,
    match,
    restore,
)
from gcond.matching.ranges import at_least


@dataclass(frozen=True)
class ImageMethod:
    """Matching between a few synthetic images and many real ones; a paper fills it in.

    The concepts are those of :class:`gcond.graph.method.GraphMethod`; pixels take the place of
    nodes.

    Args:
        name: Name in the registry.
        schedule: Lengths of the loops.
        network: Matching network.
        init: Images that the synthetic ones start from.
        stream: At which parameters of the network the two sides are compared.
        advance: How those move between two matches.
        signal: What is compared.
        grouping: Over which images.
        distance: How.
        augmentation: What both sides are seen through.
        pixels: Step of the pixels.
        rates: Step sizes that are learned with the images, where the signal trains on them.
        batch_size: Real images of each class per step; classes that have more are sampled.
        sample_once: Draw that sample once for the run, so that what a bank of networks says of
            it is computed once.
        validator: How a checkpoint is scored.
        selection: Which checkpoint is kept, the last one by default; under ``Best()`` the one
            that scores best on the validation images, the start included.
    """

    name: str
    schedule: Schedule
    network: Network = ConvNet()  # noqa: RUF009
    init: ImageInitialisation = SelectedImages()  # noqa: RUF009
    stream: Stream = Fresh()  # noqa: RUF009
    advance: Advance = TrainOnSynthetic(0.01, momentum=0.0, batch_size=256)  # noqa: RUF009
    signal: Kind = Gradients(memory=Chunked())  # noqa: RUF009
    grouping: Grouping = ByClass("equal")  # noqa: RUF009
    distance: Distance | LossOf = CosinePerUnit()  # noqa: RUF009
    augmentation: Augmentation = Plain()  # noqa: RUF009
    pixels: Step = Step(0.1, relative=True, anneal=True)  # noqa: RUF009
    rates: LearnedRates | None = None
    batch_size: int = 256
    sample_once: bool = False
    validator: ImageValidator = ImageValidator()  # noqa: RUF009
    selection: Best | Last = Last()  # noqa: RUF009

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size)

    def describe(self) -> str:
        return f"{self.name}, {type(self.network).__name__}"

    def run(
        self,
        task: ImageTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> ImageOutcome:
        """Condenses ``task`` to ``counts[c]`` images of each class, or continues a snapshot."""
        if isinstance(self.selection, Best) and not len(task.index["val"]):
            warnings.warn(
                f"{task.name} has no validation images, so the last step is kept; give val= to "
                "have the best one chosen",
                stacklevel=3,
            )
        plan = self.plan(task, torch.empty(0, device=task.device))
        if progress is not None and progress.state:
            synthetic = self._pixels(progress.state["pixels.0"], task, counts)
        else:
            synthetic = self.start(task, counts, seed)
        validation = ImageValidation(task, self.validator, self.network, self.stream, seed)
        real = RealImages(
            task, counts, self.grouping, self.batch_size, self.sample_once, validation, seed
        )
        try:
            run = match(real, synthetic, plan, seed=seed, progress=progress, observers=observers)
        except NonFiniteError as error:
            error.kept = _outcome(task, synthetic, error.progress)
            raise
        return _outcome(task, synthetic, run)

    def start(self, task: ImageTask, counts: Tensor, seed: int) -> Pixels:
        """The synthetic images before their first step."""
        return self._pixels(self.init.images(task, counts, seed), task, counts)

    def _pixels(self, x: Tensor, task: ImageTask, counts: Tensor) -> Pixels:
        y = torch.repeat_interleave(torch.arange(len(counts)), counts)
        groups = self.grouping.partition(y, counts, x.dtype)
        rho = None if self.rates is None else self.rates.start(counts)
        groups = groups.to(task.device)
        return Pixels(x.to(task.device), y, task.num_classes, groups, rho=rho)

    def plan(self, task: ImageTask, like: Tensor) -> Plan:
        """The method as the loop reads it."""
        steps = {"pixels": self.pixels}
        if self.rates is not None:
            steps["rates"] = self.rates.step
        return Plan(
            model=NetworkModel(self.network, task.shape, task.num_classes, like),
            stream=self.stream,
            advance=self.advance,
            signal=self.signal,
            distance=self.distance,
            augmentation=self.augmentation,
            schedule=self.schedule,
            turns=AllAtOnce(),
            steps=steps,
            selection=self.selection,
        )


def _outcome(task: ImageTask, synthetic: Pixels, run: Progress) -> ImageOutcome:
    """The state that a run prefers, as a result."""
    restore(synthetic, run.best_state)
    pixels = task.scale.back(synthetic.x.detach().cpu())
    return ImageOutcome(pixels, synthetic.y, run, synthetic.steps())
