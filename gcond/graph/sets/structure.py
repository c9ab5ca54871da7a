"""How the edges of synthetic graphs are learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from gcond.matching import Draw, generator_for
from gcond.matching.ranges import at_least, known, positive, share


class Edges(Protocol):
    """Learned tensors that give weights ``[G, n, n]``, symmetric and without self-loops."""

    @property
    def parameters(self) -> list[Tensor]:
        """Leaf tensors."""

    def relaxed(self, draw: Draw) -> Tensor | None:
        """Weights in a step, differentiable; ``None`` without edges."""

    def exported(self, seed: int) -> Tensor | None:
        """Weights of the result."""

    def penalty(self) -> Tensor | None:
        """A regulariser, or ``None``."""


class SetStructure(Protocol):
    """A choice of parameterisation."""

    def start(self, adj: Tensor, mask: Tensor) -> Edges:
        """Edges that begin at the weights ``[G, n, n]`` of real graphs; ``mask`` ``[G, n]``
        tells nodes from padding."""


def _pairs(mask: Tensor) -> Tensor:
    """1 for pairs of different nodes that exist ``[G, n, n]``."""
    both = mask[:, :, None] & mask[:, None, :]
    return (both & ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)).float()


@dataclass(frozen=True)
class Bernoulli:
    r"""Independent Bernoulli variables, `"Condensing Graphs via One-Step Gradient Matching"
    <https://arxiv.org/abs/2206.07746>`_, relaxed to binary concrete ones while they are learned.

    .. math:: A_{ij} = \sigma\big((\Omega_{ij} + \log u - \log(1 - u)) / \tau\big),
              \quad u = u_{ij} = u_{ji} \sim U(0, 1)

    Args:
        logit: Start of the logits, positive on the edges of the initial graph, negative elsewhere.
        warm: Temperature at the start of the run.
        cold: Temperature at its end; it falls geometrically over the whole run.
        straight_through: Use the nearest of 0 and 1 in the forward pass.
        sparsity: Weight of the regulariser ``relu(mean(sigmoid(logits)) - initial density)``.
        export: Keep edges of probability above one half, or draw them.
    """

    logit: float = 5.0
    warm: float = 1.0
    cold: float = 0.1
    straight_through: bool = False
    sparsity: float = 0.1
    export: Literal["threshold", "sample"] = "threshold"

    def __post_init__(self) -> None:
        positive(logit=self.logit, warm=self.warm, cold=self.cold)
        at_least(0, sparsity=self.sparsity)
        known(("threshold", "sample"), export=self.export)

    def start(self, adj: Tensor, mask: Tensor) -> Edges:
        pairs = Pairs.of(mask)
        logits = torch.where(adj > 0, self.logit, -self.logit).to(adj.dtype)
        logits = (pairs.take(logits) + pairs.take(logits.mT)) / 2
        density = float((adj > 0).sum() / max(2 * len(logits), 1))
        return _BernoulliEdges(self, logits.requires_grad_(), pairs, density)


@dataclass(frozen=True, eq=False)
class _BernoulliEdges:
    choice: Bernoulli
    logits: Tensor
    pairs: Pairs
    density: float

    @property
    def parameters(self) -> list[Tensor]:
        return [self.logits]

    def relaxed(self, draw: Draw) -> Tensor | None:
        choice = self.choice
        temperature = choice.warm * (choice.cold / choice.warm) ** draw.share
        noise = logistic(self.pairs, self.logits, draw.generator())
        weights = torch.sigmoid((self.logits + noise) / temperature)
        if choice.straight_through:
            weights = weights + ((weights > 0.5).to(weights.dtype) - weights).detach()
        return self.pairs.spread(weights)

    @torch.no_grad()
    def exported(self, seed: int) -> Tensor | None:
        logits = self.logits
        if self.choice.export == "sample":
            logits = logits + logistic(self.pairs, logits, generator_for(seed, "export"))
        return self.pairs.spread((logits > 0).to(logits.dtype))

    def penalty(self) -> Tensor | None:
        if not (self.choice.sparsity and self.logits.requires_grad and len(self.logits)):
            return None
        density = torch.sigmoid(self.logits).mean()
        return self.choice.sparsity * torch.relu(density - self.density)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of different nodes of each graph, one entry for both directions.

    Args:
        upper: Places of ``(i, j)`` with ``i < j`` in weights ``[G, n, n]`` laid out flat.
        lower: Places of ``(j, i)``.
        shape: ``G, n, n``.
    """

    upper: Tensor
    lower: Tensor
    shape: torch.Size

    @staticmethod
    def of(mask: Tensor) -> Pairs:
        """All pairs of nodes that exist; ``mask`` ``[G, n]``."""
        g, i, j = _pairs(mask).triu(1).nonzero().unbind(1)
        n = mask.shape[1]
        return Pairs((g * n + i) * n + j, (g * n + j) * n + i, torch.Size((len(mask), n, n)))

    def take(self, weights: Tensor) -> Tensor:
        """An entry for each pair, above the diagonals of ``[G, n, n]``."""
        return weights.reshape(-1)[self.upper]

    def spread(self, values: Tensor) -> Tensor:
        """Symmetric weights ``[G, n, n]`` from those of the pairs, zero elsewhere."""
        weights: Tensor = _Spread.apply(values, self)  # type: ignore[no-untyped-call]
        return weights


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, pairs: Pairs) -> Tensor:
        ctx.pairs = pairs
        out = values.new_zeros(pairs.shape.numel())
        out[pairs.upper] = values
        out[pairs.lower] = values
        return out.view(pairs.shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        flat = grad.reshape(-1)
        return flat[ctx.pairs.upper] + flat[ctx.pairs.lower], None


def logistic(pairs: Pairs, like: Tensor, generator: torch.Generator) -> Tensor:
    """Logistic noise, the same for both directions of a pair."""
    drawn = torch.rand(pairs.shape, generator=generator, dtype=like.dtype)
    u = pairs.take(drawn.to(like.device))
    u = u.clamp(torch.finfo(like.dtype).tiny, 1 - torch.finfo(like.dtype).eps)
    return u.log() - torch.log1p(-u)


@dataclass(frozen=True)
class Continuous:
    """Weights between 0 and 1, learned as they are and exported as they are.

    Args:
        least: Weights below this are left out of the result.
    """

    least: float = 0.01

    def __post_init__(self) -> None:
        share(least=self.least)

    def start(self, adj: Tensor, mask: Tensor) -> Edges:
        weights = adj.detach().clone().clamp(0.05, 0.95)
        return _ContinuousEdges(self.least, weights.requires_grad_(), _pairs(mask).to(adj.dtype))


@dataclass(frozen=True, eq=False)
class _ContinuousEdges:
    least: float
    weights: Tensor
    pairs: Tensor

    @property
    def parameters(self) -> list[Tensor]:
        return [self.weights]

    def relaxed(self, draw: Draw) -> Tensor | None:
        return self._symmetric()

    @torch.no_grad()
    def exported(self, seed: int) -> Tensor | None:
        adj = self._symmetric()
        return adj * (adj >= self.least)

    def penalty(self) -> Tensor | None:
        return None

    def _symmetric(self) -> Tensor:
        return ((self.weights + self.weights.mT) / 2).clamp(0, 1) * self.pairs


@dataclass(frozen=True)
class Unlearned:
    """The edges of the initial graphs, as they are."""

    def start(self, adj: Tensor, mask: Tensor) -> Edges:
        return _Constant(adj)


@dataclass(frozen=True)
class Edgeless:
    """No edges: each graph is a bag of nodes."""

    def start(self, adj: Tensor, mask: Tensor) -> Edges:
        return _Constant(None)


@dataclass(frozen=True, eq=False)
class _Constant:
    adj: Tensor | None

    @property
    def parameters(self) -> list[Tensor]:
        return []

    def relaxed(self, draw: Draw) -> Tensor | None:
        return self.adj

    def exported(self, seed: int) -> Tensor | None:
        return self.adj

    def penalty(self) -> Tensor | None:
        return None
