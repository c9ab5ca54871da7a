"""The way in: a name, a PyG dataset or a PyG ``Data`` becomes a task."""

from gcond.datasets.convert import as_task
from gcond.datasets.named import list_datasets, load_dataset

__all__ = ["as_task", "list_datasets", "load_dataset"]
