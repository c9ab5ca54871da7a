"""Where a matching model's real inputs come from, for given rows of the training nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.graph.large import reading
from gcond.graph.propagation import to_tensor
from gcond.graph.task import NodeTask, Split
from gcond.matching.device import CPU

DENSE_BYTES = 2**28
"""Propagated rows up to this size are kept dense; larger sparse ones are densified by batch."""


class Source(Protocol):
    """Real inputs of a matching model."""

    @property
    def draws(self) -> bool:
        """Whether equal rows have other inputs in another step."""

    def take(
        self, rows: Tensor, dtype: torch.dtype, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Inputs for the training nodes numbered ``rows``, and which output rows count; what is
        drawn is drawn from the generator."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Independent rows: features of the training nodes, propagated when they are first asked for.

    Args:
        propagated: Gives them: an ndarray, a CSR matrix, or rows on disk, which are read into
            memory where they fit and batch by batch else.
        device: Where those that fit are kept.
    """

    propagated: Callable[[], Any]
    device: torch.device = CPU
    draws = False

    def take(
        self, rows: Tensor, dtype: torch.dtype, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        if self._dense is None:
            return (to_tensor(self.z[rows.numpy()], dtype),), None
        return (self._dense[rows.to(self.device)].to(dtype),), None

    @cached_property
    def z(self) -> Any:
        return self.propagated()

    @cached_property
    def _dense(self) -> Tensor | None:
        if isinstance(self.z, reading.Rows) and not self.z.fits:
            return None
        big = self.z.shape[0] * self.z.shape[1] * 4 > DENSE_BYTES
        if sp.issparse(self.z) and big:
            return None
        matrix = self.z.toarray() if sp.issparse(self.z) else self.z
        return torch.as_tensor(np.asarray(matrix), device=self.device)


@dataclass(frozen=True, eq=False)
class Neighbourhoods:
    """Exact receptive fields of a graph convolutional network, as dense blocks."""

    a_hat: Any
    x: Any
    nodes: Any
    layers: int
    draws = False

    def take(
        self, rows: Tensor, dtype: torch.dtype, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        reach = self.nodes[rows.numpy()]
        blocks = []
        for _ in range(self.layers - 1):
            wanted = self.a_hat[reach]
            reach = np.unique(wanted.indices)
            blocks.append(to_tensor(wanted[:, reach], dtype))
        inner = to_tensor(self.a_hat[reach] @ self.x, dtype)
        return (inner, *reversed(blocks)), None


@dataclass(frozen=True, eq=False)
class WholeGraph:
    """The whole training graph in PyG's form, for modules of unknown depth."""

    task: NodeTask
    draws = False

    def take(
        self, rows: Tensor, dtype: torch.dtype, generator: torch.Generator | None = None
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        x, edge_index, edge_weight, nodes = self._tensors
        counted = nodes[rows.to(nodes.device)]
        return (x.to(dtype), edge_index, edge_weight.to(dtype)), counted

    @cached_property
    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, edge_index, edge_weight, nodes = (
            t.to(self.task.device) for t in in_pyg_form(self.task, "train")
        )
        return x, edge_index, edge_weight, nodes


def in_pyg_form(task: NodeTask, split: Split) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features, ``edge_index`` and ``edge_weight`` of the graph that a split lives on, and the
    split's rows in it."""
    adj, x, rows = task.raw_graph(split)
    return to_tensor(x, torch.float32), *to_edges(adj), torch.as_tensor(rows)


def to_edges(adj: Any) -> tuple[Tensor, Tensor]:
    """``edge_index`` and ``edge_weight`` of a sparse adjacency with a row per target."""
    coo = adj.tocoo()
    edge_index = torch.as_tensor(np.stack([coo.col, coo.row]), dtype=torch.long)
    return edge_index, torch.as_tensor(coo.data)
