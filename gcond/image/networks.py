"""The networks of the papers: frozen values that build modules for any shape of image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from gcond.matching import Theta
from gcond.matching.model import uniform

Shape = tuple[int, int, int]
"""Channels, height and width of an image."""
Norm = Literal["none", "instance", "group", "layer", "batch"]
Pooling = Literal["avg", "max", "none"]
Activation = Literal["relu", "leaky_relu", "swish", "sigmoid"]


class Network(Protocol):
    """An architecture."""

    def features(self, shape: Shape) -> nn.Module:
        """Takes images ``[n, C, H, W]`` to what the classifier sees, flattened to ``[n, d]``."""


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
        channels, height, width = _widened(shape)
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
            layers.append(nn.Conv2d(channels, self.width, 3, padding=1 if block else _pad(shape)))
            channels = self.width
            layers += _norm(self.norm, (channels, height, width))
            layers.append(_ACTIVATIONS[self.activation]())
            if self.pooling != "none":
                layers.append(_POOLS[self.pooling](2))
                height, width = height // 2, width // 2
        return nn.Sequential(*layers, nn.Flatten())


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
        layers, (channels, *sides) = list[nn.Module](), _widened(shape)
        pad = _pad(shape) + 1
        for out, kernel, pooled in plan:
            layers += [nn.Conv2d(channels, out, kernel, padding=pad), nn.ReLU()]
            layers += _halved(sides) if pooled else []
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
        layers, (channels, *sides) = list[nn.Module](), _widened(shape)
        pad = _pad(shape)
        for stage in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
            for out in stage:
                layers.append(nn.Conv2d(channels, out, 3, padding=pad))
                layers += [*_norm(self.norm, (out, sides[0], sides[1])), nn.ReLU()]
                channels, pad = out, 1
            layers += _halved(sides)
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
        channels, height, width = _widened(shape)
        layers: list[nn.Module] = [
            nn.Conv2d(channels, 64, 3, padding=_pad(shape), bias=False),
            *_norm(self.norm, (64, height, width)),
            nn.ReLU(),
        ]
        channels = 64
        for out, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)):
            height, width = -(-height // stride), -(-width // stride)
            layers.append(_Residual(channels, (out, height, width), stride, self.norm))
            channels = out
        layers.append(_Residual(channels, (channels, height, width), 1, self.norm))
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

    Args:
        network: The architecture; batch normalisation has state and is refused.
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
        if any(isinstance(part, nn.BatchNorm2d) for part in module.modules()):
            raise ValueError(
                f"{self.network} has batch normalisation, whose statistics tie the images of a "
                "batch together; match through norm='instance', and evaluate with any"
            )
        object.__setattr__(self, "_module", module.requires_grad_(False))

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
        return True

    def draw(self, generator: torch.Generator) -> Theta:
        return drawn(self.module, generator, self.like)

    def __call__(self, theta: Theta, *inputs: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(self.module, self._named(theta), inputs)
        return logits

    def embed(self, theta: Theta, *inputs: Tensor) -> Tensor:
        """What the classifier sees of images ``[n, d]``."""
        prefix = "features."
        inner = {k[len(prefix) :]: v for k, v in self._named(theta).items() if k.startswith(prefix)}
        rows: Tensor = torch.func.functional_call(self.module.features, inner, inputs)
        return rows

    def _named(self, theta: Theta) -> dict[str, Tensor]:
        names = [name for name, _ in self.module.named_parameters()]
        return dict(zip(names, theta, strict=True))


class _Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, out: Shape, stride: int, norm: Norm) -> None:
        super().__init__()
        width = out[0]
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            *_norm(norm, out),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            *_norm(norm, out),
        )
        plain = stride == 1 and channels == width
        self.shortcut = nn.Sequential(
            *([] if plain else [nn.Conv2d(channels, width, 1, stride, bias=False)]),
            *([] if plain else _norm(norm, out)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def _parameters(module: nn.Module, generator: torch.Generator, like: Tensor) -> Iterator[Tensor]:
    for part in module.modules():
        fan = part.weight[0].numel() if isinstance(part, nn.Linear | nn.Conv2d) else None
        for name, parameter in part.named_parameters(recurse=False):
            shape = tuple(parameter.shape)
            if fan is not None:
                yield uniform(shape, fan, generator, like)
            else:
                yield like.new_full(shape, float(name == "weight"))


def _pad(shape: Shape) -> int:
    """Padding of a first 3 x 3 convolution: images of 28 pixels become maps of 32."""
    return 3 if shape[1:] == (28, 28) else 1


def _widened(shape: Shape) -> Shape:
    """Channels of the image, and the sides of the map after the first convolution."""
    more = 2 * (_pad(shape) - 1)
    return shape[0], shape[1] + more, shape[2] + more


def _halved(sides: list[int]) -> list[nn.Module]:
    """A max pooling, and the sides it leaves; none on a single pixel."""
    if min(sides) < 2:
        return []
    sides[:] = [n // 2 for n in sides]
    return [nn.MaxPool2d(2)]


def _norm(norm: Norm, shape: Shape) -> list[nn.Module]:
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


_ACTIVATIONS: dict[Activation, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "swish": nn.SiLU,
    "sigmoid": nn.Sigmoid,
}
_POOLS: dict[Pooling, Callable[[int], nn.Module]] = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
