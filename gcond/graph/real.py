"""The real side of a match."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from gcond.graph.sources import Source
from gcond.graph.synthetic import SyntheticGraph
from gcond.graph.validation import Validation
from gcond.matching import Batch, Grouping, Groups, Score, SyntheticSet, targets
from gcond.matching.device import CPU


class RealNodes:
    """The real side of a match: labelled training nodes, all of them or a sample per class.

    Args:
        source: Where the matching model's inputs come from.
        y: Labels of the training nodes.
        counts: Synthetic nodes per class.
        grouping: How rows are grouped.
        batch_size: Most nodes of a class in one step.
        validation: Scores a synthetic graph.
        soft: Labels of the training nodes as distributions, where those are matched.
        device: Where batches are needed. Rows are drawn on the CPU.
    """

    def __init__(
        self,
        source: Source,
        y: Tensor,
        counts: Tensor,
        grouping: Grouping,
        batch_size: int,
        validation: Validation,
        soft: Tensor | None = None,
        device: torch.device = CPU,
    ) -> None:
        self.source, self.validation = source, validation
        classes = [(y == c).nonzero().flatten() for c in counts.nonzero().flatten().tolist()]
        self.members = torch.cat(classes)
        sizes = torch.tensor([len(rows) for rows in classes])
        self.first = sizes.cumsum(0) - sizes
        self.take = sizes.clamp_max(batch_size)
        self.sizes, self.sampled = sizes, bool((sizes > batch_size).any())
        self.owner = torch.repeat_interleave(torch.arange(len(sizes)), self.take)
        labels = y[self.members[self.first[self.owner]]]
        self.device = device
        self.groups: Groups = grouping.partition(labels, counts, torch.float32).to(device)
        # As distributions once, and not at every step.
        self.targets = targets(labels, len(counts), torch.float32).to(device)
        self.soft = soft

    def real(self, generator: torch.Generator) -> Batch:
        """All labelled nodes, or ``batch_size`` of each class drawn with replacement."""
        if not self.sampled:
            return self._batch(self.members, generator) if self.source.draws else self._whole
        draw = torch.rand(len(self.owner), generator=generator)
        position = self.first[self.owner] + (draw * self.sizes[self.owner]).long()
        return self._batch(self.members[position], generator)

    def score(self, synthetic: SyntheticSet) -> Score | None:
        assert isinstance(synthetic, SyntheticGraph)
        labels = synthetic.y if synthetic.soft is None else synthetic.soft
        return self.validation.score(*synthetic.graph(), labels)

    @cached_property
    def _whole(self) -> Batch:
        return self._batch(self.members)

    def _batch(self, rows: Tensor, generator: torch.Generator | None = None) -> Batch:
        inputs, counted = self.source.take(rows, torch.float32, generator)
        known = self.targets if self.soft is None else self.soft[rows]
        return Batch(inputs, known, self.groups, counted).to(self.device)
