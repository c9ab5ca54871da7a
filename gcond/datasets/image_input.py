"""Images and labels as they are given, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from gcond.image.task import Indices

CHANNELS = (1, 2, 3, 4)


def both(name: str, pair: Any) -> tuple[int, Any]:
    """Number of the images of a pair, and its labels."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ValueError(f"{name} must be a pair of images and labels, got {type(pair).__name__}")
    return len(pair[0]), pair[1]


def images_of(name: str, x: Any) -> Tensor:
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


def labels_of(name: str, n: int, y: Any) -> Indices:
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


def pair_of(dataset: Any) -> tuple[Any, Any]:
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
