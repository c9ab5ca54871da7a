"""Synthetic graphs as a learned set."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from gcond.graph.sets.encoding import Encoding
from gcond.graph.sets.features import Rows
from gcond.graph.sets.models import SetMatcher
from gcond.graph.sets.outcome import SetOutcome, unpadded
from gcond.graph.sets.packed import Packed
from gcond.graph.sets.structure import Edges
from gcond.matching import Batch, Draw, Groups, Progress


class SyntheticGraphs:
    """Learned node features and edges of several graphs, padded to the largest of them.

    Args:
        rows: Learned node features.
        edges: Learned edges.
        mask: Which places hold nodes ``[G, n]``.
        y: Labels as distributions ``[G, C]``, or several labels ``[G, T]``, fixed.
        matcher: The model the set is decoded for.
        groups: How graphs are grouped in the objective.
        seed: Seed of the run, for edges that are exported by drawing.
    """

    def __init__(
        self,
        rows: Rows,
        edges: Edges,
        mask: Tensor,
        y: Tensor,
        matcher: SetMatcher,
        groups: Groups,
        seed: int,
    ) -> None:
        self.rows, self.edges, self.mask, self.y = rows, edges, mask, y
        self.matcher, self.groups, self.seed = matcher, groups, seed
        self.scales = {"features": rows.scale, "structure": 1.0}

    @property
    def parts(self) -> Mapping[str, list[Tensor]]:
        learned = {"features": self.rows.parameters, "structure": self.edges.parameters}
        return {name: leaves for name, leaves in learned.items() if leaves}

    @property
    def constants(self) -> Mapping[str, list[Tensor]]:
        return {}

    def decode(self, draw: Draw) -> Batch:
        """The graphs as the matching model sees them in a step; padding weighs nothing."""
        x = self.rows.relaxed() * self.mask[..., None]
        inputs = self.matcher.view(x, self.edges.relaxed(draw), self.mask)
        return Batch(inputs, self.y, self.groups)

    def penalty(self, batch: Batch) -> Tensor | None:
        return self.edges.penalty()

    @torch.no_grad()
    def graphs(self) -> Packed:
        """The result with encoded rows on the CPU: edges as exported, padding left out."""
        adj = self.edges.exported(self.seed)
        return unpadded(
            self.rows.exported().cpu(), None if adj is None else adj.cpu(), self.mask.cpu()
        )

    def outcome(self, encoding: Encoding, y: Tensor, run: Progress) -> SetOutcome:
        """The result as a method answers it, rows in the form of the dataset where possible."""
        graphs = self.graphs()
        if not self.rows.discrete and encoding.kind == "one-hot":
            return SetOutcome(graphs, True, y, run)
        rows = encoding.decode(graphs.x)
        packed = Packed(rows, graphs.ptr, graphs.edge_index, graphs.edge_weight)
        return SetOutcome(packed, False, y, run)
