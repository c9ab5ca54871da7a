"""Networks as modules, and as functions of explicit parameters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gcond.image.layers import Shape
from gcond.image.networks import Network
from gcond.matching import Theta
from gcond.matching.model import uniform


class Classifier(nn.Module):
    """Features and a linear classifier on them.

    Args:
        features: Takes images to rows ``[n, d]``.
        head: The classifier.
    """

    def __init__(self, features: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.features = features
        self.head = head

    def embed(self, x: Tensor) -> Tensor:
        """What the classifier sees of images ``[n, C, H, W] -> [n, d]``."""
        rows: Tensor = self.features(x)
        return rows

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embed(x))
        return logits


def blank(network: Network, shape: Shape, num_classes: int) -> Classifier:
    """A module without meaningful parameters; torch's generators are not touched."""
    with torch.device("meta"):
        features = network.features(shape)
        width = features(torch.empty(2, *shape)).shape[1]
        module = Classifier(features, nn.Linear(width, num_classes))
    found = module.to_empty(device="cpu")
    for part in found.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.reset_running_stats()
    return found


def drawn(module: nn.Module, generator: torch.Generator, like: Tensor) -> Theta:
    r"""Fresh parameters as torch draws them by default, :math:`U(\pm 1/\sqrt{fan})` for linear
    maps and convolutions, one and zero for normalisations, from the given generator."""
    return tuple(_parameters(module, generator, like))


@torch.no_grad()
def build(
    network: Network, shape: Shape, num_classes: int, generator: torch.Generator
) -> Classifier:
    """A module with fresh parameters from the generator."""
    module = blank(network, shape, num_classes)
    fresh = drawn(module, generator, torch.empty(0))
    for parameter, value in zip(module.parameters(), fresh, strict=True):
        parameter.copy_(value)
    return module


@dataclass(frozen=True)
class NetworkModel:
    """A network as a function of explicit parameters.

    Batch normalisation normalises by the batch it is shown, in training and matching alike: all
    classes of a side together, as `"Dataset Condensation with Distribution Matching"
    <https://arxiv.org/abs/2110.04181>`_ shows them to such networks. The images of a batch then
    see each other, so that a side is one batch that cannot be cut into pieces.

    Args:
        network: The architecture.
        shape: Channels, height and width of an image.
        num_classes: Number of classes.
        like: A tensor whose dtype and device the parameters take.
    """

    network: Network
    shape: Shape
    num_classes: int
    like: Tensor

    def __post_init__(self) -> None:
        module = blank(self.network, self.shape, self.num_classes).to(self.like)
        norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
        for norm in norms:
            norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
        object.__setattr__(self, "_module", module.requires_grad_(False).eval())
        object.__setattr__(self, "_itemwise", not norms)
        object.__setattr__(self, "_places", _places(module))

    @property
    def module(self) -> Classifier:
        """The module that serves as the function's form."""
        found: Classifier = self.__dict__["_module"]
        return found

    @property
    def units(self) -> tuple[int | None, ...]:
        return tuple(None if p.dim() < 2 else -p.dim() for p in self.module.parameters())

    @property
    def itemwise(self) -> bool:
        return bool(self.__dict__["_itemwise"])

    def draw(self, generator: torch.Generator) -> Theta:
        return drawn(self.module, generator, self.like)

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        with self._at(theta):
            logits: Tensor = self.module(*inputs)
        return logits

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """What the classifier sees of images ``[n, d]``."""
        with self._at(theta):
            return self.module.embed(*inputs)

    @contextmanager
    def _at(self, theta: Theta) -> Iterator[None]:
        """The module with other parameters for a moment. It is what ``functional_call`` of torch
        does, whose search for the parameters by name takes longer than a small network."""
        places: list[Place] = self.__dict__["_places"]
        held = [part[name] for part, name in places]
        try:
            for (part, name), value in zip(places, theta, strict=True):
                part[name] = value
            yield
        finally:
            for (part, name), value in zip(places, held, strict=True):
                part[name] = value


Place = tuple[dict[str, Any], str]
"""The parameters of a part of a module, and the name of one."""


def _places(module: nn.Module) -> list[Place]:
    return [
        (part._parameters, name)
        for part in module.modules()
        for name, _ in part.named_parameters(recurse=False)
    ]


def _parameters(module: nn.Module, generator: torch.Generator, like: Tensor) -> Iterator[Tensor]:
    for part in module.modules():
        fan = part.weight[0].numel() if isinstance(part, nn.Linear | nn.Conv2d) else None
        for name, parameter in part.named_parameters(recurse=False):
            shape = tuple(parameter.shape)
            if fan is not None:
                yield uniform(shape, fan, generator, like)
            else:
                yield like.new_full(shape, float(name == "weight"))
