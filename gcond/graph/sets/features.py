"""How the node features of synthetic graphs are learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from gcond.graph.sets.encoding import Encoding


class Rows(Protocol):
    """Learned tensors that give encoded rows ``[G, n, d]``."""

    @property
    def parameters(self) -> list[Tensor]:
        """Leaf tensors."""

    @property
    def scale(self) -> float:
        """Their natural scale, the unit of relative step sizes."""

    @property
    def discrete(self) -> bool:
        """Whether the result holds categories, or numbers in the encoded space."""

    def relaxed(self) -> Tensor:
        """Encoded rows in a step, differentiable."""

    def exported(self) -> Tensor:
        """Encoded rows of the result."""


class SetFeatures(Protocol):
    """A choice of parameterisation."""

    def start(self, x: Tensor, encoding: Encoding) -> Rows:
        """Rows that begin at the encoded rows ``[G, n, d]`` of real graphs."""


@dataclass(frozen=True)
class Free:
    """Any numbers in the encoded space; the result is not made of categories."""

    def start(self, x: Tensor, encoding: Encoding) -> Rows:
        if encoding.kind == "one-hot" and not encoding.blocks:
            return _ConstantRows(x)
        rows = x[x.any(-1)]  # padding has no scale
        scale = float(rows.square().mean().sqrt()) if len(rows) else 1.0
        return _FreeRows(x.detach().clone().contiguous().requires_grad_(), scale)


@dataclass(frozen=True, eq=False)
class _FreeRows:
    x: Tensor
    scale: float
    discrete: bool = False

    @property
    def parameters(self) -> list[Tensor]:
        return [self.x]

    def relaxed(self) -> Tensor:
        return self.x

    def exported(self) -> Tensor:
        return self.x.detach()


@dataclass(frozen=True)
class Categorical:
    """A softmax over the categories of each input column, exported as the likeliest one, so that
    ordinary models of the dataset train on the result. Features that are measurements are free.

    Args:
        certainty: Probability of the initial category at the start.
        straight_through: Use the likeliest category in the forward pass.
    """

    certainty: float = 0.9
    straight_through: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.certainty < 1:
            raise ValueError(f"certainty must lie between 0 and 1, got {self.certainty}")

    def start(self, x: Tensor, encoding: Encoding) -> Rows:
        if encoding.kind != "one-hot":
            return Free().start(x, encoding)
        if not encoding.blocks:
            return _ConstantRows(x)
        share = self.certainty
        above = torch.cat(
            [x.new_full((k,), math.log(share * (k - 1) / (1 - share))) for k in encoding.blocks]
        )
        logits = (x.detach() * above).contiguous()
        return _SoftmaxRows(logits.requires_grad_(), encoding.blocks, self.straight_through)


@dataclass(frozen=True, eq=False)
class _SoftmaxRows:
    logits: Tensor
    blocks: tuple[int, ...]
    straight_through: bool
    scale: float = 1.0
    discrete: bool = True

    @property
    def parameters(self) -> list[Tensor]:
        return [self.logits]

    def relaxed(self) -> Tensor:
        soft = torch.cat(
            [part.softmax(-1) for part in torch.split(self.logits, list(self.blocks), -1)], -1
        )
        return soft + (self.exported() - soft).detach() if self.straight_through else soft

    def exported(self) -> Tensor:
        parts = torch.split(self.logits.detach(), list(self.blocks), -1)
        hot = [one_hot(part.argmax(-1), part.shape[-1]) for part in parts]
        return torch.cat(hot, -1).to(self.logits.dtype)


@dataclass(frozen=True, eq=False)
class _ConstantRows:
    """Features that do not vary have nothing to learn."""

    x: Tensor
    scale: float = 1.0
    discrete: bool = True

    @property
    def parameters(self) -> list[Tensor]:
        return []

    def relaxed(self) -> Tensor:
        return self.x

    def exported(self) -> Tensor:
        return self.x
