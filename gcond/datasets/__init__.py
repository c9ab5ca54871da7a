"""The way in: a name, a PyG object, a networkx graph or plain arrays become a task."""

from gcond.datasets.convert import as_task
from gcond.datasets.convert_sets import as_set_task, holds_graphs
from gcond.datasets.graph_set import GraphSet
from gcond.datasets.named import list_datasets, load_dataset
from gcond.datasets.node_data import NodeData

__all__ = [
    "GraphSet",
    "NodeData",
    "as_set_task",
    "as_task",
    "holds_graphs",
    "list_datasets",
    "load_dataset",
]
