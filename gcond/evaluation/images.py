"""The judge of images: fresh networks trained on the condensed images and their baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gcond import config
from gcond.condensed import Condensed, parts_of
from gcond.evaluation.image_models import ImageModel, fresh, named
from gcond.evaluation.opening import reopened
from gcond.evaluation.protocol import protocol_among
from gcond.evaluation.result import Evaluation, Row
from gcond.image.augmentation import PerImage, Siamese
from gcond.image.networks import Network
from gcond.image.outcome import Steps
from gcond.image.task import ImageTask, PixelScale, Split
from gcond.image.training import ImageTraining, Lot, accuracy, stepped, trained
from gcond.image.validation import unseen
from gcond.matching.device import CPU
from gcond.methods import get_method

UNFLIPPED = ("mnist", "digits-images")
"""Datasets whose images mean something else in a mirror."""


@dataclass(frozen=True)
class ImageProtocol:
    """How the accuracy of a set of images is obtained.

    Pixels are normalised as the condensed set says, a network is trained on the condensed images
    to its last step, and is tested on the real test images once.

    Args:
        name: Name and version in one.
        training: How a network is trained; ``None``: by the steps that were learned with the
            images, in their order, from the parameters they were learned at.
        whole: Whether the whole training set is affordable as a baseline.
        unflipped: Datasets whose images are not mirrored by the augmentation.
    """

    name: str
    training: ImageTraining | None = ImageTraining()  # noqa: RUF009 - frozen
    whole: bool = False
    unflipped: tuple[str, ...] = UNFLIPPED

    @property
    def digest(self) -> str:
        """Eight letters of a hash of all its settings: equal names with other settings differ."""
        return config.digest(self)

    def training_on(self, dataset: str) -> ImageTraining | None:
        """How a network is trained on images of a dataset."""
        training = self.training
        if training is None or training.augmentation is None or dataset not in self.unflipped:
            return training
        kept = [t for t in training.augmentation.strategy.split("_") if t != "flip"]
        augmentation = replace(training.augmentation, strategy="_".join(kept))
        return replace(training, augmentation=augmentation)


EACH = Siamese("color_crop_cutout_flip_scale_rotate", per_item=True)

SHORT = ImageProtocol(
    "short-300",
    ImageTraining(epochs=300, most_steps=300, drop_after=150, augmentation=EACH),
    whole=True,
)
"""Ours, for a CPU: as ``dsa-1000``, but 300 epochs and at most 300 steps."""

DC_300 = ImageProtocol("dc-300")
"""As `"Dataset Condensation with Gradient Matching" <https://arxiv.org/abs/2006.05929>`_ evaluates:
gradient descent with step 0.01, momentum 0.9, weight decay 5e-4, batches of 256, 301 epochs as its
code counts them, step 0.001 and new momentum after 152 of them, no augmentation, last epoch."""

DC_1000 = ImageProtocol(
    "dc-1000", ImageTraining(epochs=1001, drop_after=502, augmentation=PerImage())
)
"""As the code of the same paper evaluates MNIST: as ``dc-300``, for 1,001 epochs, the step smaller
after 502, on images of which each is shifted, scaled or rotated. It rounds sizes and angles to
whole numbers and interpolates in other ways; here both are bilinear."""

DSA_1000 = ImageProtocol("dsa-1000", ImageTraining(epochs=1001, drop_after=502, augmentation=EACH))
"""As `"Dataset Condensation with Differentiable Siamese Augmentation"
<https://arxiv.org/abs/2102.08259>`_ evaluates: as ``dc-300``, for 1,001 epochs, the step smaller
after 502, and with its augmentation, one transformation for a batch, drawn for each image; digits
are not mirrored."""

DD_STEPS = ImageProtocol("dd-steps", None)
"""As `"Dataset Distillation" <https://arxiv.org/abs/1811.10959>`_ evaluates: the learned steps in
their order and nothing else."""

_PROTOCOLS = {each.name: each for each in (SHORT, DC_300, DC_1000, DSA_1000, DD_STEPS)}


def get_image_protocol(name: Any, steps: Steps | None = None) -> ImageProtocol:
    """The protocol of that name; a protocol passes through, and ``None`` is ``"short-300"``, or
    ``"dd-steps"`` for images with learned steps.

    Raises:
        ValueError: The name is unknown, or is one for graphs.
    """
    usual = SHORT if steps is None else DD_STEPS
    return protocol_among(_PROTOCOLS, usual if name is None else name, " for images")


def evaluate_images(
    condensed: Condensed,
    dataset: Any,
    *,
    model: Any,
    protocol: Any,
    seeds: int,
    baselines: Sequence[str] | None,
    root: str | Path | None,
    device: torch.device = CPU,
) -> Evaluation:
    """:func:`gcond.evaluate` for images, one network after the other."""
    chosen = get_image_protocol(protocol, condensed.steps)
    model = "ConvNet" if model is None else model
    named(model)
    task = (
        dataset
        if isinstance(dataset, ImageTask)
        else opened_images(condensed, dataset, root, device)
    )
    if baselines is None:
        baselines = ("random", "centroid", "whole") if chosen.whole else ("random", "centroid")
    seen = {name: get_method(name, "images") for name in baselines if name != "whole"}
    judge = ImageJudge(task, chosen, seeds, model)
    rows = [judge.row("condensed", condensed)]
    counts = torch.bincount(condensed.y.long(), minlength=condensed.num_classes)
    for name in baselines:
        if name == "whole":
            rows.append(judge.whole())
            continue
        outcome = seen[name].run(task, counts, seed=condensed.seed)
        other = {**parts_of(outcome), "steps": condensed.steps}
        rows.append(judge.row(name, replace(condensed, **other)))
    return Evaluation(
        dataset=condensed.source.name,
        method=condensed.config["name"],
        model=model_name(model),
        protocol=chosen.name,
        selected_step=condensed.history.selected_step,
        rows=tuple(rows),
        protocol_digest=chosen.digest,
        seconds=condensed.seconds,
        unit="images",
        num_classes=condensed.num_classes,
    )


class ImageJudge:
    """A protocol bound to a task.

    Args:
        task: The task.
        protocol: How networks are trained.
        seeds: Number of networks.
        model: As in :func:`gcond.fit`.
    """

    def __init__(
        self, task: ImageTask, protocol: ImageProtocol, seeds: int, model: ImageModel = "ConvNet"
    ) -> None:
        self.task, self.protocol, self.seeds, self.model = task, protocol, seeds, model

    def row(self, name: str, condensed: Condensed) -> Row:
        """Networks trained on condensed images."""
        return self._row(name, lot_of(condensed), condensed.nbytes, condensed)

    def whole(self) -> Row:
        """Networks trained on all training images.

        Raises:
            ValueError: The protocol trains by learned steps.
        """
        return self._row("whole", self._real("train"), self.task.nbytes, None)

    def _row(self, name: str, lot: Lot, nbytes: int, condensed: Condensed | None) -> Row:
        began, lot = time.perf_counter(), replace(lot, device=self.task.device)
        found: dict[Split, list[float]] = {"test": [], "val": []}
        for seed in range(self.seeds):
            module = _fitted(self.model, lot, self.protocol, self.task.name, seed, condensed)
            for split, accuracies in found.items():
                if len(self.task.index[split]):
                    accuracies.append(accuracy(module, self._real(split)))
        seconds = time.perf_counter() - began
        test, val = tuple(found["test"]), tuple(found["val"])
        return Row(name, test, val, len(lot.y), nbytes, seconds)

    def _real(self, split: Split) -> Lot:
        task = self.task
        y = task.labels(split)
        shape, device = task.shape, task.device
        return Lot(task.numbers(split), y, task.num_classes, shape, task.images, device)


def lot_of(condensed: Condensed) -> Lot:
    """Condensed images as networks see them."""
    scale, shape = condensed.source.preprocess, condensed.source.shape
    assert isinstance(scale, PixelScale)
    assert shape is not None
    full = condensed.full()
    return Lot(scale.normalised(full.x), full.y, condensed.num_classes, shape)


def fit_images(
    condensed: Condensed,
    model: Any,
    dataset: Any,
    protocol: Any,
    seed: int,
    device: torch.device = CPU,
) -> nn.Module:
    """:func:`gcond.fit` for images; there is no checkpoint to choose, so the data is not used."""
    chosen = get_image_protocol(protocol, condensed.steps)
    if dataset is not None:
        opened_images(condensed, dataset, None)
    model = "ConvNet" if model is None else model
    named(model)
    lot = replace(lot_of(condensed), device=device)
    return _fitted(model, lot, chosen, condensed.source.name, seed, condensed)


def _fitted(
    model: ImageModel,
    lot: Lot,
    protocol: ImageProtocol,
    dataset: str,
    seed: int,
    condensed: Condensed | None,
) -> nn.Module:
    training = protocol.training_on(dataset)
    if training is not None:
        module = fresh(model, lot.shape, lot.num_classes, seed)
        return trained(module, lot, training, seed)
    if condensed is None or condensed.steps is None:
        raise ValueError(
            f"protocol {protocol.name} trains by steps that were learned with the images, and "
            "there are none; use another protocol, such as 'short-300'"
        )
    method: Any = condensed.method
    start = unseen(method.network, method.stream, lot, seed, condensed.seed)
    return stepped(start, lot, condensed.steps)


def opened_images(
    condensed: Condensed, dataset: Any, root: str | Path | None, device: torch.device = CPU
) -> ImageTask:
    """The task that images were condensed from, by default opened by the name it had; other data
    is refused."""
    task: ImageTask = reopened(condensed, dataset, condensed.source.preprocess, root, device=device)
    return task


def model_name(model: Any) -> str:
    """What a table calls a network."""
    if isinstance(model, str):
        return model
    if isinstance(model, nn.Module) or not hasattr(model, "features"):
        return getattr(model, "__name__", type(model).__name__)
    network: Network = model
    usual = type(network)()
    return type(network).__name__ if network == usual else repr(network)
