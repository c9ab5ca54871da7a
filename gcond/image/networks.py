"""The networks of the papers: frozen values that build modules for any shape of image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from gcond.image.layers import (
    ACTIVATIONS,
    POOLS,
    Activation,
    Blocks,
    Norm,
    Pooling,
    Residual,
    Shape,
    first_padding,
    halved,
    normalisation,
    widened,
)


class Network(Protocol):
    """An architecture."""

    def features(self, shape: Shape) -> nn.Module:
        """Takes images ``[n, C, H, W]`` to what the classifier sees, flattened to ``[n, d]``."""


@dataclass(frozen=True)
class ConvNet:
    """Blocks of convolution, normalisation, activation and pooling, and a linear classifier: the
    network of `"Dataset Condensation with Gradient Matching"
    <https://arxiv.org/abs/2006.05929>`_.

    Args:
        width: Channels of each block.
        depth: Number of blocks, by default as many as leave a map of at least 4 x 4 pixels, as in
            the papers: 3 for images of 28 or 32 pixels, 4 for 64, 5 for 128; 1 for 8.
        norm: Normalisation. Instance normalisation is group normalisation with a group for each
            channel; ``"group"`` has four groups.
        pooling: Halves the side after each block.
        activation: Nonlinearity.
    """

    width: int = 128
    depth: int | None = None
    norm: Norm = "instance"
    pooling: Pooling = "avg"
    activation: Activation = "relu"

    def features(self, shape: Shape) -> nn.Module:
        channels, height, width = widened(shape)
        fitting = max(1, int(math.log2(max(1, min(height, width)))) - 2)
        depth = fitting if self.depth is None else self.depth
        least = 2**depth
        if self.pooling != "none" and min(height, width) < least:
            raise ValueError(
                f"a ConvNet of depth {depth} halves the side {depth} times and needs "
                f"images of at least {least} x {least} pixels, got {shape[1]} x {shape[2]}; "
                f"choose a depth of at most {int(math.log2(min(height, width)))}"
            )
        layers: list[nn.Module] = []
        for block in range(depth):
            layers.append(
                nn.Conv2d(channels, self.width, 3, padding=1 if block else first_padding(shape))
            )
            channels = self.width
            layers += normalisation(self.norm, (channels, height, width))
            layers.append(ACTIVATIONS[self.activation]())
            if self.pooling != "none":
                layers.append(POOLS[self.pooling]())
                height, width = height // 2, width // 2
        usual = (self.norm, self.activation, self.pooling) == ("instance", "relu", "avg")
        together = Blocks if depth and usual else nn.Sequential
        return together(*layers, nn.Flatten())


@dataclass(frozen=True)
class MLP:
    """Fully connected layers with ReLU on the pixels.

    Args:
        hidden_channels: Width of each layer.
        num_layers: Hidden layers.
    """

    hidden_channels: int = 128
    num_layers: int = 2

    def features(self, shape: Shape) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        before = math.prod(shape)
        for _ in range(self.num_layers):
            layers += [nn.Linear(before, self.hidden_channels), nn.ReLU()]
            before = self.hidden_channels
        return nn.Sequential(*layers)


@dataclass(frozen=True)
class LeNet:
    """LeNet-5 with ReLU and max pooling, as the papers use it. On images smaller than 28 x 28 its
    second convolution is padded, so that a map is left."""

    def features(self, shape: Shape) -> nn.Module:
        channels, height, width = shape
        first = 2 if min(height, width) <= 28 else 0
        second = 2 if min(height, width) < 28 else 0
        sides = (((n + 2 * first - 4) // 2 + 2 * second - 4) // 2 for n in (height, width))
        return nn.Sequential(
            nn.Conv2d(channels, 6, 5, padding=first),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5, padding=second),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * math.prod(sides), 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
        )


@dataclass(frozen=True)
class AlexNet:
    """The small AlexNet of the papers: five convolutions, no hidden linear layer."""

    def features(self, shape: Shape) -> nn.Module:
        plan = ((128, 5, True), (192, 5, True), (256, 3, False), (192, 3, False), (192, 3, True))
        layers, (channels, *sides) = list[nn.Module](), widened(shape)
        pad = first_padding(shape) + 1
        for out, kernel, pooled in plan:
            layers += [nn.Conv2d(channels, out, kernel, padding=pad), nn.ReLU()]
            layers += halved(sides) if pooled else []
            channels, pad = out, 2 if (out, kernel) == (128, 5) else 1
        return nn.Sequential(*layers, nn.Flatten())


@dataclass(frozen=True)
class VGG11:
    """VGG with eight convolutions, `"Very Deep Convolutional Networks for Large-Scale Image
    Recognition" <https://arxiv.org/abs/1409.1556>`_, with one linear layer. Poolings that would
    leave no pixel are left out.

    Args:
        norm: Normalisation after each convolution.
    """

    norm: Norm = "instance"

    def features(self, shape: Shape) -> nn.Module:
        layers, (channels, *sides) = list[nn.Module](), widened(shape)
        pad = first_padding(shape)
        for stage in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
            for out in stage:
                layers.append(nn.Conv2d(channels, out, 3, padding=pad))
                layers += [*normalisation(self.norm, (out, sides[0], sides[1])), nn.ReLU()]
                channels, pad = out, 1
            layers += halved(sides)
        return nn.Sequential(*layers, nn.Flatten())


@dataclass(frozen=True)
class ResNet18:
    """`"Deep Residual Learning for Image Recognition" <https://arxiv.org/abs/1512.03385>`_ with
    a first convolution for small images and global average pooling.

    Args:
        norm: Normalisation after each convolution.
    """

    norm: Norm = "instance"

    def features(self, shape: Shape) -> nn.Module:
        channels, height, width = widened(shape)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, 64, 3, padding=first_padding(shape), bias=False),
            *normalisation(self.norm, (64, height, width)),
            nn.ReLU(),
        ]
        channels = 64
        for out, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)):
            height, width = -(-height // stride), -(-width // stride)
            layers.append(Residual(channels, (out, height, width), stride, self.norm))
            channels = out
        layers.append(Residual(channels, (channels, height, width), 1, self.norm))
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


NETWORKS: dict[str, Network] = {
    "ConvNet": ConvNet(),
    "MLP": MLP(),
    "LeNet": LeNet(),
    "AlexNet": AlexNet(),
    "VGG11": VGG11(),
    "ResNet18": ResNet18(),
}
"""Architectures by name."""

VARIANTS: dict[str, Network] = {
    **{f"ConvNetD{depth}": ConvNet(depth=depth) for depth in (1, 2, 3, 4)},
    **{f"ConvNetW{width}": ConvNet(width=width) for width in (32, 64, 128, 256)},
    "ConvNetNN": ConvNet(norm="none"),
    "ConvNetBN": ConvNet(norm="batch"),
    "ConvNetLN": ConvNet(norm="layer"),
    "ConvNetGN": ConvNet(norm="group"),
    "ConvNetNP": ConvNet(pooling="none"),
    "ConvNetMP": ConvNet(pooling="max"),
    "ConvNetAS": ConvNet(activation="sigmoid"),
    "ConvNetAL": ConvNet(activation="leaky_relu"),
    "ConvNetASwish": ConvNet(activation="swish"),
    "VGG11BN": VGG11(norm="batch"),
    "ResNet18BN": ResNet18(norm="batch"),
}
"""Variants as the papers name them."""
