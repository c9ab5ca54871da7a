"""An image classification task: many images, a label for each, and a split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gcond.matching.device import CPU

Split = Literal["train", "val", "test"]
Indices = np.ndarray[Any, np.dtype[np.int64]]
COMPONENTS = 64
"""Principal components that selectors look at."""
PIECE = 4096
"""Images that are prepared together where all of them are."""


@dataclass(frozen=True)
class PixelScale:
    r"""Takes pixels to what networks see, :math:`(p - \mu_c) / \sigma_c` per channel, and back.

    Pixels :math:`p` are stored values divided by ``top``: from 0 to 1 for whole numbers, and for
    other images in the units of the dataset.

    Args:
        mean: Mean of the pixels of each channel.
        std: Their standard deviation, positive.
        top: Stored value of a pixel that is 1: 255 for bytes.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    top: float = 1.0

    def pixels(self, stored: Tensor) -> Tensor:
        """Pixels ``[n, C, H, W]`` of images as the dataset stores them."""
        return stored.float() / self.top

    def normalised(self, pixels: Tensor) -> Tensor:
        """What networks see of pixels ``[n, C, H, W]``."""
        mean, std = self._columns(pixels)
        return (pixels - mean) / std

    def back(self, normalised: Tensor) -> Tensor:
        """Pixels of what networks see; the inverse of :meth:`normalised`."""
        mean, std = self._columns(normalised)
        return normalised * std + mean

    def _columns(self, like: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = (like.new_tensor(v).view(-1, 1, 1) for v in (self.mean, self.std))
        return mean, std


@dataclass(frozen=True, eq=False)
class ImageTask:
    """Images as they are stored, labels and a split.

    Args:
        name: Name of the dataset.
        stored: All images ``[N, C, H, W]``, bytes or numbers.
        y: Class numbers ``[N]``.
        index: Images of each split.
        num_classes: Number of classes.
        scale: What networks see of a pixel.
        fingerprint: Hash of the source, so that a result is not scored on other data.
        label_names: Original label of each class.
        metric: What is reported.
        split: Number of the split.
        device: Where what is learned and trained lives; the data itself stays where it is.
    """

    name: str
    stored: Tensor
    y: Indices
    index: dict[Split, Indices]
    num_classes: int
    scale: PixelScale
    fingerprint: str
    label_names: tuple[int, ...]
    metric: Literal["accuracy"] = "accuracy"
    split: int = 0
    device: torch.device = CPU

    def __repr__(self) -> str:
        sizes = "/".join(str(len(self.index[s])) for s in ("train", "val", "test"))
        side = "x".join(map(str, self.shape))
        return f"ImageTask({self.name}, {len(self.stored)} images {side}, {sizes} train/val/test)"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, c, h, w = self.stored.shape
        return c, h, w

    @property
    def num_items(self) -> int:
        """Training images: those that are condensed."""
        return len(self.index["train"])

    @cached_property
    def train_counts(self) -> list[int]:
        """Training images of each class."""
        counts = np.bincount(self.y[self.index["train"]], minlength=self.num_classes)
        return [int(n) for n in counts]

    def labels(self, split: Split) -> Tensor:
        """Class numbers of a split's images."""
        return torch.as_tensor(self.y[self.index[split]])

    def numbers(self, split: Split) -> Tensor:
        """Numbers of a split's images."""
        return torch.as_tensor(self.index[split])

    def images(self, numbers: Tensor) -> Tensor:
        """The given images as networks see them ``[n, C, H, W]``, float32."""
        return self.scale.normalised(self.scale.pixels(self.stored[numbers]))

    @cached_property
    def embeddings(self) -> Tensor:
        """Projections of the training images, as networks see them, onto their principal
        components ``[n, min(64, C H W)]``: what selectors look at.

        Distances between them are those between images up to the directions in which images
        hardly differ. They are not whitened: a pixel that is nearly constant stays unimportant.
        """
        pieces = torch.split(self.numbers("train"), PIECE)
        width, n = self.stored[0].numel(), self.num_items
        total, products = torch.zeros(width, dtype=torch.float64), torch.zeros(width, width)
        for part in pieces:
            total += self.images(part).flatten(1).double().sum(0)
        mean = (total / n).float()
        for part in pieces:
            rows = self.images(part).flatten(1) - mean
            products.addmm_(rows.T, rows)
        _, basis = torch.linalg.eigh(products)
        kept = basis[:, -min(COMPONENTS, width) :].flip(1)
        return torch.cat([(self.images(part).flatten(1) - mean) @ kept for part in pieces])

    @property
    def nbytes(self) -> int:
        """Bytes of the training images as stored."""
        return self.num_items * self.stored[0].numel() * self.stored.element_size()
