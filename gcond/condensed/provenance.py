"""What was condensed, and how the run went."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version

from gcond.graph.preprocess import Preprocess
from gcond.graph.sets.encoding import Encoding
from gcond.graph.sets.task import SetTask
from gcond.graph.task import NodeTask
from gcond.image.task import ImageTask, PixelScale


@dataclass(frozen=True)
class Source:
    """What was condensed.

    Args:
        name: Name of the dataset.
        num_nodes: Nodes of the condensed graph's original (training graph when inductive), or of
            all training graphs of a set; training images.
        num_features: Width of its features, or numbers of an image.
        label_names: Original label of each class.
        setting: ``"transductive"`` or ``"inductive"``.
        fingerprint: Hash of features, edges, labels and split.
        preprocess: What is done to its features; for sets of graphs, their encoding; for images,
            what networks see of a pixel.
        nbytes: Bytes of its features and adjacency, sparse ones counted as sparse, or of its
            training images as they are stored.
        split: Number of the split, where the data brings several.
        num_graphs: Training graphs of a set; 0 for a single graph.
        metric: What is reported of it.
        shape: Channels, height and width of an image; ``None`` for graphs.
    """

    name: str
    num_nodes: int
    num_features: int
    label_names: tuple[int, ...]
    setting: str
    fingerprint: str
    preprocess: Preprocess | Encoding | PixelScale
    nbytes: int
    split: int = 0
    num_graphs: int = 0
    metric: str = "accuracy"
    shape: tuple[int, int, int] | None = None

    @property
    def num_items(self) -> int:
        """What the items of a condensed set stand for: nodes, training graphs or images."""
        return self.num_graphs or self.num_nodes

    @staticmethod
    def of(task: NodeTask | SetTask | ImageTask) -> Source:
        """Describes a task."""
        if isinstance(task, ImageTask):
            return Source(
                task.name,
                task.num_items,
                task.stored[0].numel(),
                task.label_names,
                "inductive",
                task.fingerprint,
                task.scale,
                task.nbytes,
                task.split,
                metric=task.metric,
                shape=task.shape,
            )
        if isinstance(task, SetTask):
            return Source(
                task.name,
                int(task.graphs.sizes[task.numbers("train")].sum()),
                task.graphs.x.shape[1],
                task.label_names,
                "inductive",
                task.fingerprint,
                task.encoding,
                task.nbytes,
                task.split,
                task.num_items,
                task.metric,
            )
        return Source(
            task.name,
            task.num_nodes,
            task.num_features,
            task.label_names,
            task.setting,
            task.fingerprint,
            task.preprocess,
            task.nbytes,
            task.split,
        )


@dataclass(frozen=True)
class History:
    """How a run went; empty for methods that learn nothing.

    Args:
        losses: Objective at each matching step.
        scores: Validation accuracy in percent at each step that was scored.
        selected_step: The step that was kept; 0 is the start.
    """

    losses: tuple[float, ...] = ()
    scores: dict[int, float] = field(default_factory=dict)
    selected_step: int = 0

    @property
    def steps(self) -> int:
        """Matching steps taken."""
        return len(self.losses)

    def __repr__(self) -> str:
        return f"History({self.steps} steps, selected {self.selected_step})"


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {name: version(name) for name in ("gcond", "torch", "torch-geometric")}
