"""Whatever describes labelled images becomes a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from gcond.datasets.big import base_of
from gcond.datasets.image_set import ImageSet
from gcond.datasets.named_images import list_images, load_images
from gcond.image.task import ImageTask, PixelScale

NORMALISATIONS = ("auto", "standard", "none")


def holds_images(dataset: Any) -> bool:
    """Whether something given as a dataset is a set of images: a name of one, a pair of images
    and labels, a ``Dataset`` of tensors or a pair of such for training and testing, an
    :class:`ImageSet`, or a task made of one."""
    if isinstance(dataset, str):
        return dataset.lower() in list_images()
    if isinstance(dataset, ImageSet | ImageTask):
        return True
    if isinstance(dataset, tuple) and len(dataset) == 2:
        arrays = all(isinstance(part, Tensor | np.ndarray) for part in dataset)
        return arrays or all(map(_is_dataset, dataset))
    return _is_dataset(dataset)


def as_image_task(
    dataset: Any,
    *,
    root: str | Path | None = None,
    normalize: str | PixelScale = "auto",
    split: int = 0,
) -> ImageTask:
    """Turns whatever describes labelled images into a task; nothing is changed.

    Args:
        dataset: A name, a pair of images and labels, a ``Dataset`` of tensors (or a pair of such,
            for training and testing), or an :class:`ImageSet`.
        root: Folder of the datasets, for names.
        normalize: What networks see of a pixel: ``"standard"`` takes mean and deviation of each
            channel over the training images, ``"auto"`` those that are usual for a dataset that
            has such, ``"none"`` leaves pixels as they are; a scale is applied as it is.
        split: Seed of the parts of the split that are ours to draw.

    Raises:
        ValueError: The images cannot be condensed; the message says why and what to do.
    """
    if isinstance(dataset, ImageTask):
        return dataset
    if not isinstance(normalize, PixelScale) and normalize not in NORMALISATIONS:
        raise ValueError(
            f"normalize must be one of {', '.join(NORMALISATIONS)} for images, got {normalize!r}"
        )
    data = _image_set(dataset, root, split)
    names = np.array(data.label_names)
    return ImageTask(
        name=data.name,
        stored=data.stored,
        y=np.searchsorted(names, data.y),
        index=data.index,
        num_classes=len(names),
        scale=_scale(data, normalize),
        fingerprint=data.fingerprint,
        label_names=data.label_names,
        split=data.split,
    )


def _image_set(dataset: Any, root: str | Path | None, split: int) -> ImageSet:
    if isinstance(dataset, ImageSet):
        return dataset
    if isinstance(dataset, str):
        return load_images(dataset, base_of(root), split)
    if isinstance(dataset, tuple) and _is_dataset(dataset[0]):
        return ImageSet.from_dataset(*dataset, split=split)
    if isinstance(dataset, tuple):
        return ImageSet.from_tensors(*dataset, split=split)
    return ImageSet.from_dataset(dataset, split=split)


def _scale(data: ImageSet, normalize: str | PixelScale) -> PixelScale:
    if isinstance(normalize, PixelScale):
        return normalize
    if normalize == "none":
        channels = data.stored.shape[1]
        return PixelScale((0.0,) * channels, (1.0,) * channels, data.top)
    return data.scale if normalize == "auto" and data.scale is not None else data.measured()


def _is_dataset(dataset: Any) -> bool:
    """Whether it is a torch ``Dataset``, but not one of graphs."""
    from torch.utils.data import Dataset
    from torch_geometric.data import Data
    from torch_geometric.data import Dataset as Graphs

    if not isinstance(dataset, Dataset) or isinstance(dataset, Graphs):
        return False
    try:
        first = dataset[0]
    except (IndexError, KeyError):
        return True
    return not isinstance(first, Data)
