r""":math:`\hat A^K X` of a graph whose features need not fit in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gcond.graph.large import cache
from gcond.graph.large.cache import Journal
from gcond.graph.large.columns import Columns, side_by_side
from gcond.graph.large.edges import Edges, neighbour_sums, open_within, within_splits
from gcond.graph.large.plan import Plan
from gcond.graph.large.reading import File
from gcond.graph.preprocess import Preprocess
from gcond.graph.store import Growing, Store

log = logging.getLogger("gcond")

Array = np.ndarray[Any, Any]
Precision = Literal["float32", "float16"]
Which = Literal["labelled", "all"]
Report = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""


@dataclass(frozen=True, eq=False)
class Propagation:
    r"""What is computed: :math:`\hat A^k X` for ``k`` from 1 to ``hops``, of some rows.

    Args:
        store: The graph.
        preprocess: What is done to its features.
        hops: Number of propagations ``K``.
        within: Whether each split is a graph of its own (the inductive setting).
        which: ``"labelled"`` keeps the rows of nodes in a split, ``"all"`` those of all nodes.
        precision: Type in which rows are kept, on disk and between two hops; sums are formed in
            single precision.
    """

    store: Store
    preprocess: Preprocess
    hops: int
    within: bool = False
    which: Which = "labelled"
    precision: Precision = "float32"

    @property
    def key(self) -> dict[str, Any]:
        """What the result depends on, as plain data."""
        return {
            "format": 1,
            "store": self.store.digest,
            "preprocess": cache.digest(asdict(self.preprocess)),
            "hops": self.hops,
            "within": self.within,
            "which": self.which,
            "precision": self.precision,
        }

    @property
    def rows(self) -> Array:
        """The nodes whose rows are kept, ascending."""
        if self.which == "all":
            return np.arange(self.store.num_nodes)
        return np.flatnonzero(np.asarray(self.store.split) >= 0)

    def run(
        self, folder: Path, memory: int, report: Report = lambda share: None
    ) -> dict[str, File]:
        """The arrays ``hop1``, ..., ``hopK``, each with a row per node of :attr:`rows`, from the
        cache or computed within ``memory`` bytes.

        The computation goes column block by column block, so that two blocks of all nodes fit in
        memory; edges are read from disk once for each hop of each block. A finished block is
        noted in a journal, and a killed computation continues after it, with the same result.

        Args:
            folder: The cache.
            memory: Most bytes of the process, all that it has already included.
            report: Told of the progress.

        Raises:
            MemoryError: Not even a few columns fit in the budget.
        """
        target = folder / cache.digest(self.key)[:16]
        found = cache.kept(target, self.key)
        if found is not None:
            return found
        with cache.held(target):
            found = cache.kept(target, self.key)
            return found if found is not None else self._compute(target, memory, report)

    def _compute(self, target: Path, memory: int, report: Report) -> dict[str, File]:
        began = time.perf_counter()
        plan = Plan.of(self, memory)
        blocks = plan.blocks(self.store.num_features)
        # Sums of a column do not depend on the width, but the files of a journal do.
        journal = Journal.begin(target, self.key, {"width": plan.width})
        edges = self._edges(journal, plan)
        scale = torch.from_numpy(edges.scale())
        needed = self._needed(edges, plan)
        done = _Done(len(blocks) * sum(edges.count(rows) for rows in needed), report)
        columns = Columns(self, journal, plan, blocks)
        for number, block in enumerate(blocks):
            names = [f"hop{k}.{number}" for k in range(1, self.hops + 1)]
            if all(journal.has(name) for name in names):
                done.skip(number + 1, len(blocks))
                continue
            files = {n: journal.array(n, np.dtype(self.precision), (len(block),)) for n in names}
            u = columns.scaled(number, scale)
            for k, file in enumerate(files.values()):
                u = self._hop(edges, u, scale, needed[k : k + 2], file, plan, done)
            journal.finish(**files)
        names = [f"hop{k}" for k in range(1, self.hops + 1)]
        for name in names:
            if not journal.has(name):
                side_by_side(journal, name, len(blocks), plan)
        found = journal.close(names)
        log.info("propagated %s in %.1f s", self.store, time.perf_counter() - began)
        return found

    def _edges(self, journal: Journal, plan: Plan) -> Edges:
        if not self.within:
            return Edges.of(self.store)
        if not (journal.has("indptr") and journal.has("indices")):
            within_splits(self.store, journal, plan.edges)
        return open_within(journal)

    def _needed(self, edges: Edges, plan: Plan) -> list[Array | None]:
        """Masks of the rows that each hop must give, ``None`` for all: those that are kept, and
        before the last hop their neighbours too."""
        if self.which == "all" or self.within:
            return [None] * self.hops
        mask = np.asarray(self.store.split) >= 0
        found: list[Array | None] = []
        for _ in range(self.hops):
            found.insert(0, None if mask.mean() > 0.95 else mask)
            if found[0] is not None and len(found) < self.hops:
                mask = edges.reach(mask, plan.edges)
        return found

    def _hop(
        self,
        edges: Edges,
        u: Tensor,
        scale: Tensor,
        needed: list[Array | None],
        file: Growing,
        plan: Plan,
        done: _Done,
    ) -> Tensor:
        r"""One hop: :math:`H = S (A U + U)` is written for the rows that are kept, and
        :math:`S H` returned for the next hop, where :math:`U = S H_{before}` and
        :math:`S = \tilde D^{-1/2}`. Self-loops are an addition, the normalisation a scaling."""
        last = len(needed) == 1
        wanted = None if self.which == "all" else np.asarray(self.store.split) >= 0
        out = u.new_empty(0) if last else torch.zeros_like(u)
        for piece in edges.pieces(needed[0], plan.edges, plan.rows):
            rows = piece.span or torch.from_numpy(piece.rows)
            h = neighbour_sums(piece, u).float().add_(u[rows])
            h.mul_(scale[rows][:, None])
            if not bool(torch.isfinite(h.sum())):
                raise FloatingPointError(
                    f"sums of neighbours overflow {self.precision}; propagate in float32"
                )
            kept = None if wanted is None else wanted[piece.rows]
            file.add((h if kept is None or kept.all() else h[torch.from_numpy(kept)]).numpy())
            if not last:
                out[rows] = h.mul_(scale[rows][:, None]).to(u.dtype)
            done.add(len(piece.indices))
        return out


class _Done:
    """How far a computation is."""

    def __init__(self, total: int, report: Report) -> None:
        self.total, self.report, self.done = max(total, 1), report, 0

    def add(self, edges: int) -> None:
        self.done += edges
        self.report(min(self.done / self.total, 1.0))

    def skip(self, block: int, blocks: int) -> None:
        """Up to a block, all is done."""
        self.done = self.total * block // blocks
        self.report(self.done / self.total)
