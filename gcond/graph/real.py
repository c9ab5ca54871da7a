"""The real side of a match."""

from __future__ import annotations

import torch
from torch import Tensor

from gcond.graph.sources import Source
from gcond.graph.synthetic import SyntheticGraph
from gcond.graph.validation import Validation
from gcond.matching import Batch, Grouping, Groups, Score, SyntheticSet, targets


class RealNodes:
    """The real side of a match: labelled training nodes, all of them or a sample per class.

    Args:
        source: Where the matching model's inputs come from.
        y: Labels of the training nodes.
        counts: Synthetic nodes per class.
        grouping: How rows are grouped.
        batch_size: Most nodes of a class in one step.
        validation: Scores a synthetic graph.
    """

    def __init__(
        self,
        source: Source,
        y: Tensor,
        counts: Tensor,
        grouping: Grouping,
        batch_size: int,
        validation: Validation,
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
        self.groups: Groups = grouping.partition(labels, counts, torch.float32)
        # As distributions once, and not at every step.
        self.targets = targets(labels, len(counts), torch.float32)
        self.whole = None if self.sampled else self._batch(self.members)

    def real(self, generator: torch.Generator) -> Batch:
        """All labelled nodes, or ``batch_size`` of each class drawn with replacement."""
        if self.whole is not None:
            return self.whole
        draw = torch.rand(len(self.owner), generator=generator)
        position = self.first[self.owner] + (draw * self.sizes[self.owner]).long()
        return self._batch(self.members[position])

    def score(self, synthetic: SyntheticSet) -> Score | None:
        assert isinstance(synthetic, SyntheticGraph)
        return self.validation.score(*synthetic.graph(), synthetic.y)

    def _batch(self, rows: Tensor) -> Batch:
        inputs, counted = self.source.take(rows, torch.float32)
        return Batch(inputs, self.targets, self.groups, counted)
