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
from gcond.image.task import Indices, PixelScale, Split

PIECE = 4096
"""Images that are looked at together."""
CHANNELS = (1, 2, 3, 4)


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
            part: (_images(part, pair[0]), _labels(part, *_pair(part, pair)))
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
            *_pair_of(train),
            test=None if test is None else _pair_of(test),
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


def _pair(name: str, pair: Any) -> tuple[int, Any]:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair of images and labels, got {type(pair).__name__}")
    return len(pair[0]), pair[1]


def _images(name: str, x: Any) -> Tensor:
    """Images ``[N, C, H, W]`` as bytes or single precision, checked."""
    found = (x if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))).detach().cpu()
    found = found[:, None] if found.dim() == 3 else found
    what = "images" if name == "train" else f"{name} images"
    if found.dim() != 4 or not found.numel():
        raise ValueError(
            f"{what} must have shape [N, C, H, W], or [N, H, W] for grey ones, got "
            f"{list(found.shape)}"
        )
    if found.shape[1] not in CHANNELS and found.shape[3] in CHANNELS:
        raise ValueError(
            f"{what} of shape {list(found.shape)} seem to have their channels last; use "
            "x.permute(0, 3, 1, 2)"
        )
    if found.is_complex():
        raise ValueError(f"{what} must hold real numbers, got {found.dtype}")
    if not found.is_floating_point():
        if found.dtype == torch.bool:
            return found.float()
        low, high = int(found.min()), int(found.max())
        if low < 0 or high > 255:
            raise ValueError(
                f"{what} of whole numbers must be bytes from 0 to 255, got {low} to {high}; "
                "convert them to floats"
            )
        return found.to(torch.uint8)
    found = found.float()
    if not bool(torch.isfinite(found).all()):
        bad = int((~torch.isfinite(found).flatten(1).all(1)).sum())
        raise ValueError(f"{bad} {what} have pixels that are NaN or infinite; leave them out")
    return found


def _labels(name: str, n: int, y: Any) -> Indices:
    """Class numbers ``[N]``, checked."""
    labels = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.shape != (n,):
        raise ValueError(
            f"y must have one label for each of the {n} {name} images, got shape "
            f"{list(labels.shape)}; several labels per image are not condensed here"
        )
    if labels.dtype.kind not in "biuf":
        raise ValueError(
            f"labels must be class numbers, got {labels.dtype}; number strings with "
            "np.unique(y, return_inverse=True)"
        )
    if (labels != np.round(labels)).any() or (labels < 0).any():
        odd = labels[(labels != np.round(labels)) | (labels < 0)][0]
        raise ValueError(f"labels must be whole numbers from 0, got {odd}")
    return labels.astype(np.int64)


def _pair_of(dataset: Any) -> tuple[Any, Any]:
    """All images and labels of a dataset."""
    tensors = getattr(dataset, "tensors", None)
    if tensors is not None:
        if len(tensors) != 2:
            raise ValueError(f"a TensorDataset must hold images and labels, got {len(tensors)}")
        return tensors[0], tensors[1]
    data = getattr(dataset, "data", None)
    targets = getattr(dataset, "targets", getattr(dataset, "labels", None))
    if data is not None and targets is not None and not isinstance(data, list):
        x = data if isinstance(data, Tensor) else torch.as_tensor(np.asarray(data))
        last = x.dim() == 4 and x.shape[1] not in CHANNELS and x.shape[3] in CHANNELS
        return x.permute(0, 3, 1, 2) if last else x, torch.as_tensor(targets)
    if not len(dataset):
        raise ValueError("the dataset has no images")
    images, labels = [], []
    for number in range(len(dataset)):
        item = dataset[number]
        if not (isinstance(item, list | tuple) and len(item) == 2):
            raise ValueError(f"item {number} is no pair of image and label, got {item!r:.60}")
        if not isinstance(item[0], Tensor) or item[0].dim() != 3:
            raise ValueError(
                f"the image of item {number} must be a tensor [C, H, W], got "
                f"{type(item[0]).__name__}; give the dataset a transform to tensors"
            )
        images.append(item[0])
        labels.append(int(item[1]))
    shapes = sorted({tuple(image.shape) for image in images})
    if len(shapes) > 1:
        raise ValueError(f"all images must have one shape, got {shapes[0]} and {shapes[1]}")
    return torch.stack(images), torch.tensor(labels)
