"""The real side of a match."""

from __future__ import annotations

import torch
from torch import Tensor

from gcond.graph.sets.models import SetMatcher
from gcond.graph.sets.synthetic import SyntheticGraphs
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.validation import SetValidation
from gcond.matching import Batch, Grouping, Score, SyntheticSet, generator_for, targets

NODES, GRAPHS = 40_000, 128
"""Nodes of the sample that a run looks at once for each model of a bank, and the fewest graphs of
a class in it."""


class RealGraphs:
    """Training graphs, all of them or a sample per class.

    Args:
        task: The task.
        matcher: The model that sees them.
        counts: Synthetic graphs per class.
        grouping: How graphs are grouped.
        batch_size: Most graphs of a class in one step.
        once: Draw the sample once for the whole run, so that what a pool of models says of it
            does not change. It then has no more than about 40,000 nodes, but at least
            128 graphs of each class: the mean of more says little else.
        validation: Scores a synthetic set.
        seed: Seed of the run.
    """

    def __init__(
        self,
        task: SetTask,
        matcher: SetMatcher,
        counts: Tensor,
        grouping: Grouping,
        batch_size: int,
        once: bool,
        validation: SetValidation,
        seed: int,
    ) -> None:
        self.task, self.matcher, self.counts = task, matcher, counts
        self.grouping, self.validation = grouping, validation
        train = task.numbers("train")
        y = torch.zeros(len(train), dtype=torch.long) if task.several else task.labels("train")
        self.classes = [train[y == c] for c in counts.nonzero().flatten().tolist()]
        room = max(GRAPHS, NODES // (len(self.classes) * task.mean_size))
        self.batch_size = batch_size = min(batch_size, room) if once else batch_size
        sampled = any(len(graphs) > batch_size for graphs in self.classes)
        self.whole: Batch | None = None
        if once or not sampled:
            self.whole = self._batch(generator_for(seed, "real"))

    def real(self, generator: torch.Generator) -> Batch:
        """All graphs, or ``batch_size`` of each class drawn without replacement."""
        return self.whole if self.whole is not None else self._batch(generator)

    def score(self, synthetic: SyntheticSet) -> Score | None:
        assert isinstance(synthetic, SyntheticGraphs)
        y = synthetic.y if self.task.several else synthetic.y.argmax(1)
        return self.validation.score(synthetic.graphs(), y.cpu())

    def _batch(self, generator: torch.Generator) -> Batch:
        drawn = [
            graphs[torch.randperm(len(graphs), generator=generator)[: self.batch_size]]
            if len(graphs) > self.batch_size
            else graphs
            for graphs in self.classes
        ]
        numbers = torch.cat(drawn)
        y = torch.as_tensor(self.task.y[numbers.numpy()])
        classes = torch.zeros(len(y), dtype=torch.long) if self.task.several else y
        groups = self.grouping.partition(classes, self.counts, torch.float32)
        labels = targets(y, self.task.num_classes, torch.float32)
        return Batch(self.matcher.real(self.task, numbers), labels, groups).to(self.task.device)
