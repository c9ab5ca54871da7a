"""What the papers' networks are made of: sides of maps, normalisations, poolings."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from gcond.image.first_block import first_block, fits

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""
Norm = Literal["none", "instance", "group", "layer", "batch"]
Pooling = Literal["avg", "max", "none"]
Activation = Literal["relu", "leaky_relu", "swish", "sigmoid"]


class Halving(nn.Module):
    """Means of squares of 2 x 2 pixels, as ``AvgPool2d(2)``.

    On a CPU they are a product of pairs of rows with a fixed matrix, several times faster than
    the pooling of torch, in both directions.
    """

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        if x.device.type != "cpu" or height % 2 or width % 2:
            return avg_pool2d(x, 2)
        pairs = x.reshape(-1, 2 * width) @ _halves(width, x.dtype)
        return pairs.view(n, channels, height // 2, width // 2)


@lru_cache(maxsize=32)
def _halves(width: int, dtype: torch.dtype) -> Tensor:
    """Takes two rows of pixels to their means in squares ``[2 width, width / 2]``."""
    place = torch.arange(2 * width, device="cpu")
    return torch.where((place % width // 2)[:, None] == place[: width // 2], 0.25, 0.0).to(dtype)


class Blocks(nn.Sequential):
    """Layers one after the other, of which the first four are a convolution of images, instance
    normalisation, ReLU and :class:`Halving`: on a CPU they are computed as one."""

    def forward(self, x: Tensor) -> Tensor:
        conv, norm, *_ = self
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.GroupNorm)
        joined = fits(x, conv)
        if joined:
            x = first_block(x, conv, norm)
        for layer in list(self)[4 if joined else 0 :]:
            x = layer(x)
        return x


class Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, out: Shape, stride: int, norm: Norm) -> None:
        super().__init__()
        width = out[0]
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            *normalisation(norm, out),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            *normalisation(norm, out),
        )
        plain = stride == 1 and channels == width
        self.shortcut = nn.Sequential(
            *([] if plain else [nn.Conv2d(channels, width, 1, stride, bias=False)]),
            *([] if plain else normalisation(norm, out)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def first_padding(shape: Shape) -> int:
    """Padding of a first 3 x 3 convolution: images of 28 pixels become maps of 32."""
    return 3 if shape[1:] == (28, 28) else 1


def widened(shape: Shape) -> Shape:
    """Channels of the image, and the sides of the map after the first convolution."""
    more = 2 * (first_padding(shape) - 1)
    return shape[0], shape[1] + more, shape[2] + more


def halved(sides: list[int]) -> list[nn.Module]:
    """A max pooling, and the sides it leaves; none on a single pixel."""
    if min(sides) < 2:
        return []
    sides[:] = [n // 2 for n in sides]
    return [nn.MaxPool2d(2)]


def normalisation(norm: Norm, shape: Shape) -> list[nn.Module]:
    """The normalisation of maps, none where it would erase them."""
    channels = shape[0]
    # A map of one pixel has no spread within its channel: instance normalisation would erase it.
    kinds: dict[Norm, Callable[[], list[nn.Module]]] = {
        "none": list,
        "instance": lambda: [nn.GroupNorm(channels, channels)] if shape[1] * shape[2] > 1 else [],
        "group": lambda: [nn.GroupNorm(4, channels)],
        "layer": lambda: [nn.LayerNorm(shape)],
        "batch": lambda: [nn.BatchNorm2d(channels)],
    }
    return kinds[norm]()


ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "swish": nn.SiLU,
    "sigmoid": nn.Sigmoid,
}
POOLS: dict[Pooling, Callable[[], nn.Module]] = {"avg": Halving, "max": lambda: nn.MaxPool2d(2)}
