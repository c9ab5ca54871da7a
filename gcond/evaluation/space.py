"""What an architecture search chooses among."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from gcond.graph.receptive import Hops


@dataclass(frozen=True)
class Candidate:
    """One configuration of a two-layer GNN.

    Args:
        hops: Where it propagates.
        hidden_channels: Width of the hidden layer.
        lr: Step size of Adam.
        weight_decay: L2 penalty.
        dropout: Probability of dropping a hidden unit.
    """

    hops: Hops
    hidden_channels: int
    lr: float
    weight_decay: float
    dropout: float

    @property
    def name(self) -> str:
        """What the family of its propagation is called."""
        before, after, alpha = self.hops.before, self.hops.after, self.hops.alpha
        if alpha:
            first = f"GCN-{before} + " if before else ""
            return f"{first}APPNP-{after} ({alpha:g})"
        if not after:
            return f"SGC-{before}" if before else "MLP"
        return "GCN" if (before, after) == (1, 1) else f"GCN-{before}-{after}"


@dataclass(frozen=True)
class Space:
    """What is searched: every combination of the values given.

    Args:
        hops: Propagations; see :class:`gcond.graph.receptive.Hops`.
        hidden_channels: Widths of the hidden layer.
        lr: Step sizes.
        weight_decay: L2 penalties.
        dropout: Dropout probabilities.
    """

    hops: tuple[Hops, ...] = (
        Hops(0, 0),
        Hops(1, 0),
        Hops(2, 0),
        Hops(3, 0),
        Hops(1, 1),
        Hops(0, 2),
        Hops(0, 5, 0.1),
        Hops(0, 10, 0.1),
        Hops(0, 10, 0.2),
    )
    hidden_channels: tuple[int, ...] = (16, 64, 256)
    lr: tuple[float, ...] = (0.01,)
    weight_decay: tuple[float, ...] = (0.0, 5e-4, 5e-3)
    dropout: tuple[float, ...] = (0.0, 0.5, 0.8)

    def grid(self) -> tuple[Candidate, ...]:
        """All configurations."""
        axes = (self.hops, self.hidden_channels, self.lr, self.weight_decay, self.dropout)
        return tuple(Candidate(*values) for values in product(*axes))

    def sample(self, num: int, seed: int = 0) -> tuple[Candidate, ...]:
        """``num`` different configurations at random, all of them where there are no more."""
        grid = self.grid()
        if num >= len(grid):
            return grid
        chosen = np.random.default_rng(seed).choice(len(grid), num, replace=False)
        return tuple(grid[i] for i in sorted(chosen))
