"""Adam on plain tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam

from gcond.matching.task import State


class Adam:
    """Equal to ``torch.optim.Adam`` step by step, with its defaults besides the step size.

    A run is thousands of tiny steps, where the bookkeeping of an optimiser object costs more than
    the arithmetic; and its state is plain named tensors, which go into a file as they are.

    Args:
        leaves: What moves, in place.
        lr: Step size; may be changed between steps.
    """

    def __init__(self, leaves: Sequence[Tensor], lr: float) -> None:
        self.leaves = list(leaves)
        self.lr = lr
        with torch.no_grad():
            self._mean = [torch.zeros_like(t) for t in leaves]
            self._square = [torch.zeros_like(t) for t in leaves]
        self._steps = [torch.zeros((), device=t.device) for t in leaves]
        self._fused = all(t.device.type in ("cpu", "cuda") for t in leaves)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """One step; a leaf without a gradient stays where it is."""
        moving = [i for i, gradient in enumerate(gradients) if gradient is not None]
        adam(
            [self.leaves[i] for i in moving],
            [
                _laid_out(gradient, leaf)
                for gradient, leaf in zip(gradients, self.leaves, strict=True)
                if gradient is not None
            ],
            [self._mean[i] for i in moving],
            [self._square[i] for i in moving],
            [],
            [self._steps[i] for i in moving],
            fused=self._fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.lr,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

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
