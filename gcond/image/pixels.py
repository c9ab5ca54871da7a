"""Images as a learned set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gcond.image.outcome import Steps
from gcond.matching import Batch, Draw, Groups, Step, targets
from gcond.matching.ranges import at_least, positive


@dataclass(frozen=True)
class LearnedRates:
    r"""Step sizes that are learned with the images, :math:`\eta_t = \mathrm{softplus}(\rho_t)`,
    as in `"Dataset Distillation" <https://arxiv.org/abs/1811.10959>`_.

    Args:
        lr: Their first value.
        batches: Batches that the images are cut into; the ``j``-th image of a class belongs to
            batch ``j % batches``. There are no more than images of a class.
        epochs: Passes through the batches.
        step: Step of :math:`\rho`.
    """

    lr: float = 0.02
    batches: int = 10
    epochs: int = 3
    step: Step = Step(0.01)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        positive(lr=self.lr)
        at_least(1, batches=self.batches, epochs=self.epochs)

    def start(self, counts: Tensor) -> Tensor:
        r""":math:`\rho` before the first step, ``[epochs, batches]``."""
        shape = self.epochs, min(self.batches, int(counts.max()))
        return torch.full(shape, self.lr).expm1().log()


class Pixels:
    """Learned images, as networks see them, and the step sizes that belong to them, if any.

    Args:
        x: Initial images ``[n, C, H, W]`` in class order.
        y: Labels ``[n]``, fixed; they stay on the CPU.
        num_classes: Number of classes.
        groups: How images are grouped in the objective.
        scale: Natural scale of a pixel, the unit of relative step sizes.
        rho: Initial step sizes before the softplus ``[epochs, batches]``.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        num_classes: int,
        groups: Groups,
        scale: float = 1.0,
        rho: Tensor | None = None,
    ) -> None:
        # Rounding depends on the memory layout, which a file does not keep: there is one only.
        self.x = x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        self.rho = None if rho is None else rho.detach().clone().to(self.x).requires_grad_()
        self.y, self.groups = y, groups
        self.targets = targets(y, num_classes, x.dtype).to(x.device)
        self.scales = {"pixels": scale, "rates": 1.0}

    @property
    def parts(self) -> Mapping[str, list[Tensor]]:
        rates = {} if self.rho is None else {"rates": [self.rho]}
        return {"pixels": [self.x], **rates}

    @property
    def constants(self) -> Mapping[str, list[Tensor]]:
        return {}

    def decode(self, draw: Draw | None = None) -> Batch:
        """The images, and the step sizes after them."""
        inputs = (self.x,) if self.rho is None else (self.x, softplus(self.rho))
        return Batch(inputs, self.targets, self.groups)

    def penalty(self, batch: Batch) -> Tensor | None:
        return None

    @torch.no_grad()
    def steps(self) -> Steps | None:
        """The training that the images were learned for, where it was learned with them."""
        if self.rho is None:
            return None
        counts = torch.bincount(self.y)
        place = torch.cat([torch.arange(int(n)) for n in counts])
        return Steps(softplus(self.rho).flatten().cpu(), place % self.rho.shape[1])
