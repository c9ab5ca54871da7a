"""Neighbour sampling as GCond does it, for the plain reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gcond.matching.device import CPU

ALL = -1
"""A fan-out without a limit: the exact neighbourhood."""

Sample = tuple[Tensor, Tensor, list[Tensor]]
"""Target nodes, nodes whose features are read, and sparse operators between them, inner first."""


@dataclass
class Sampler:
    """Targets of a class and a sample of their neighbourhood, drawn anew at each call.

    Edges keep the normalised weights of the full graph, also where only some are drawn, and a
    self-loop is an edge like any other: both as published. The draw is vectorised here, so that
    interpreted loops over nodes do not make the reference look slow.

    Args:
        a_hat: Normalised adjacency with self-loops, scipy CSR.
        classes: Training nodes of each class.
        fanouts: Neighbours drawn per node, outermost layer first.
        batch_size: Most targets of a class.
        seed: Of the draws.
        device: Where they are made, and what they are made from is kept.
    """

    a_hat: Any
    classes: list[Tensor]
    fanouts: tuple[int, ...] = (10, 5)
    batch_size: int = 256
    seed: int = 0
    device: torch.device = CPU
    generator: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.generator = torch.Generator(self.device).manual_seed(self.seed)
        where = self.device
        self.start = torch.as_tensor(self.a_hat.indptr).long().to(where)
        self.column = torch.as_tensor(self.a_hat.indices).long().to(where)
        self.weight = torch.as_tensor(self.a_hat.data).float().to(where)
        self.local = torch.full((self.a_hat.shape[0],), -1, device=where)

    def __call__(self, c: int) -> Sample:
        members = self.classes[c]
        order = torch.randperm(len(members), generator=self.generator, device=self.device)
        targets = nodes = members[order[: self.batch_size]]
        operators = []
        for fanout in self.fanouts:
            nodes, operator = self._hop(nodes, fanout)
            operators.insert(0, operator)
        return targets, nodes, operators

    def _hop(self, nodes: Tensor, fanout: int) -> tuple[Tensor, Tensor]:
        """Nodes in reach, the given ones first, and the operator from them to the given ones."""
        row, edge = self._edges(nodes, fanout)
        column = self.column[edge]
        self.local[nodes] = self._count(nodes)
        reach = torch.cat([nodes, column[self.local[column] < 0].unique()])
        self.local[reach] = self._count(reach)
        index = torch.stack([row, self.local[column]])
        self.local[reach] = -1
        shape = len(nodes), len(reach)
        # Sorted by row and free of duplicates, which is all that the product needs.
        return reach, torch.sparse_coo_tensor(
            index, self.weight[edge], shape, check_invariants=False, is_coalesced=True
        )

    def _edges(self, nodes: Tensor, fanout: int) -> tuple[Tensor, Tensor]:
        """Local rows and edge numbers of at most ``fanout`` edges of each node."""
        first = self.start[nodes]
        degree = self.start[nodes + 1] - first
        row = torch.repeat_interleave(self._count(nodes), degree)
        rank = self._count(row) - (degree.cumsum(0) - degree)[row]
        edge = first[row] + rank
        if fanout == ALL:
            return row, edge
        # Sorting by row plus a random fraction shuffles the edges of each row among themselves.
        options = {"generator": self.generator, "dtype": torch.float64, "device": self.device}
        key = row + torch.rand(len(row), **options)
        kept = rank < fanout
        return row[kept], edge[key.argsort()][kept]

    def _count(self, items: Tensor) -> Tensor:
        return torch.arange(len(items), device=self.device)


@dataclass
class Frozen:
    """The first sample of each class for ever: what remains is the loop without its sampler."""

    sampler: Sampler
    drawn: dict[int, Sample] = field(default_factory=dict)

    def __call__(self, c: int) -> Sample:
        if c not in self.drawn:
            self.drawn[c] = self.sampler(c)
        return self.drawn[c]
