"""Mean embeddings: what a model sees before it decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from gcond.matching.batch import Batch
from gcond.matching.distance import Signature
from gcond.matching.memory import Full, Memory
from gcond.matching.model import Linear, Model, Theta, is_itemwise
from gcond.matching.signal import Pullback, Signal


@runtime_checkable
class Embedding(Protocol):
    """A model whose embeddings can be looked at."""

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """What enters the classifier, one row per item."""


@dataclass(frozen=True)
class Embeddings:
    r"""Mean embedding of each group, `"Dataset Condensation with Distribution Matching"
    <https://arxiv.org/abs/2110.04181>`_; on graphs the idea of `"Graph Condensation via Receptive
    Field Distribution Matching" <https://arxiv.org/abs/2206.13697>`_.

    .. math:: \Psi_k = \sum_j \omega_{kj} \, \psi_\theta(x_{kj})

    with :math:`\psi` all of the model but its classifier. No derivative by the parameters is
    taken, hence no second one. For softmax regression on propagated features :math:`\psi` is the
    identity, and the signal and its way back are closed.

    Args:
        memory: How many items are embedded at once on the real side, for models whose items do
            not see each other.
    """

    memory: Memory = Full()  # noqa: RUF009 - frozen

    def of(self, model: Model) -> Signal:
        """The signal for a model.

        Raises:
            TypeError: The model shows no embeddings.
        """
        if isinstance(model, Linear):
            return RowMeans()
        if not isinstance(model, Embedding):
            raise TypeError(
                f"{type(model).__name__} shows no embeddings: it needs a method "
                "embed(theta, *inputs) that returns what enters its classifier"
            )
        return EmbeddingMeans(model, self.memory, is_itemwise(model))

    def units(self, model: Model) -> tuple[int | None, ...]:
        return (None,)


@dataclass(frozen=True)
class EmbeddingMeans:
    """Mean embeddings of any model that shows them.

    Args:
        model: The model.
        memory: How many items are embedded at once on the real side.
        apart: Whether items do not see each other, so that a chunk may be embedded by itself.
    """

    model: Embedding
    memory: Memory
    apart: bool

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        if not self.apart:
            with torch.no_grad():
                return (self._means(theta, batch.inputs, batch),)
        return (self._in_chunks(theta, batch),)

    @torch.no_grad()
    def _in_chunks(self, theta: Theta, batch: Batch) -> Tensor:
        """The means, items of several groups in a chunk."""
        groups = batch.groups
        there = groups.weight > 0
        size = self.memory.at_once(there.device)
        places = tuple(part.split(size or len(part)) for part in there.nonzero().T)
        total: Tensor | None = None
        for k, j in zip(*places, strict=True):
            rows = groups.index[k, j]
            seen = self.model.embed(theta, *(t[rows] for t in batch.inputs))
            shares = seen.new_zeros(len(there), len(rows))
            shares[k, torch.arange(len(rows), device=rows.device)] = groups.weight[k, j]
            total = shares @ seen if total is None else total.addmm_(shares, seen)
        assert total is not None
        return total

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        leaves = tuple(t.detach().requires_grad_(t.is_floating_point()) for t in batch.inputs)
        with torch.enable_grad():
            means = self._means(theta, leaves, batch)

        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            asked = [leaf for leaf in leaves if leaf.requires_grad]
            found = iter(torch.autograd.grad(means, asked, cotangent[0], allow_unused=True))
            given = (next(found) if leaf.requires_grad else None for leaf in leaves)
            return tuple(
                torch.zeros_like(leaf) if g is None else g
                for leaf, g in zip(leaves, given, strict=True)
            )

        return (means.detach(),), pullback

    def _means(self, theta: Theta, inputs: tuple[Tensor, ...], batch: Batch) -> Tensor:
        rows = batch.counted(self.model.embed(theta, *inputs))
        return (batch.groups.weight[:, None] @ batch.groups.gather(rows))[:, 0]


@dataclass(frozen=True)
class RowMeans:
    """Closed form for models that classify their input rows as they are."""

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        with torch.no_grad():
            rows = batch.groups.gather(batch.counted(batch.inputs[0]))
            return ((batch.groups.weight[:, None] @ rows)[:, 0],)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            rows = batch.groups.weight[..., None] * cotangent[0][:, None]
            found = batch.groups.scatter(rows, len(batch.y))
            if batch.rows is None:
                return (found,)
            return (torch.zeros_like(batch.inputs[0]).index_add(0, batch.rows, found),)

        return self.measure(theta, batch), pullback
