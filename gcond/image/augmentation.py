r"""Differentiable augmentation, the same on both sides of a match, `"Dataset Condensation with
Differentiable Siamese Augmentation" <https://arxiv.org/abs/2102.08259>`_.

Transformations act on images as networks see them, ``[n, C, H, W]``; each takes eight numbers from
:math:`U(0, 1)` for every image, so that equal numbers are the equal transformation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from gcond.matching import Batch
from gcond.matching.augmentation import View

Transformation = Callable[[Tensor, Tensor], Tensor]
"""Takes images ``[n, C, H, W]`` and numbers ``[n, 8]``."""
NUMBERS = 8
"""Random numbers of a transformation."""
SHIFT, HOLE, SCALE, DEGREES = 0.125, 0.5, 1.2, 15.0
"""Shares of a side that are shifted at most and cut out, largest scale, largest rotation."""


@dataclass(frozen=True)
class Siamese:
    """One transformation for each class of a batch, the same for its real and its synthetic
    images.

    Args:
        strategy: Transformations to choose from, joined by ``_``: ``color`` (brightness,
            saturation, contrast), ``crop`` (shift by up to an eighth), ``cutout`` (a square of
            half the side), ``flip``, ``scale`` (by 1/1.2 to 1.2), ``rotate`` (by up to 15
            degrees). One of them is drawn for each class. By default all but ``flip``, since
            digits and places mean something else in a mirror.
        per_item: Draw numbers for each image, of one transformation for the whole batch: what
            networks are trained with.
    """

    strategy: str = "color_crop_cutout_scale_rotate"
    per_item: bool = False

    def __post_init__(self) -> None:
        _check_strategy(self.strategy, TRANSFORMATIONS)

    def draw(self, generator: torch.Generator) -> View:
        """One transformation; every batch that it is shown is changed in the same way."""
        return _drawn(self._seen, generator)

    def _seen(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        names = self.strategy.split("_")
        if self.per_item:
            name = names[int(torch.randint(len(names), (), generator=generator))]
            return TRANSFORMATIONS[name](x, _numbers(len(x), generator, x))
        classes = y if y.dim() == 1 else y.argmax(1)
        many = y.shape[1] if y.dim() == 2 else int(classes.max()) + 1
        chosen, drawn = [], []
        for _ in range(many):
            chosen.append(int(torch.randint(len(names), (), generator=generator)))
            drawn.append(_numbers(1, generator, x))
        which, numbers = torch.tensor(chosen).to(classes.device)[classes], torch.cat(drawn)[classes]
        return _each(x, numbers, which, {n: TRANSFORMATIONS[names[n]] for n in sorted(set(chosen))})


@dataclass(frozen=True)
class PerImage:
    """One transformation for each image of a batch, which networks that judge digits are trained
    with in the code of `"Dataset Condensation with Gradient Matching"
    <https://arxiv.org/abs/2006.05929>`_. Places from outside an image have the batch's mean.

    Args:
        strategy: Transformations to choose from, joined by ``_``: ``crop``, ``scale``, ``rotate``.
        crop: Pixels by which an image is shifted at most.
        scale: Share by which each of its sides is shortened or lengthened at most.
        degrees: Largest rotation.
    """

    strategy: str = "crop_scale_rotate"
    crop: int = 4
    scale: float = 0.2
    degrees: float = 45.0

    def __post_init__(self) -> None:
        _check_strategy(self.strategy, self._transformations)

    def draw(self, generator: torch.Generator) -> View:
        """A transformation of its own for each image of a batch."""
        return _drawn(self._seen, generator)

    @property
    def _transformations(self) -> dict[str, Transformation]:
        return {"crop": self._crop, "scale": self._scale, "rotate": self._rotate}

    def _seen(self, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        chosen = [self._transformations[name] for name in self.strategy.split("_")]
        which = torch.randint(len(chosen), (len(x),), generator=generator).to(x.device)
        mean = x.mean((0, 2, 3), keepdim=True)
        numbers = _numbers(len(x), generator, x)
        return _each(x - mean, numbers, which, dict(enumerate(chosen))) + mean

    def _crop(self, x: Tensor, u: Tensor) -> Tensor:
        return _moved(x, *((u[:, i] * 2 * self.crop).long() - self.crop for i in range(2)))

    def _scale(self, x: Tensor, u: Tensor) -> Tensor:
        return _warped(x, torch.diag_embed(1 / (1 + self.scale * (2 * u[:, :2] - 1))))

    def _rotate(self, x: Tensor, u: Tensor) -> Tensor:
        return _turned(x, math.radians(self.degrees) * (2 * u[:, 0] - 1))


def _drawn(seen: Callable[[Tensor, Tensor, torch.Generator], Tensor], of: torch.Generator) -> View:
    """What ``seen`` makes of images and labels, with the same random numbers at every batch."""
    seed = int(torch.randint(2**62, (), generator=of, device=of.device))

    def view(batch: Batch) -> Batch:
        x = seen(batch.inputs[0], batch.y, torch.Generator().manual_seed(seed))
        return replace(batch, inputs=(x, *batch.inputs[1:]))

    return view


def _each(x: Tensor, numbers: Tensor, which: Tensor, by: dict[int, Transformation]) -> Tensor:
    """Images, each through the transformation of its number in ``which``."""
    parts, order = [], []
    for number, transformation in by.items():
        rows = (which == number).nonzero().flatten()
        if not len(rows):
            continue
        parts.append(transformation(x[rows], numbers[rows]))
        order.append(rows)
    return torch.cat(parts)[torch.cat(order).argsort()]


def _check_strategy(strategy: str, known: Iterable[str]) -> None:
    unknown = [name for name in strategy.split("_") if name not in known]
    if unknown:
        raise ValueError(
            f"unknown transformation {unknown[0]!r} in strategy {strategy!r}; known: "
            f"{', '.join(known)}, joined by '_'"
        )


def _numbers(n: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Drawn in one type, so that float32 and float64 images see the same transformation."""
    return torch.rand(n, NUMBERS, generator=generator).to(like)


def _color(x: Tensor, u: Tensor) -> Tensor:
    brightness, saturation, contrast = (u[:, i].view(-1, 1, 1, 1) for i in range(3))
    x = x + (brightness - 0.5)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (2 * saturation) + grey
    level = x.mean((1, 2, 3), keepdim=True)
    return (x - level) * (contrast + 0.5) + level


def _crop(x: Tensor, u: Tensor) -> Tensor:
    most = (int(side * SHIFT + 0.5) for side in x.shape[2:])
    return _moved(x, *((u[:, i] * (2 * m + 1)).long() - m for i, m in enumerate(most)))


def _moved(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Images whose places ``[i, j]`` are read from ``[i + down, j + right]``, zero outside."""
    height, width = x.shape[2:]
    rows, inside_rows = _shifted(height, down)
    columns, inside_columns = _shifted(width, right)
    rows = rows[:, None, :, None].expand(-1, x.shape[1], -1, width)
    columns = columns[:, None, None, :].expand(-1, x.shape[1], height, -1)
    moved = x.gather(2, rows).gather(3, columns)
    return moved * (inside_rows[:, None, :, None] & inside_columns[:, None, None, :])


def _shifted(side: int, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Places ``[n, side]`` that a shifted side is read from, and whether they exist."""
    place = torch.arange(side, device=shift.device) + shift[:, None]
    return place.clamp(0, side - 1), (place >= 0) & (place < side)


def _cutout(x: Tensor, u: Tensor) -> Tensor:
    rows, columns = _hole(x.shape[2], u[:, 0]), _hole(x.shape[3], u[:, 1])
    return x * ~(rows[:, None, :, None] & columns[:, None, None, :])


def _hole(side: int, u: Tensor) -> Tensor:
    """Which places ``[n, side]`` the square covers."""
    size = int(side * HOLE + 0.5)
    first = (u * (side + 1 - size % 2)).long() - size // 2
    place = torch.arange(side, device=u.device)
    return (place >= first[:, None]) & (place < first[:, None] + size)


def _flip(x: Tensor, u: Tensor) -> Tensor:
    return torch.where((u[:, 0] < 0.5).view(-1, 1, 1, 1), x.flip(3), x)


def _scale(x: Tensor, u: Tensor) -> Tensor:
    scale = u[:, :2] * (SCALE - 1 / SCALE) + 1 / SCALE
    return _warped(x, torch.diag_embed(scale))


def _rotate(x: Tensor, u: Tensor) -> Tensor:
    return _turned(x, (2 * u[:, 0] - 1) * math.radians(DEGREES))


def _turned(x: Tensor, angle: Tensor) -> Tensor:
    sin, cos = angle.sin(), angle.cos()
    return _warped(x, torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1))


def _warped(x: Tensor, linear: Tensor) -> Tensor:
    """Bilinear reading at linearly mapped places ``[n, 2, 2]``, zero outside."""
    theta = torch.cat([linear, linear.new_zeros(len(linear), 2, 1)], 2)
    grid = affine_grid(theta, list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


TRANSFORMATIONS: dict[str, Transformation] = {
    "color": _color,
    "crop": _crop,
    "cutout": _cutout,
    "flip": _flip,
    "scale": _scale,
    "rotate": _rotate,
}
"""By name."""
