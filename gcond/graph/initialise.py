"""From where the synthetic features start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from gcond.coreset import Centroid, Picked, Selector
from gcond.graph.propagation import to_tensor
from gcond.graph.task import NodeTask
from gcond.matching import generator_for

Features = Literal["raw", "propagated"]


class Initialisation(Protocol):
    """A choice of start."""

    def features(self, task: NodeTask, counts: Tensor, seed: int) -> Tensor:
        """Initial features ``[n, d]`` in class order."""


@dataclass(frozen=True)
class Noise:
    """Gaussian noise with the root mean square of the real features."""

    def features(self, task: NodeTask, counts: Tensor, seed: int) -> Tensor:
        generator = generator_for(seed, "init")
        shape = int(counts.sum()), task.num_features
        return torch.randn(shape, generator=generator) * task.feature_scale


@dataclass(frozen=True)
class Selected:
    r"""Real nodes, or means of real nodes, in the order of the labels.

    Args:
        selector: How they are chosen.
        features_of: ``"propagated"`` chooses among rows of :math:`\hat A^K X`, which is what a
            structure-free set stands for; ``"raw"`` among rows of ``X``.
        num_layers: ``K``.
    """

    selector: Selector = Centroid()  # noqa: RUF009 - frozen
    features_of: Features = "propagated"
    num_layers: int = 2

    def pick(self, task: NodeTask, counts: Tensor, seed: int) -> Picked:
        """The selection with all that is known of it."""
        hops = self.num_layers if self.features_of == "propagated" else 0
        rows = to_tensor(task.features("train", hops), torch.float32)
        return self.selector.pick(rows, task.labels("train"), counts, seed)

    def features(self, task: NodeTask, counts: Tensor, seed: int) -> Tensor:
        return self.pick(task, counts, seed).features
