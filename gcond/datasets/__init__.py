"""The way in: a name, a PyG object, a networkx graph, images or plain arrays become a task."""

from gcond.datasets.big import generate, pack
from gcond.datasets.convert import as_task
from gcond.datasets.convert_images import as_image_task, holds_images
from gcond.datasets.convert_sets import as_set_task, holds_graphs
from gcond.datasets.generated import SHAPES, Shape
from gcond.datasets.graph_set import GraphSet
from gcond.datasets.image_set import ImageSet
from gcond.datasets.kinds import KINDS, AnyTask, Kind, Opening, kind_of
from gcond.datasets.named import is_named, list_datasets, load_dataset
from gcond.datasets.node_data import NodeData

__all__ = [
    "KINDS",
    "SHAPES",
    "AnyTask",
    "GraphSet",
    "ImageSet",
    "Kind",
    "NodeData",
    "Opening",
    "Shape",
    "as_image_task",
    "as_set_task",
    "as_task",
    "generate",
    "holds_graphs",
    "holds_images",
    "is_named",
    "kind_of",
    "list_datasets",
    "load_dataset",
    "pack",
]
