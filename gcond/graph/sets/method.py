"""Gradient matching on sets of graphs as a value."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gcond.coreset.selectors import JITTER
from gcond.graph.sets.features import Free, SetFeatures
from gcond.graph.sets.initialise import BestStart, SetInitialisation, cut, encoded
from gcond.graph.sets.models import Loss, PooledGCN, SetMatcher
from gcond.graph.sets.outcome import SetOutcome
from gcond.graph.sets.real import RealGraphs
from gcond.graph.sets.structure import Bernoulli, SetStructure
from gcond.graph.sets.synthetic import SyntheticGraphs
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.validation import SetValidation, SetValidator
from gcond.matching import (
    Advance,
    AllAtOnce,
    Bank,
    Best,
    ByClass,
    CosinePerUnit,
    Distance,
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
    Together,
    TrainOnSynthetic,
    Turns,
    generator_for,
    match,
    restore,
    targets,
)
from gcond.matching.ranges import at_least, positive


@dataclass(frozen=True)
class GraphSetMethod:
    """Gradient matching between a few synthetic graphs and many real ones; a paper fills it in.

    The concepts are those of :class:`gcond.graph.method.GraphMethod`; where a set of graphs
    needs a variant of its own, it is in ``gcond/graph/sets``.

    Args:
        name: Name in the registry.
        schedule: Lengths of the loops.
        adjacency: Parameterisation of the edges.
        node_features: Parameterisation of the node features.
        init: Real graphs that the synthetic ones start from. A synthetic graph keeps their
            number of nodes.
        most_nodes: Most nodes of a synthetic graph, as a multiple of the mean of the training
            graphs. Starts are chosen among the graphs that are not larger.
        model: Matching model.
        stream: At which parameters of it the two sides are compared.
        advance: How those move between two matches.
        signal: What is compared.
        grouping: Over which graphs.
        distance: How.
        turns: Which part learns when.
        features: Step of the features.
        structure: Step of the structure.
        batch_size: Real graphs of each class per step; classes that have more are sampled.
        sample_once: Draw that sample once for the run, so that what a bank of models says of it
            is computed once; where graphs are large it has fewer of them.
        validator: How a checkpoint is scored.
        selection: Which checkpoint is kept: by default the best of the start and four more. What
            they are scored on where there are few validation graphs is the validator's choice.
    """

    name: str
    schedule: Schedule
    adjacency: SetStructure = Bernoulli()  # noqa: RUF009
    node_features: SetFeatures = Free()  # noqa: RUF009
    init: SetInitialisation = BestStart()  # noqa: RUF009
    most_nodes: float = 2.0
    model: SetMatcher = PooledGCN()  # noqa: RUF009
    stream: Stream = Bank()  # noqa: RUF009
    advance: Advance = TrainOnSynthetic()  # noqa: RUF009
    signal: Kind = Gradients()  # noqa: RUF009
    grouping: Grouping = ByClass()  # noqa: RUF009
    distance: Distance = CosinePerUnit()  # noqa: RUF009
    turns: Turns | AllAtOnce = AllAtOnce()  # noqa: RUF009
    features: Step = Step(0.2, relative=True, anneal=True)  # noqa: RUF009
    structure: Step = Step(0.03, anneal=True)  # noqa: RUF009
    batch_size: int = 1000
    sample_once: bool = True
    validator: SetValidator = SetValidator()  # noqa: RUF009
    selection: Best | Last = Best(4)  # noqa: RUF009

    def __post_init__(self) -> None:
        at_least(1, batch_size=self.batch_size)
        positive(most_nodes=self.most_nodes)

    def describe(self) -> str:
        return f"{self.name}, {type(self.model).__name__}"

    def run(
        self,
        task: SetTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> SetOutcome:
        """Condenses ``task`` to ``counts[c]`` graphs of each class, or continues a snapshot."""
        if isinstance(self.selection, Best) and not len(task.index["val"]):
            warnings.warn(
                f"{task.name} has no validation graphs, so the last step is kept",
                stacklevel=3,
            )
        validation = SetValidation(task, self.validator, seed)
        synthetic, y = self.start(task, counts, seed, validation)
        if not synthetic.parts:  # constant features and no edges: there is nothing to learn
            return synthetic.outcome(task.encoding, y, Progress())
        real = RealGraphs(
            task,
            self.model,
            counts,
            self._grouping(task),
            self.batch_size,
            self.sample_once,
            validation,
            seed,
        )
        loss: Loss = "sigmoid" if task.several else "softmax"
        plan = self.plan(task.num_features, task.num_classes, synthetic.y, loss)
        try:
            run = match(real, synthetic, plan, seed=seed, progress=progress, observers=observers)
        except NonFiniteError as error:
            restore(synthetic, error.progress.best_state)
            error.kept = synthetic.outcome(task.encoding, y, error.progress)
            raise
        restore(synthetic, run.best_state)
        return synthetic.outcome(task.encoding, y, run)

    def start(
        self, task: SetTask, counts: Tensor, seed: int, validation: SetValidation | None = None
    ) -> tuple[SyntheticGraphs, Tensor]:
        """The synthetic graphs before their first step, and their labels."""
        most = max(1, round(self.most_nodes * task.mean_size))
        numbers = self.init.graphs(task, counts, seed, most, validation)
        y = torch.as_tensor(task.y[numbers.numpy()])
        graphs = encoded(task, cut(task.graphs.take(numbers), most))
        x, adj, mask = graphs.dense()
        x = _apart(x, numbers, seed)
        classes = torch.zeros(len(y), dtype=torch.long) if task.several else y
        groups = self._grouping(task).partition(classes, counts, x.dtype)
        labels = targets(y, task.num_classes, x.dtype)
        x, adj, mask, labels = (t.to(task.device) for t in (x, adj, mask, labels))
        rows = self.node_features.start(x, task.encoding)
        edges, groups = self.adjacency.start(adj, mask), groups.to(task.device)
        return SyntheticGraphs(rows, edges, mask, labels, self.model, groups, seed), y

    def _grouping(self, task: SetTask) -> Grouping:
        """Several labels per graph have no classes to form groups of."""
        return Together(balanced=False) if task.several else self.grouping

    def plan(self, in_channels: int, out_channels: int, like: Tensor, loss: Loss) -> Plan:
        """The method as the loop reads it, for given widths."""
        return Plan(
            model=self.model.of(in_channels, out_channels, like.detach(), loss),
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


def _apart(x: Tensor, numbers: Tensor, seed: int) -> Tensor:
    """Rows with a little noise on graphs that were taken before, so that they can part."""
    again = torch.tril(numbers[:, None] == numbers, -1).any(1)
    if not bool(again.any()):
        return x
    noise = torch.randn(x.shape, generator=generator_for(seed, "init"))
    return torch.where(again[:, None, None], x + JITTER * noise, x)
