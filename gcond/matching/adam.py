"""Adam on plain tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from gcond.matching.task import State

_DEFAULTS: dict[str, Any] = {
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "amsgrad": False,
    "maximize": False,
}
"""Those of ``torch.optim.Adam``."""


class Adam:
    """Equal to ``torch.optim.Adam`` step by step, with its defaults besides the step size.

    A run is thousands of tiny steps, where the bookkeeping of an optimiser object costs more than
    the arithmetic; and its state is plain named tensors, which go into a file as they are.

    Args:
        leaves: What moves, in place.
        lr: Step size; may be changed between steps.
        weight_decay: L2 penalty, added to the gradient.
    """

    def __init__(self, leaves: Sequence[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        self.leaves = list(leaves)
        self.lr, self.weight_decay = lr, weight_decay
        with torch.no_grad():
            self._mean = [torch.zeros_like(t) for t in leaves]
            self._square = [torch.zeros_like(t) for t in leaves]
        kinds = {(t.device, t.dtype) for t in leaves}
        self._fused = len(kinds) == 1 and next(iter(kinds))[0].type in ("cpu", "cuda")
        # Kept in one tensor: counting leaf by leaf takes as long as a small leaf's step.
        self._counts = torch.zeros(len(leaves), device=leaves[0].device if leaves else None)
        self._steps = list(self._counts.unbind())
        self._one = torch.ones_like(self._counts)[:1]  # a number would be cast at every step

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """One step; a leaf without a gradient stays where it is."""
        given = {i: g for i, g in enumerate(gradients) if g is not None}
        if not given:
            return
        found = [_laid_out(gradient, self.leaves[i]) for i, gradient in given.items()]
        leaves, mean, square, steps = (
            held if len(given) == len(held) else [held[i] for i in given]
            for held in (self.leaves, self._mean, self._square, self._steps)
        )
        options = {"lr": self.lr, "weight_decay": self.weight_decay, **_DEFAULTS}
        if not self._fused:
            adam(leaves, found, mean, square, [], steps, **options)
            return
        if len(given) == len(self.leaves):
            self._counts += self._one
        else:
            self._counts[list(given)] += 1
        torch._fused_adam_(leaves, found, mean, square, [], steps, **options)

    def state(self) -> State:
        """A copy of the moments and step counts, by name."""
        return {name: tensor.clone() for name, tensor in self._named().items()}

    def restore(self, state: State) -> None:
        """Puts a copy made by :meth:`state` back."""
        for name, tensor in self._named().items():
            tensor.copy_(state[name])

    def _named(self) -> State:
        kinds = {"mean": self._mean, "square": self._square, "steps": self._steps}
        return {f"{kind}.{i}": t for kind, held in kinds.items() for i, t in enumerate(held)}


def _laid_out(gradient: Tensor, leaf: Tensor) -> Tensor:
    """The gradient in the memory layout of its leaf: the fused kernel pairs entries by it."""
    if gradient.stride() == leaf.stride():
        return gradient
    return torch.empty_like(leaf).copy_(gradient)
