"""Dropout of many models that are trained as one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

AT_ONCE = 2**20
"""Random numbers of the masks that are drawn at a time."""


class Masks:
    """Dropout masks ``[rows, R, h]``, each model's from a generator of its own, on the CPU.

    Args:
        seeds: Of the generators, one per model.
        p: Probability of dropping a unit, one per model.
        rows: Rows of a mask.
        hidden: Width of a mask.
        keep: Do not draw again what was drawn before the last :meth:`rewind`: for trainings of
            the same models on many sets of the same size.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        p: Sequence[float],
        rows: int,
        hidden: int,
        keep: bool = False,
    ) -> None:
        self.any, self.shape, self.keep = any(p), (rows, hidden), keep
        self.p = torch.tensor(p).view(-1, 1)
        self.seeds, self.given, self.ahead = seeds, 0, list[Tensor]()
        self.generators: list[torch.Generator] = []

    def rewind(self) -> None:
        """Back to the first mask."""
        self.given = 0
        if not (self.keep and self.generators):
            self.ahead.clear()
            self.generators = [torch.Generator().manual_seed(seed) for seed in self.seeds]

    def draw(self, like: Tensor) -> Tensor | None:
        """The next mask, divided by the probability of keeping a unit; none without dropout."""
        if not self.any:
            return None
        if self.given == len(self.ahead):
            if not self.keep:
                self.ahead.clear()
                self.given = 0
            # Several epochs at a time: a draw costs more than its numbers.
            times = max(1, AT_ONCE // (len(self.generators) * self.shape[0] * self.shape[1]))
            drawn = [torch.empty(times, *self.shape) for _ in self.generators]
            for each, generator in zip(drawn, self.generators, strict=True):
                each.uniform_(generator=generator)
            kept = torch.stack(drawn, 2) >= self.p
            self.ahead += list(kept.to(like).div_((1 - self.p).to(like)))
        self.given += 1
        return self.ahead[self.given - 1]
