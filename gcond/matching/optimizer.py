"""What takes the steps: of a set, and of a model between two matches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from gcond.matching.adam import Adam
from gcond.matching.task import State


class Optimizer(Protocol):
    """Moves tensors in place; its state is plain named tensors."""

    leaves: list[Tensor]
    lr: float

    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """One step; a leaf without a gradient stays where it is."""

    def state(self) -> State:
        """A copy of what it remembers, by name."""

    def restore(self, state: State) -> None:
        """Puts a copy made by :meth:`state` back."""


class SGD:
    """Gradient descent with momentum, equal to ``torch.optim.SGD`` step by step.

    Args:
        leaves: What moves, in place.
        lr: Step size; may be changed between steps.
        momentum: Share of the last step's direction that the next one keeps.
    """

    def __init__(self, leaves: Sequence[Tensor], lr: float, momentum: float = 0.0) -> None:
        self.leaves = list(leaves)
        self.lr, self.momentum = lr, momentum
        # Directions begin at zero, as torch's begin at the first gradient: the same step.
        self._direction = [torch.zeros_like(t, requires_grad=False) for t in leaves if momentum]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None]) -> None:
        for i, (leaf, gradient) in enumerate(zip(self.leaves, gradients, strict=True)):
            if gradient is None:
                continue
            if self.momentum:
                gradient = self._direction[i].mul_(self.momentum).add_(gradient)
            leaf.sub_(gradient, alpha=self.lr)

    def state(self) -> State:
        return {f"direction.{i}": t.clone() for i, t in enumerate(self._direction)}

    def restore(self, state: State) -> None:
        for i, direction in enumerate(self._direction):
            direction.copy_(state[f"direction.{i}"])


def optimizer_of(leaves: Sequence[Tensor], lr: float, momentum: float | None) -> Optimizer:
    """Adam, or gradient descent where a momentum is given."""
    return Adam(leaves, lr) if momentum is None else SGD(leaves, lr, momentum)
