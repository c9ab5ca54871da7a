r"""A degree-corrected stochastic block model, drawn in chunks.

The model of `"Stochastic blockmodels and community structure in networks"
<https://arxiv.org/abs/1008.3926>`_: an edge joins block :math:`a` to block :math:`b` with
probability :math:`P_{ab}`, and in each block a node by its propensity. Here the propensity of the
node at rank :math:`u \in [0, 1)` of its block is proportional to :math:`(u + u_0)^{-1/2}`: degrees
follow a power law with exponent 3, cut off at about :math:`u_0^{-1/2}` times half the mean. A rank
is then drawn by squaring a uniform number, with no table to search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CHUNK = 1 << 20
"""Edges that are drawn together, part of what a seed means."""

PILOT = 1 << 18
"""Edges that say how many of a number of draws are distinct."""


@dataclass(frozen=True, eq=False)
class BlockModel:
    """Blocks of nodes, and how they are joined.

    Args:
        members: Nodes, block after block, by falling propensity ``[N]``.
        sizes: Nodes of each block ``[B]``.
        mixing: Share of edges between each pair of blocks ``[B, B]``, symmetric, of sum one.
        tail: The :math:`u_0` above.
    """

    members: Array
    sizes: Array
    mixing: Array
    tail: float = 1e-4

    def edges(self, draws: int, seed: Any) -> Iterator[Array]:
        """Undirected edges ``[2, e]``, ``draws`` in all; some occur twice, some are self-loops."""
        for number, start in enumerate(range(0, draws, CHUNK)):
            rng = np.random.default_rng([*seed, number])
            pairs, counts = self._pairs(min(CHUNK, draws - start), rng)
            yield np.stack([self._end(block, counts, rng)[0] for block in pairs])

    def draws(self, distinct: int, seed: Any) -> int:
        r"""How many draws give about ``distinct`` edges that are none twice and no self-loops.

        Of :math:`M` draws, an edge of probability :math:`p` is among them with probability
        :math:`1 - e^{-Mp}`, so that the number of distinct ones is
        :math:`M\, E[(1 - e^{-Mp}) / (Mp)]` over drawn edges, here a sample of them.

        Raises:
            ValueError: The graph has no room for so many.
        """
        rng = np.random.default_rng(seed)
        pairs, counts = self._pairs(PILOT, rng)
        ends = [self._end(block, counts, rng) for block in pairs]
        # An unordered pair is drawn in two orders.
        p = 2 * np.repeat(self.mixing[pairs[0], pairs[1]], counts)
        for _, rank, size in ends:
            p = p * self._share(rank, size)
        proper = ends[0][0] != ends[1][0]

        def found(many: float) -> float:
            return many * float(np.where(proper, -np.expm1(-many * p) / (many * p), 0).mean())

        least, most = distinct / 2, 64.0 * distinct
        if found(most) < distinct:
            raise ValueError(
                f"{distinct} undirected edges do not fit between {len(self.members)} nodes in "
                "such blocks; ask for fewer edges or more nodes"
            )
        for _ in range(50):
            middle = (least + most) / 2
            least, most = (middle, most) if found(middle) < distinct else (least, middle)
        return round(most)

    def _pairs(self, many: int, rng: Any) -> tuple[Array, Array]:
        """Pairs of blocks ``[2, P]``, and how many of so many edges join each."""
        counts = rng.multinomial(many, self.mixing.ravel())
        pairs = np.flatnonzero(counts)
        return np.stack(np.divmod(pairs, len(self.sizes))), counts[pairs]

    def _end(self, block: Array, counts: Array, rng: Any) -> tuple[Array, Array, Array]:
        """A node for each edge into the blocks, its rank, and the size of its block."""
        start = np.repeat((np.cumsum(self.sizes) - self.sizes)[block], counts)
        size = np.repeat(self.sizes[block], counts)
        low = self.tail**0.5
        u = rng.random(len(size)) * ((1 + self.tail) ** 0.5 - low) + low
        rank = np.minimum(((u * u - self.tail) * size).astype(np.int64), size - 1)
        return self.members[start + rank], rank, size

    def _share(self, rank: Array, size: Array) -> Array:
        """What share of its block's edges a node at a rank has."""
        upper, lower = (np.sqrt((rank + k) / size + self.tail) for k in (1, 0))
        return np.asarray((upper - lower) / ((1 + self.tail) ** 0.5 - self.tail**0.5))
