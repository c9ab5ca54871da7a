"""Selection of real images, or means of them, through the same verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gcond.coreset import Random, Selector
from gcond.image.outcome import ImageOutcome
from gcond.image.task import ImageTask
from gcond.matching import Observer, Progress


@dataclass(frozen=True)
class ImageSelection:
    """Training images as they are, or means of them.

    Args:
        name: Name in the registry.
        selector: How they are chosen.
        of: What it looks at: principal ``"components"`` of the images, or all ``"pixels"``, which
            a selector needs whose answer is means.
    """

    name: str
    selector: Selector = Random()  # noqa: RUF009 - frozen
    of: Literal["components", "pixels"] = "components"

    def describe(self) -> str:
        return f"{self.name}, {'real images' if self.of == 'components' else 'means of images'}"

    def run(
        self,
        task: ImageTask,
        counts: Tensor,
        *,
        seed: int,
        observers: Sequence[Observer] = (),
        progress: Progress | None = None,
    ) -> ImageOutcome:
        """Chooses ``counts[c]`` training images of each class.

        Raises:
            ValueError: A class has fewer.
        """
        for c, (wanted, there) in enumerate(zip(counts.tolist(), task.train_counts, strict=True)):
            if wanted > there:
                raise ValueError(
                    f"{self.name} cannot choose {wanted} images of class {task.label_names[c]}, "
                    f"which has {there} training images; ask for at most {there}"
                )
        train, y = task.numbers("train"), task.labels("train")
        pixels = self.of == "pixels"
        rows = task.images(train).flatten(1) if pixels else task.embeddings
        picked = self.selector.pick(rows, y, counts, seed)
        if picked.rows is not None:
            return ImageOutcome(task.scale.pixels(task.stored[train[picked.rows]]), picked.y)
        if not pixels:
            raise ValueError(f"{self.selector} answers means, which are images only of='pixels'")
        means = picked.features.view(-1, *task.shape).float()
        return ImageOutcome(task.scale.back(means), picked.y)


def selected(task: ImageTask, selector: Selector, counts: Tensor, seed: int) -> Tensor:
    """Numbers of real training images, ``counts[c]`` of each class in class order."""
    picked = selector.pick(task.embeddings, task.labels("train"), counts, seed)
    if picked.rows is None:
        raise ValueError(f"{selector} answers means, and a start needs real images; use Medoid()")
    return torch.as_tensor(task.index["train"])[picked.rows]
