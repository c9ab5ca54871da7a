r""":math:`\hat A^K X` of a graph whose features need not fit in memory."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gcond.graph.large import cache
from gcond.graph.large.cache import Journal
from gcond.graph.large.edges import Edges, neighbour_sums, open_within, within_splits
from gcond.graph.large.memory import resident, shown
from gcond.graph.large.reading import File
from gcond.graph.preprocess import Preprocess
from gcond.graph.store import Growing, Store

log = logging.getLogger("gcond")

Array = np.ndarray[Any, Any]
Precision = Literal["float32", "float16"]
Which = Literal["labelled", "all"]
Report = Callable[[float], None]
"""Called with the share that is done, from 0 to 1."""

WIDEST, WHOLE = 64, 128
"""Columns that are propagated together at most, since more of them do not stay in a processor's
cache; up to :data:`WHOLE` it is still cheaper not to cut them."""

BUFFER = 1 << 26
"""Bytes of a piece at most, read ahead while the one before is worked on."""


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
        columns = _Columns(self, journal, plan, blocks)
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
                _side_by_side(journal, name, len(blocks), plan)
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


@dataclass(frozen=True)
class Plan:
    """How a budget is spent.

    Args:
        width: Columns that are propagated together.
        edges: Edges of a piece.
        rows: Rows of a piece.
        chunk: Rows of the features that are read together.
    """

    width: int
    edges: int
    rows: int
    chunk: int

    @staticmethod
    def of(job: Propagation, memory: int) -> Plan:
        r"""Two blocks ``[N, b]`` (one for a single hop) have what is left of the budget after
        the process as it is, the row pointers, scales and masks, and four pieces."""
        store, base = job.store, resident()
        n, d = store.num_nodes, store.num_features
        fixed = n * (8 + 4 + 2 + job.hops)
        size = np.dtype(job.precision).itemsize * (1 if job.hops == 1 else 2)
        left = int(0.97 * memory) - base - fixed
        buffer = max(min(BUFFER, left // 12), 1 << 20)
        widest = d if d <= WHOLE else WIDEST
        room = (left - 4 * buffer) // max(n * size, 1)
        width = min(room, widest)
        if room < min(4, d):
            least = base + fixed + 4 * (1 << 20) + min(4, d) * n * size
            raise MemoryError(
                f"{shown(memory)} are too little to propagate {n} nodes; the process has "
                f"{shown(base)} already, the graph needs {shown(fixed)} and four columns of "
                f"features {shown(4 * n * size)}: give memory={int(1.1 * least)} or more"
            )
        if width < d:
            width = -(-d // -(-d // width))  # blocks of equal width
        return Plan(
            width,
            edges=max(buffer // (4 * store.indices.dtype.itemsize), 1),
            rows=max(buffer // (16 * width), 1),
            chunk=max(buffer // (24 * d), 1),
        )

    def blocks(self, d: int) -> list[range]:
        """Columns of each block."""
        return [range(c, min(c + self.width, d)) for c in range(0, d, self.width)]


class _Columns:
    """Prepared features, column block by column block. Where there are more than two, all of them
    are written out once, so that the features are read once and not for every block."""

    def __init__(self, job: Propagation, journal: Journal, plan: Plan, blocks: list[range]) -> None:
        self.job, self.journal, self.plan, self.blocks = job, journal, plan, blocks
        self.source = File.of(job.store.x)
        if len(blocks) > 2 and not all(journal.has(self._name(i)) for i in range(len(blocks))):
            self._spool()

    @staticmethod
    def _name(number: int) -> str:
        return f"hop0.{number}"

    def scaled(self, number: int, scale: Tensor) -> Tensor:
        r""":math:`S X` of a block's columns ``[N, b]``."""
        block, dtype = self.blocks[number], getattr(torch, self.job.precision)
        out = torch.empty(self.job.store.num_nodes, len(block), dtype=dtype)
        spooled = self._name(number) in self.journal.done
        for rows, found in self._spooled(number) if spooled else self._prepared():
            part = found if spooled else found[:, block.start : block.stop]
            out[rows] = torch.from_numpy(part).float().mul_(scale[rows][:, None])
        return out

    def _prepared(self) -> Iterator[tuple[slice, Array]]:
        for start in range(0, self.source.shape[0], self.plan.chunk):
            stop = min(start + self.plan.chunk, self.source.shape[0])
            x = self.source.read(start, stop).astype(np.float32, copy=False)
            yield slice(start, stop), self.job.preprocess(x)

    def _spooled(self, number: int) -> Iterator[tuple[slice, Array]]:
        file = self.journal.file(self._name(number))
        step = self.plan.rows
        for start in range(0, file.shape[0], step):
            stop = min(start + step, file.shape[0])
            yield slice(start, stop), file.read(start, stop)

    def _spool(self) -> None:
        dtype = np.dtype(self.job.precision)
        files = {
            self._name(i): self.journal.array(self._name(i), dtype, (len(block),))
            for i, block in enumerate(self.blocks)
        }
        for _, x in self._prepared():
            for file, block in zip(files.values(), self.blocks, strict=True):
                file.add(x[:, block.start : block.stop])
        self.journal.finish(**files)


def _side_by_side(journal: Journal, name: str, blocks: int, plan: Plan) -> None:
    """Puts the columns of all blocks together, row by row."""
    if blocks == 1:
        journal.rename(f"{name}.0", name)
        return
    parts = [journal.file(f"{name}.{i}") for i in range(blocks)]
    width = sum(part.shape[1] for part in parts)
    out = journal.array(name, parts[0].dtype, (width,))
    for start in range(0, parts[0].shape[0], plan.chunk):
        stop = min(start + plan.chunk, parts[0].shape[0])
        out.add(np.concatenate([part.read(start, stop) for part in parts], 1))
    journal.finish(**{name: out})


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
