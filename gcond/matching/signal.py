"""What is compared: signals of a model on a batch, and the way back to the batch.

The signal of gradient matching is the gradient of each group's loss by the parameters. It has a
closed form for small models, where the way back is an ordinary expression as well, and a general
form for any differentiable module. A signal is chosen by the type of the model, in one table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from gcond.matching.batch import Batch, targets
from gcond.matching.distance import Signature
from gcond.matching.itemwise import ItemwiseGradient
from gcond.matching.memory import Full, Memory
from gcond.matching.model import MLP, Linear, Model, Theta, is_itemwise

Pullback = Callable[[Signature], tuple[Tensor, ...]]
"""Takes the cotangent of a signature to the cotangents of the batch's inputs."""


class Signal(Protocol):
    """Measures a model on a batch."""

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        """One tensor ``[K, *shape]`` per parameter; nothing is recorded."""

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        """The same, with the way back from its cotangent to the batch's inputs."""


class Targets:
    """Signals of the real side; those of a finite pool of models are measured once.

    Args:
        signal: What is measured.
    """

    def __init__(self, signal: Signal) -> None:
        self._signal = signal
        self._known: dict[int, tuple[Batch, Signature]] = {}

    def of(self, theta: Theta, batch: Batch, member: int | None) -> Signature:
        """The signal at ``theta``, model number ``member`` of a pool or none of one."""
        if member is None:
            return self._signal.measure(theta, batch)
        if member not in self._known or not alike(self._known[member][0], batch):
            self._known[member] = batch, self._signal.measure(theta, batch)
        return self._known[member][1]


def alike(one: Batch, other: Batch) -> bool:
    """Whether two batches are the same items in the same groups, not merely equal ones."""
    return one is other or (one.inputs is other.inputs and one.groups is other.groups)


class Kind(Protocol):
    """A choice of what to compare, before the model is known."""

    def of(self, model: Model) -> Signal:
        """The signal of this kind for ``model``."""

    def units(self, model: Model) -> tuple[int | None, ...]:
        """Axis of the output units of each tensor of the signal; ``None`` where it has none."""


@dataclass(frozen=True)
class Gradients:
    r"""Gradients of each group's cross-entropy by the parameters, :math:`\nabla_\theta L_k`.

    Args:
        closed_form: Use the closed form where the model has one. Both forms agree to rounding.
        memory: How many items are differentiated at once, for models whose items do not see
            each other and that have no closed form.
    """

    closed_form: bool = True
    memory: Memory = Full()  # noqa: RUF009 - frozen

    def of(self, model: Model) -> Signal:
        form = CLOSED_FORMS.get(type(model))
        if form is None and is_itemwise(model):
            return ItemwiseGradient(model, self.memory)
        return form(model) if form and self.closed_form else FunctionalGradient(model)

    def units(self, model: Model) -> tuple[int | None, ...]:
        return model.units


@dataclass(frozen=True)
class FunctionalGradient:
    """Group gradients of any model.

    One forward pass, then all groups in one vectorised reverse pass that carries the group
    dimension; the way back differentiates that pass again.
    """

    model: Model

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        with torch.no_grad():
            return self._gradients(theta, batch.inputs, batch)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        leaves = tuple(t.detach().requires_grad_(t.is_floating_point()) for t in batch.inputs)
        with torch.enable_grad():
            signature = self._gradients(theta, leaves, batch)

        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            used = [(g, c) for g, c in zip(signature, cotangent, strict=True) if g.requires_grad]
            found = torch.autograd.grad(
                [g for g, _ in used],
                [leaf for leaf in leaves if leaf.requires_grad],
                [c for _, c in used],
                allow_unused=True,
            )
            given = iter(found)
            return tuple(
                _or_zero(next(given), leaf) if leaf.requires_grad else torch.zeros_like(leaf)
                for leaf in leaves
            )

        return tuple(g.detach() for g in signature), pullback

    def _gradients(self, theta: Theta, inputs: tuple[Tensor, ...], batch: Batch) -> Signature:
        groups = batch.groups

        def losses(*parameters: Tensor) -> Tensor:
            logits = batch.counted(self.model(parameters, *inputs))
            y = targets(batch.y, logits.shape[-1], logits.dtype)
            each = -(y * log_softmax(logits, -1)).sum(-1)
            return (groups.gather(each) * groups.weight).sum(1)

        values, vjp, *_ = torch.func.vjp(losses, *theta)
        eye = torch.eye(len(values), dtype=values.dtype, device=values.device)
        gradients: Signature = torch.func.vmap(vjp)(eye)
        return gradients


def _or_zero(gradient: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if gradient is None else gradient


@dataclass(frozen=True)
class LinearGradient:
    r"""Closed form for softmax regression, value and way back; exact to rounding.

    With rows :math:`Z_k` of group ``k``, weights :math:`\omega`, probabilities :math:`P` and
    residuals :math:`R = P - Y`:

    .. math:: G_k = Z_k^T (\omega_k \circ R_k), \qquad
       \bar Z_k = \omega_k \circ \big(R_k H_k^T + (P_k \circ (T_k - (P_k \circ T_k) 1)) W^T\big),
       \quad T_k = Z_k H_k + 1 h_k^T

    for a cotangent :math:`H_k` of the weight's gradient and :math:`h_k` of the bias's.
    """

    model: Linear

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        with torch.no_grad():
            z, weighted, _ = self._forward(theta, batch)
            return _product(z, weighted), weighted.sum(1)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        with torch.no_grad():
            z, weighted, p = self._forward(theta, batch)
            signature = _product(z, weighted), weighted.sum(1)

        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            h_weight, h_bias = cotangent
            with torch.no_grad():
                t = torch.baddbmm(h_bias[:, None], z, h_weight)
                back = p * (t - (p * t).sum(-1, keepdim=True)) * batch.groups.weight[..., None]
                rows = torch.bmm(weighted, h_weight.mT)
                rows.view(-1, z.shape[-1]).addmm_(back.flatten(0, 1), theta[0].T)
                found = batch.groups.scatter(rows, len(batch.y))
                if batch.rows is None:
                    return (found,)
                return (torch.zeros_like(batch.inputs[0]).index_add(0, batch.rows, found),)

        return signature, pullback

    def _forward(self, theta: Theta, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Rows that count, their weighted residuals and probabilities, group by group."""
        z, gather = batch.counted(batch.inputs[0]), batch.groups.gather
        p = self.model(theta, z).softmax(-1)
        residual = p - targets(batch.y, p.shape[-1], p.dtype)
        return gather(z), gather(residual) * batch.groups.weight[..., None], gather(p)


@dataclass(frozen=True)
class MLPGradient:
    r"""Gradient of a one-hidden-layer ReLU network, written as a forward expression.

    .. math:: G^{(2)}_k = A_k^T \delta_k, \quad
              G^{(1)}_k = Z_k^T \big(\delta_k W_2^T \circ 1[A_k > 0]\big),
              \quad \delta_k = \omega_k \circ (P_k - Y_k)

    Its first derivative is the way back, so no double backward pass is recorded.
    """

    model: MLP

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        with torch.no_grad():
            return self._gradients(theta, batch.inputs[0], batch)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        leaf = batch.inputs[0].detach().requires_grad_()
        with torch.enable_grad():
            signature = self._gradients(theta, leaf, batch)

        def pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            return torch.autograd.grad(signature, (leaf,), cotangent)

        return tuple(g.detach() for g in signature), pullback

    def _gradients(self, theta: Theta, rows: Tensor, batch: Batch) -> Signature:
        w1, b1, w2, b2 = theta
        rows = batch.counted(rows)
        gather = batch.groups.gather
        before = rows @ w1 + b1
        hidden = torch.relu(before)
        p = (hidden @ w2 + b2).softmax(-1)
        delta2 = gather(p - targets(batch.y, p.shape[-1], p.dtype))
        delta2 = delta2 * batch.groups.weight[..., None]
        delta1 = (delta2 @ w2.T) * gather(before > 0)
        return (
            _product(gather(rows), delta1),
            delta1.sum(1),
            _product(gather(hidden), delta2),
            delta2.sum(1),
        )


def _product(rows: Tensor, delta: Tensor) -> Tensor:
    """``rows^T delta`` for each group, laid out with the long axis last.

    Batched products of a wide matrix with a narrow one are several times faster this way round,
    and so is all that is done with a unit's gradient afterwards.
    """
    return torch.bmm(delta.mT, rows).mT


CLOSED_FORMS: dict[type, Callable[[Any], Signal]] = {Linear: LinearGradient, MLP: MLPGradient}
"""Closed forms by type of model; a domain adds those of its own models."""
