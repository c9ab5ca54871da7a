"""How a memory budget is spent on a propagation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gcond.graph.large.memory import resident, shown

if TYPE_CHECKING:
    from gcond.graph.large.propagation import Propagation

WIDEST, NARROW = 512, 64
"""Columns that are propagated together at most, and where narrow blocks pay: rows of 64 columns
stay in a processor's cache, which makes their sums up to twice as fast, but what is computed in
blocks is written twice."""

DENSE = 100
"""Neighbours of a node, on average, from which the faster sums are worth the second writing."""

BUFFER = 1 << 26
"""Bytes of a piece at most, read ahead while the one before is worked on."""

PIECES = 1.5
"""Buffers that are filled at once: the neighbours of two pieces, their sums, and a copy of those
that are kept."""

SHARE = 0.97
"""Part of the budget that is planned for; the allocator has the rest."""


@dataclass(frozen=True)
class Plan:
    """How a budget is spent.

    Args:
        width: Columns that are propagated together.
        edges: Edges of a piece.
        rows: Rows of a piece.
        chunk: Rows of the features that are read together.
        spool: Whether features are written out block by block where there are more than two, so
            that they are read once. Those that fit in the budget the system keeps in its memory,
            and to read them again is cheaper.
    """

    width: int
    edges: int
    rows: int
    chunk: int
    spool: bool = True

    @staticmethod
    def of(job: Propagation, memory: int) -> Plan:
        r"""Two blocks ``[N, b]`` (one for a single hop) have what is left of the budget after
        the process as it is, the row pointers, scales and masks, and the pieces; what blocks of
        equal width leave over goes to the pieces."""
        store, base = job.store, resident()
        n, d = store.num_nodes, store.num_features
        fixed = n * (8 + 4 + 2 + job.hops)
        size = n * np.dtype(job.precision).itemsize * (1 if job.hops == 1 else 2)
        left = int(SHARE * memory) - base - fixed
        buffer = max(min(BUFFER, left // 12), 1 << 20)
        room = (left - int(PIECES * buffer)) // max(size, 1)
        if room < min(4, d):
            least = base + fixed + 4 * (1 << 20) + min(4, d) * size
            raise MemoryError(
                f"{shown(memory)} are too little to propagate {n} nodes; the process has "
                f"{shown(base)} already, the graph needs {shown(fixed)} and four columns of "
                f"features {shown(4 * size)}: give memory={int(1.1 * least)} or more"
            )
        width = min(room, d, NARROW if store.num_edges > DENSE * n else WIDEST)
        width = -(-d // -(-d // width))  # blocks of equal width
        buffer = max(min(BUFFER, int((left - width * size) / PIECES)), buffer)
        return Plan(
            width,
            edges=max(buffer // (4 * store.indices.dtype.itemsize), 1),
            rows=max(buffer // (16 * width), 1),
            chunk=max(buffer // (24 * d), 1),
            spool=store.x.nbytes > left,
        )

    def blocks(self, d: int) -> list[range]:
        """Columns of each block."""
        return [range(c, min(c + self.width, d)) for c in range(0, d, self.width)]
