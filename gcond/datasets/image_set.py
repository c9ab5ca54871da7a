"""Many labelled images as plain tensors: what every kind of input becomes first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcond.datasets.graph_set import stratified
from gcond.datasets.image_input import both, images_of, labels_of, pair_of
from gcond.image.task import Indices, PixelScale, Split

PIECE = 4096
"""Images that are looked at together."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled images with a split, as checked tensors; a sequence of ``(pixels, label)``.

    Build it with one of the constructors below; they refuse what they cannot use and never
    change what they are given.

    Args:
        stored: All images ``[N, C, H, W]``, bytes or floats.
        y: Labels as given ``[N]``.
        index: Images of each split.
        label_names: Original label of each class, in order.
        name: Name of the dataset.
        top: Stored value of a pixel that is 1: 255 for bytes, 1 for floats.
        scale: Means and deviations that are usual for the dataset; ``None`` where those of the
            training images are to be taken.
        split: Number of the split.
    """

    stored: Tensor
    y: Indices
    index: dict[Split, Indices]
    label_names: tuple[int, ...]
    name: str = "images"
    top: float = 1.0
    scale: PixelScale | None = None
    split: int = 0

    def __repr__(self) -> str:
        sizes = "/".join(str(len(self.index[s])) for s in ("train", "val", "test"))
        side = "x".join(map(str, self.stored.shape[1:]))
        return f"ImageSet({self.name}, {len(self)} images {side}, {sizes} train/val/test)"

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} images, got number {number}")
        return self.stored[number].float() / self.top, int(self.y[number])

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        return (self[number] for number in range(len(self)))

    @property
    def fingerprint(self) -> str:
        """Hash of images, labels and split."""
        digest = hashlib.sha256(f"{self.stored.dtype} {list(self.stored.shape)}".encode())
        for piece in torch.split(self.stored, PIECE):
            digest.update(piece.contiguous().numpy().tobytes())
        for part in (self.y, *(self.index[s] for s in ("train", "val", "test"))):
            digest.update(np.ascontiguousarray(part, dtype=np.int64).tobytes())
        return digest.hexdigest()

    def measured(self) -> PixelScale:
        """Mean and deviation of each channel over the training images."""
        numbers = torch.split(torch.as_tensor(self.index["train"]), PIECE)
        count = len(self.index["train"]) * self.stored[0, 0].numel()

        def over(value: Callable[[Tensor], Tensor]) -> Tensor:
            parts = (value(self.stored[part].double() / self.top) for part in numbers)
            return torch.stack([found.sum((0, 2, 3)) for found in parts]).sum(0) / count

        mean = over(lambda pixels: pixels)
        std = over(lambda pixels: (pixels - mean.view(-1, 1, 1)).square()).sqrt()
        std = torch.where(std < 1e-6, 1.0, std)
        return PixelScale(tuple(mean.tolist()), tuple(std.tolist()), self.top)

    @staticmethod
    def from_tensors(
        x: Any,
        y: Any,
        *,
        val: tuple[Any, Any] | None = None,
        test: tuple[Any, Any] | None = None,
        validation: float = 0.1,
        name: str = "images",
        split: int = 0,
    ) -> ImageSet:
        """Images and labels from tensors or arrays.

        Without ``test`` the images are split 80/10/10 at random within each class. With it and
        without ``val``, a share of the training images of each class is held out to choose
        settings and checkpoints on; a method does not see them otherwise.

        Args:
            x: Images ``[N, C, H, W]`` or grey ones ``[N, H, W]``: whole numbers from 0 to 255, or
                floats in any unit.
            y: Class numbers ``[N]``.
            val: Images and labels for validation.
            test: Images and labels for testing.
            validation: Share of the training images of each class that is held out where
                ``val`` is not given; 0 holds none out.
            name: What to call it.
            split: Seed of what is ours to draw.

        Raises:
            ValueError: The images cannot be condensed; the message says why and what to do.

        Example:
            >>> x, y = torch.rand(40, 1, 8, 8), torch.arange(40) % 2
            >>> ImageSet.from_tensors(x, y)
            ImageSet(images, 40 images 1x8x8, 32/4/4 train/val/test)
        """
        if not 0 <= validation < 1:
            raise ValueError(f"validation must be a share from 0 to below 1, got {validation!r}")
        given = {"train": (x, y), "val": val, "test": test}
        parts = {
            part: (images_of(part, pair[0]), labels_of(part, *both(part, pair)))
            for part, pair in given.items()
            if pair is not None
        }
        images, labels = _joined(parts)
        if test is None and val is not None:
            raise ValueError("validation images without test images; give test= too")
        index = _index(parts, labels, validation, split)
        names = _names(labels, index["train"])
        top = 255.0 if images.dtype == torch.uint8 else 1.0
        return ImageSet(images, labels, index, names, name.lower(), top, None, split)

    @staticmethod
    def from_dataset(
        train: Any,
        test: Any = None,
        *,
        validation: float = 0.1,
        name: str | None = None,
        split: int = 0,
    ) -> ImageSet:
        """Images from a ``TensorDataset``, a torchvision dataset, or any ``Dataset`` whose items
        are ``(tensor [C, H, W], label)``.

        Datasets that hold all images as one array (``data`` with ``targets`` or ``labels``, as
        torchvision's) are read from it, before any transform.

        Args:
            train: The training images.
            test: The test images; without them some of the training images are.
            validation: As in :meth:`from_tensors`.
            name: What to call it; by default the name of its class.
            split: Seed of what is ours to draw.

        Raises:
            ValueError: The images cannot be condensed; the message says why and what to do.
        """
        kind = type(train).__name__.lower()
        return ImageSet.from_tensors(
            *pair_of(train),
            test=None if test is None else pair_of(test),
            validation=validation,
            name=name or ("images" if kind in ("tensordataset", "subset") else kind),
            split=split,
        )


def held_out(y: Indices, share: float, seed: int) -> tuple[Indices, Indices]:
    """Numbers of the images that stay, and of those held out: the same share of each class, at
    random, at least one where the class has two."""
    rng = np.random.default_rng(seed)
    out = []
    for c in np.unique(y):
        order = rng.permutation(np.flatnonzero(y == c))
        out.append(order[: max(1, round(share * len(order))) if len(order) > 1 else 0])
    held = np.sort(np.concatenate(out)) if share else np.empty(0, dtype=np.int64)
    return np.setdiff1d(np.arange(len(y)), held), held


def _index(
    parts: dict[str, tuple[Tensor, Indices]], y: Indices, validation: float, seed: int
) -> dict[Split, Indices]:
    if "test" not in parts:
        return stratified(y, seed)
    counts = {name: len(labels) for name, (_, labels) in parts.items()}
    n, v = counts["train"], counts.get("val", 0)
    train, val = np.arange(n), np.arange(n, n + v)
    if not v:
        train, val = held_out(y[:n], validation, seed)
    return {"train": train, "val": val, "test": np.arange(n + v, n + v + counts["test"])}


def _joined(parts: dict[str, tuple[Tensor, Indices]]) -> tuple[Tensor, Indices]:
    """Images and labels of all parts, one after the other."""
    first = parts["train"][0]
    for name, (images, _) in parts.items():
        if images.shape[1:] != first.shape[1:] or images.dtype != first.dtype:
            raise ValueError(
                f"the {name} images are {list(images.shape[1:])} of {images.dtype}, the training "
                f"images {list(first.shape[1:])} of {first.dtype}; all must have one form"
            )
    return torch.cat([p for p, _ in parts.values()]), np.concatenate([y for _, y in parts.values()])


def _names(y: Indices, train: Indices) -> tuple[int, ...]:
    names = np.unique(y)
    if len(names) < 2:
        raise ValueError(f"all images have the label {names[0]}; two classes are the least")
    missing = np.setdiff1d(names, y[train])
    if len(missing):
        raise ValueError(
            f"no training image has the label {missing[0]}; every class needs one: leave its "
            "images out, or choose another split"
        )
    return tuple(int(v) for v in names)
