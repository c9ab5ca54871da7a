"""How the synthetic graph's adjacency is parameterised.

A choice is a frozen value; ``start`` turns it into learned tensors. All of them give a symmetric
matrix with entries in [0, 1] and a zero diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gcond.graph.edges import edges
from gcond.graph.pairwise import PairEdges, Workspace, pair_edges, pair_edges_back
from gcond.matching.model import uniform
from gcond.matching.ranges import at_least, positive


class Structure(Protocol):
    """Learned tensors that make an adjacency."""

    @property
    def parameters(self) -> list[Tensor]:
        """Leaf tensors."""

    @property
    def constants(self) -> list[Tensor]:
        """Tensors that never move."""

    def __call__(self, x: Tensor) -> Tensor | None:
        """Adjacency ``[n, n]`` for features ``[n, d]``, or ``None`` for no edges."""


EdgesBack = Callable[[Tensor, Tensor | None], tuple[Tensor | None, ...]]
"""Takes the cotangent of an adjacency to those of the parameters, where these learn; adds that of
the features to the one that is given, in place."""


@runtime_checkable
class TracedStructure(Protocol):
    """A structure that knows its way back without autograd."""

    def trace(self, x: Tensor) -> tuple[Tensor, EdgesBack]:
        """The adjacency and the way back; nothing is recorded."""


class Adjacency(Protocol):
    """A choice of parameterisation."""

    def start(self, x: Tensor, generator: torch.Generator) -> Structure:
        """Initial structure for a set that begins with features ``x``."""


@dataclass(frozen=True)
class Identity:
    """No edges: the set is structure-free, and propagation on it does nothing."""

    def start(self, x: Tensor, generator: torch.Generator) -> Structure:
        return _NoEdges()


class _NoEdges:
    parameters: ClassVar[list[Tensor]] = []
    constants: ClassVar[list[Tensor]] = []

    def __call__(self, x: Tensor) -> Tensor | None:
        return None


@dataclass(frozen=True)
class PairwiseMLP:
    r"""An MLP on pairs of features, the structure of `"Graph Condensation for Graph Neural
    Networks" <https://arxiv.org/abs/2110.07580>`_.

    .. math:: A_{ij} = \sigma\Big(\tfrac12 \big(f([x_i; x_j]) + f([x_j; x_i])\big)\Big),
              \quad A_{ii} = 0

    with two hidden layers, batch normalisation over all ``n^2`` pairs (always by the statistics
    of the batch) and ReLU. The first layer and its batch statistics factor over the two
    arguments, which is exact: :math:`W [x_i; x_j] = U x_i + V x_j`, the mean over all pairs is
    the sum of the two means and so is the variance.

    Args:
        hidden_channels: Width of both hidden layers.
        degree: Expected sum of a node's edge weights at the start, nearly equal for all pairs.
            ``None`` leaves that bias as it is drawn (edges of about one half everywhere, the
            papers' choice), which mixes all classes at the start.
    """

    hidden_channels: int = 128
    degree: float | None = 1.0

    def __post_init__(self) -> None:
        at_least(1, hidden_channels=self.hidden_channels)
        if self.degree is not None:
            positive(degree=self.degree)

    def start(self, x: Tensor, generator: torch.Generator) -> Structure:
        d, h = x.shape[1], self.hidden_channels
        ones, zeros = torch.ones_like, torch.zeros_like
        first = uniform((d, 2 * h), 2 * d, generator, x)
        second = uniform((h, h), h, generator, x)
        last = uniform((h,), h, generator, x)
        bias = uniform((1,), h, generator, x)
        if self.degree is not None:
            # Nearly the same weight everywhere, so that the start does not hang on the draw.
            last = 0.1 * last
            bias = torch.full_like(bias, _logit_of_degree(self.degree, len(x)))
        # The biases before batch normalisation would be cancelled by it, so there are none.
        tensors = [first, ones(last), zeros(last), second, ones(last), zeros(last), last, bias]
        return _PairwiseMLP([t.requires_grad_() for t in tensors])


@dataclass(frozen=True)
class _PairwiseMLP:
    constants: ClassVar[list[Tensor]] = []
    parameters: list[Tensor]
    workspace: Workspace = field(default_factory=Workspace)

    def __call__(self, x: Tensor) -> Tensor | None:
        adj: Tensor = PairEdges.apply(  # type: ignore[no-untyped-call]
            self.workspace, x, *self.parameters
        )
        return adj

    @torch.no_grad()
    def trace(self, x: Tensor) -> tuple[Tensor, EdgesBack]:
        adj, kept = pair_edges(self.workspace, x, *self.parameters)
        learns = any(leaf.requires_grad for leaf in self.parameters)

        def back(grad: Tensor, d_x: Tensor | None) -> tuple[Tensor | None, ...]:
            below, found = pair_edges_back(self.workspace, kept, grad, learns)
            if d_x is not None:
                d_x.addmm_(below, kept.first.T)
            return found

        return adj, back


@dataclass(frozen=True)
class FreeLogits:
    r"""One free logit per pair, :math:`A_{ij} = \sigma((L_{ij} + L_{ji}) / 2)`: ``n^2`` parameters
    and no dependence on the features.

    Args:
        degree: Expected sum of a node's edge weights at the start.
        noise: Standard deviation of the initial logits around that value.
    """

    degree: float = 1.0
    noise: float = 0.1

    def __post_init__(self) -> None:
        positive(degree=self.degree)

    def start(self, x: Tensor, generator: torch.Generator) -> Structure:
        n = len(x)
        draw = torch.randn(n, n, generator=generator, dtype=x.dtype).to(x.device)
        logits = _logit_of_degree(self.degree, n) + self.noise * draw
        return _FreeLogits([logits.requires_grad_()])


@dataclass(frozen=True)
class _FreeLogits:
    constants: ClassVar[list[Tensor]] = []
    parameters: list[Tensor]

    def __call__(self, x: Tensor) -> Tensor | None:
        return edges(self.parameters[0])


@dataclass(frozen=True)
class LowRank:
    r"""Logits of low rank, :math:`A = \sigma(s\, Q Q^T / \sqrt r + b)`: ``n r`` parameters.

    Args:
        rank: Number of columns of ``Q``.
        degree: Expected sum of a node's edge weights at the start, set through ``b``.
    """

    rank: int = 8
    degree: float = 1.0

    def __post_init__(self) -> None:
        at_least(1, rank=self.rank)
        positive(degree=self.degree)

    def start(self, x: Tensor, generator: torch.Generator) -> Structure:
        n = len(x)
        q = torch.randn(n, self.rank, generator=generator, dtype=x.dtype).to(x.device)
        bias = x.new_full((1,), _logit_of_degree(self.degree, n))
        scale = x.new_zeros(1)
        return _LowRank([q.requires_grad_(), scale.requires_grad_(), bias.requires_grad_()])


@dataclass(frozen=True)
class _LowRank:
    constants: ClassVar[list[Tensor]] = []
    parameters: list[Tensor]

    def __call__(self, x: Tensor) -> Tensor | None:
        q, scale, bias = self.parameters
        return edges(softplus(scale) * (q @ q.T) / math.sqrt(q.shape[1]) + bias)


@dataclass(frozen=True)
class Cosine:
    r"""Fixed edges between nodes whose features, seen from their mean, point the same way.

    .. math:: S_{ij} = [\cos(x_i - \bar x, x_j - \bar x) > t], \qquad
              A_{ij} = \frac{w\, S_{ij}}{\sqrt{d_i d_j}}

    with ``d`` the row sums of ``S``. For ``w < 1`` the propagation on it can be undone exactly, so
    that the edges cost nothing at the start.

    Args:
        threshold: ``t``.
        weight: ``w``, the most that a node's edges weigh together, beside its own loop of one.
    """

    threshold: float = 0.5
    weight: float = 0.5

    def __post_init__(self) -> None:
        if not -1 <= self.threshold < 1:
            raise ValueError(f"threshold must be from -1 to below 1, got {self.threshold}")
        if not 0 < self.weight < 1:
            raise ValueError(f"weight must be between 0 and 1, got {self.weight}")

    def start(self, x: Tensor, generator: torch.Generator) -> Structure:
        rows = torch.nn.functional.normalize((x - x.mean(0)).detach(), dim=1)
        near = (rows @ rows.T > self.threshold).to(x.dtype).fill_diagonal_(0)
        near = torch.maximum(near, near.T)
        scale = near.sum(1).clamp_min(1).rsqrt()
        return _Constant([self.weight * near * scale[:, None] * scale])


@dataclass(frozen=True)
class _Constant:
    parameters: ClassVar[list[Tensor]] = []
    constants: list[Tensor]

    def __call__(self, x: Tensor) -> Tensor | None:
        return self.constants[0]


def _logit_of_degree(degree: float, n: int) -> float:
    if not degree > 0:
        raise ValueError(f"degree must be positive, got {degree}; Identity() has no edges")
    share = min(degree / max(n - 1, 1), 0.5)
    return math.log(share / (1 - share))
