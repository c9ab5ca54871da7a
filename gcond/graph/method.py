"""Gradient matching on graphs as a value."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcond.graph.adjacency import Adjacency, PairwiseMLP, Structure
from gcond.graph.initialise import BestOf, Initialisation, settled
from gcond.graph.labels import LabelSource, TrainingLabels
from gcond.graph.loaders import Loaded
from gcond.graph.models import SGC, Matcher, Module
from gcond.graph.outcome import Outcome
from gcond.graph.real import RealNodes
from gcond.graph.synthetic import SyntheticGraph
from gcond.graph.task import NodeTask
from gcond.graph.validation import Validation, Validator
from gcond.matching import (
    Advance,
    AllAtOnce,
    Best,
    ByClass,
    CosinePerUnit,
    Distance,
    Fresh,
    Gradients,
    Grouping,
    Kind,
    Last,
    NonFiniteError,
    Observer,
    Plain,
    Plan,
    Progress,
    Schedule,
    Step,
    Stream,
    Task,
    TrainOnSynthetic,
    Turns,
    generator_for,
    match,
    restore,
)
from gcond.matching.ranges import at_least


@dataclass(frozen=True)
class GraphMethod:
    """Gradient matching between a synthetic graph and the real one; a paper fills it in.

    Args:
        name: Name in the registry.
        adjacency: Parameterisation of the structure.
        init: Start of the features.
        labels: Who says what a real node is.
        model: Matching model.
        stream: At which parameters of it the two sides are compared.
        advance: How those move between two matches.
        signal: What is compared.
        grouping: Over which rows.
        distance: How.
        schedule: Lengths of the loops.
        turns: Which part learns when.
        features: Step of the features.
        structure: Step of the structure.
        settle: Begin at features that give the initial ones after propagation on the initial
            structure, so that structure costs nothing at the start.
        hold: In turns of the features alone, keep the adjacency that the structure's turn left,
            instead of one that follows the features; the step is cheaper and another one. The
            result and its scores have the adjacency of its features either way.
        batch_size: Real nodes of each class per step; classes that have more are sampled.
        validator: How a checkpoint is scored.
        selection: Which checkpoint is kept.
    """

    name: str
    schedule: Schedule
    adjacency: Adjacency = PairwiseMLP()  # noqa: RUF009
    init: Initialisation = BestOf()  # noqa: RUF009
    labels: LabelSource = TrainingLabels()  # noqa: RUF009
    model: Matcher = SGC()  # noqa: RUF009
    stream: Stream = Fresh()  # noqa: RUF009
    advance: Advance = TrainOnSynthetic()  # noqa: RUF009
    signal: Kind = Gradients()  # noqa: RUF009
    grouping: Grouping = ByClass()  # noqa: RUF009
    distance: Distance = CosinePerUnit()  # noqa: RUF009
    turns: Turns | AllAtOnce = Turns(1, 4)  # noqa: RUF009
    features: Step = Step(0.03, relative=True, anneal=True)  # noqa: RUF009
    structure: Step = Step(0.001, anneal=True)  # noqa: RUF009
    settle: bool = True
    hold: bool = False
    batch_size: int = 256
    validator: Validator = Validator()  # noqa: RUF009
    selection: Best | Last = Best()  # noqa: RUF009

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size)

    def describe(self) -> str:
        told = "" if isinstance(self.labels, TrainingLabels) else f", {self.labels.describe()}"
        return f"{self.name}, {type(self.model).__name__}{told}"

    def run(
        self,
        task: NodeTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> Outcome:
        """Condenses ``task`` to ``counts[c]`` nodes of each class, or continues a snapshot."""
        if isinstance(self.selection, Best) and not len(task.index["val"]):
            warnings.warn(
                f"{task.name} has no validation nodes, so the last step is kept; set val_mask to "
                "have the best one chosen",
                stacklevel=3,
            )
        validation = Validation(task, self.validator, seed)
        told = self.labels.speak(task, seed)
        if progress is not None and progress.state:
            synthetic = self._resumed(task, progress, counts, seed)
        else:
            synthetic = self.start(told, counts, seed, validation)
        real = self._real(told, counts, validation)
        plan = self.plan(task.num_features, task.num_classes, synthetic.x)
        try:
            run = match(real, synthetic, plan, seed=seed, progress=progress, observers=observers)
        except NonFiniteError as error:
            error.kept = _outcome(synthetic, error.progress)
            raise
        return _outcome(synthetic, run)

    def _real(self, told: NodeTask, counts: Tensor, validation: Validation) -> Task:
        """The real side: the task's own rows, or what a loader of the user's yields."""
        if isinstance(self.model, Module) and self.model.loader is not None:
            loader, where = self.model.loader, told.device
            return Loaded(loader, told.preprocess, counts, self.grouping, validation, where)
        return RealNodes(
            self.model.source(told),
            told.labels("train"),
            counts,
            self.grouping,
            self.batch_size,
            validation,
            soft=None if told.soft is None else torch.as_tensor(told.soft[told.index["train"]]),
            device=told.device,
        )

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> SyntheticGraph:
        """The synthetic graph before its first step; ``task`` is as the label source tells it."""
        found = self.init.start(task, counts, seed, validation)
        x = found.features.to(task.device)
        structure = self.adjacency.start(x, generator_for(seed, "adjacency"))
        scale = float(x.square().mean().sqrt()) or 1.0
        if self.settle:
            x = settled(x, structure, self.model.num_layers)
        return self._synthetic(x, structure, counts, scale, found.soft)

    def _resumed(
        self, task: NodeTask, progress: Progress, counts: Tensor, seed: int
    ) -> SyntheticGraph:
        """A graph of the form that a snapshot fills, without choosing a start again."""
        x, soft = progress.state["features.0"].to(task.device), progress.state.get("labels.0")
        structure = self.adjacency.start(x, generator_for(seed, "adjacency"))
        return self._synthetic(x, structure, counts, progress.scales["features"], soft)

    def _synthetic(
        self,
        x: Tensor,
        structure: Structure,
        counts: Tensor,
        scale: float,
        soft: Tensor | None,
    ) -> SyntheticGraph:
        y = torch.repeat_interleave(torch.arange(len(counts)), counts)
        groups = self.grouping.partition(y, counts, x.dtype).to(x.device)
        y, soft = y.to(x.device), None if soft is None else soft.to(x.device)
        return SyntheticGraph(
            x, y, len(counts), structure, self.model, groups, scale, soft, self.hold
        )

    def plan(self, in_channels: int, out_channels: int, like: Tensor) -> Plan:
        """The method as the loop reads it, for given widths."""
        return Plan(
            model=self.model.of(in_channels, out_channels, like.detach()),
            stream=self.stream,
            advance=self.advance,
            signal=self.signal,
            distance=self.distance,
            augmentation=Plain(),
            schedule=self.schedule,
            turns=self.turns,
            steps={"features": self.features, "structure": self.structure},
            selection=self.selection,
        )


def _outcome(synthetic: SyntheticGraph, run: Progress) -> Outcome:
    """The state that a run prefers, as a result; it is on the CPU."""
    restore(synthetic, run.best_state)
    x, adj = synthetic.graph()
    adj, soft = (None if t is None else t.cpu() for t in (adj, synthetic.soft))
    return Outcome(x.cpu(), adj, synthetic.y.cpu(), run, soft)
