"""The way in: a name, a PyG object, a networkx graph or plain arrays become a task."""

from gcond.datasets.convert import as_task
from gcond.datasets.named import list_datasets, load_dataset
from gcond.datasets.node_data import NodeData

__all__ = ["NodeData", "as_task", "list_datasets", "load_dataset"]
