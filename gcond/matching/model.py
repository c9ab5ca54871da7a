"""Models whose signals are matched: functions of explicit parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gcond.matching.randomness import seeded

Theta = tuple[Tensor, ...]
"""Parameters of one model."""


class Model(Protocol):
    """A function ``logits = model(theta, *inputs)`` that can draw its own parameters."""

    @property
    def units(self) -> tuple[int | None, ...]:
        """Axis of the output units of each parameter, counted from the end; ``None`` for biases."""

    def draw(self, generator: torch.Generator) -> Theta:
        """Fresh parameters."""

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """Logits, one row per item."""


@runtime_checkable
class Itemwise(Protocol):
    """A model that knows whether the items of a batch see each other in it."""

    @property
    def itemwise(self) -> bool:
        """Whether they do not: no edges between them, no batch statistics."""


def is_itemwise(model: Model) -> bool:
    """Whether a model may be shown the items of a batch in parts; where it does not say so, it
    may not."""
    return isinstance(model, Itemwise) and model.itemwise


def uniform(shape: tuple[int, ...], fan: int, generator: torch.Generator, like: Tensor) -> Tensor:
    r"""Parameters from :math:`U(\pm 1/\sqrt{fan})`, drawn on the generator's device."""
    bound = 1 / math.sqrt(fan)
    draw = torch.rand(shape, generator=generator, device=generator.device, dtype=like.dtype)
    return ((2 * draw - 1) * bound).to(like.device)


@dataclass(frozen=True)
class Linear:
    """Softmax regression ``Z W + b``. On propagated features ``Z`` this is SGC, `"Simplifying
    Graph Convolutional Networks" <https://arxiv.org/abs/1902.07153>`_.

    Args:
        in_channels: Width of the inputs.
        out_channels: Number of classes.
        like: A tensor whose dtype and device the parameters take.
    """

    in_channels: int
    out_channels: int
    like: Tensor

    @property
    def units(self) -> tuple[int | None, ...]:
        return (-1, None)

    def draw(self, generator: torch.Generator) -> Theta:
        d, c = self.in_channels, self.out_channels
        weight = uniform((d, c), d, generator, self.like)
        # Products with a narrow matrix are several times faster with the long axis last.
        return weight.T.contiguous().T, uniform((c,), d, generator, self.like)

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        weight, bias = theta
        return torch.addmm(bias, inputs[0], weight)

    @property
    def itemwise(self) -> bool:
        return True

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """The rows as they are."""
        return inputs[0]


@dataclass(frozen=True)
class MLP:
    """One hidden layer with ReLU, ``relu(Z W1 + b1) W2 + b2``."""

    in_channels: int
    hidden_channels: int
    out_channels: int
    like: Tensor

    @property
    def units(self) -> tuple[int | None, ...]:
        return (-1, None, -1, None)

    def draw(self, generator: torch.Generator) -> Theta:
        d, h, c = self.in_channels, self.hidden_channels, self.out_channels
        return (
            uniform((d, h), d, generator, self.like),
            uniform((h,), d, generator, self.like),
            uniform((h, c), h, generator, self.like),
            uniform((c,), h, generator, self.like),
        )

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        return self.embed(theta, *inputs) @ theta[2] + theta[3]

    @property
    def itemwise(self) -> bool:
        return True

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """The hidden layer."""
        return torch.relu(inputs[0] @ theta[0] + theta[1])


@dataclass(frozen=True)
class Functional:
    """Any module, called with explicit parameters.

    The module's own parameters are never changed. It runs in evaluation mode, so that dropout
    does not differ between the two sides.

    Args:
        factory: Builds a module with fresh parameters from torch's global generator; it is
            called under a fork of that generator, so the caller's random state is untouched.
        like: A tensor whose dtype and device the parameters take.
        call: How the module is called with a batch's inputs; by default ``module(*inputs)``.
        itemwise: The items of a batch do not see each other in the module: no edges between
            them, no batch statistics. Each group's gradient is then one of its own items.
    """

    factory: Callable[[], nn.Module]
    like: Tensor
    call: Callable[..., Tensor] | None = None
    itemwise: bool = False

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            module = self.factory().to(self.like).eval()
        object.__setattr__(self, "_module", _Call(module, self.call))

    @property
    def module(self) -> nn.Module:
        """The module that serves as the function's form."""
        found: nn.Module = self.__dict__["_module"]
        return found

    @property
    def units(self) -> tuple[int | None, ...]:
        return tuple(_unit(p) for p in self.module.parameters())

    def draw(self, generator: torch.Generator) -> Theta:
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
        with seeded(seed):
            fresh = self.factory()
        return tuple(p.detach().to(self.like) for p in fresh.parameters())

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        names = [name for name, _ in self.module.named_parameters()]
        named = dict(zip(names, theta, strict=True))
        logits: Tensor = torch.func.functional_call(self.module, named, inputs)
        return logits

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """What enters the last linear layer, ``[n, d]``.

        Raises:
            TypeError: The module has no linear layer.
        """
        linear = [m for m in self.module.modules() if isinstance(m, nn.Linear)]
        if not linear:
            raise TypeError(
                f"{type(self.module).__name__} has no torch.nn.Linear whose input could be looked "
                "at as an embedding"
            )
        seen: list[Tensor] = []
        hook = linear[-1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self(theta, *inputs)
        finally:
            hook.remove()
        return seen[-1].flatten(1)


class _Call(nn.Module):
    """A module behind an adapter of its call, so that it stays one module for torch.func."""

    def __init__(self, module: nn.Module, call: Callable[..., Tensor] | None) -> None:
        super().__init__()
        self.module = module
        self.adapter = call

    def forward(self, *inputs: Tensor) -> Tensor:
        if self.adapter is None:
            logits: Tensor = self.module(*inputs)
            return logits
        return self.adapter(self.module, *inputs)


def _unit(parameter: Tensor) -> int | None:
    """Linear maps and convolutions are stored ``[out, ...]`` by torch."""
    return None if parameter.dim() < 2 else -parameter.dim()


def as_leaves(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The same numbers, cut off from where they came from, to be differentiated by."""
    return tuple(t.detach().requires_grad_() for t in tensors)
