"""Selection of real images through the same verb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gcond.image.initialise import SelectedImages
from gcond.image.outcome import ImageOutcome
from gcond.image.task import ImageTask
from gcond.matching import Observer, Progress


@dataclass(frozen=True)
class ImageSelection:
    """Real images as they are.

    Args:
        name: Name in the registry.
        pick: How they are chosen.
    """

    name: str
    pick: SelectedImages = SelectedImages()  # noqa: RUF009 - frozen

    def describe(self) -> str:
        return f"{self.name}, real images"

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
                    f"which has {there} training images; ask for at most {there}, or use a "
                    "learned method such as 'dc'"
                )
        picked = self.pick.pick(task, counts, seed)
        assert picked.rows is not None
        images = task.images(task.numbers("train")[picked.rows])
        return ImageOutcome(task.scale.back(images), picked.y)
