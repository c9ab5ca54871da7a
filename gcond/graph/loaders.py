"""The real side of a match from a loader of the user's, whatever engine samples for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gcond.graph.preprocess import Preprocess
from gcond.graph.synthetic import SyntheticGraph
from gcond.graph.validation import Validation
from gcond.matching import Batch, Grouping, Score, SyntheticSet, targets
from gcond.matching.device import CPU


@dataclass(eq=False)
class Loaded:
    """Real nodes as a loader yields them: PyG batches with ``x``, ``y`` and ``edge_index`` (and
    ``edge_weight``, where there is one). The first ``batch_size`` nodes count, as in PyG's
    ``NeighborLoader``; without that attribute those of ``train_mask``; without that all.

    Batches are put together until every class that is condensed has a row. What a loader draws is
    its own affair: unlike everything else, a run with one does not repeat bit for bit unless the
    loader does.

    Args:
        loader: Gives the loader for a round.
        preprocess: What is done to its features; what the condensed set says of itself.
        counts: Synthetic nodes per class.
        grouping: How rows are grouped.
        validation: Scores a synthetic graph.
        device: Where batches are needed.
    """

    loader: Callable[[], Iterable[Any]]
    preprocess: Preprocess
    counts: Tensor
    grouping: Grouping
    validation: Validation
    device: torch.device = CPU
    _batches: Iterator[Any] = field(default_factory=lambda: iter(()), init=False)

    def real(self, generator: torch.Generator) -> Batch:
        """The next batch, or as many as it takes to see every class.

        Raises:
            ValueError: A whole round of the loader lacks a class, or yields nothing.
        """
        wanted = set(self.counts.nonzero().flatten().tolist())
        parts: list[Any] = []
        seen: set[int] = set()
        rounds = 0
        while not wanted <= seen:
            data = next(self._batches, None)
            if data is None:
                rounds += 1
                if rounds > 1:
                    raise ValueError(
                        "the loader yields no labelled node of the classes "
                        f"{sorted(wanted - seen)}; every class that is condensed needs one in a "
                        "round"
                    )
                self._batches = iter(self.loader())
                continue
            parts.append(data)
            seen |= set(data.y[_counted(data)].flatten().tolist())
        return self._together(parts)

    def score(self, synthetic: SyntheticSet) -> Score | None:
        assert isinstance(synthetic, SyntheticGraph)
        labels = synthetic.y if synthetic.soft is None else synthetic.soft
        return self.validation.score(*synthetic.graph(), labels)

    def _together(self, parts: list[Any]) -> Batch:
        """Several batches as one graph of separate parts."""
        xs, indices, weights, rows, labels, first = [], [], [], [], [], 0
        for data in parts:
            index, weight = data.edge_index, getattr(data, "edge_weight", None)
            xs.append(torch.as_tensor(self.preprocess(data.x.cpu().numpy())).float())
            indices.append(index.cpu() + first)
            weights.append(torch.ones(index.shape[1]) if weight is None else weight.float().cpu())
            rows.append(_counted(data).cpu() + first)
            labels.append(data.y[_counted(data)].flatten().cpu())
            first += len(data.x)
        y = torch.cat(labels).long()
        # In class order, so that groups are slices wherever they can be.
        kept = torch.isin(y, self.counts.nonzero().flatten())
        order = torch.argsort(y[kept], stable=True)
        y, counted = y[kept][order], torch.cat(rows)[kept][order]
        groups = self.grouping.partition(y, self.counts, torch.float32)
        inputs = (torch.cat(xs), torch.cat(indices, 1), torch.cat(weights))
        known = targets(y, len(self.counts), torch.float32)
        return Batch(inputs, known, groups, counted).to(self.device)


def _counted(data: Any) -> Tensor:
    """Nodes of a batch whose labels count."""
    seeds = getattr(data, "batch_size", None)
    if isinstance(seeds, int):
        return torch.arange(seeds, device=data.y.device)
    mask = getattr(data, "train_mask", None)
    if mask is None:
        return torch.arange(len(data.y), device=data.y.device)
    found: Tensor = mask.nonzero().flatten()
    return found
