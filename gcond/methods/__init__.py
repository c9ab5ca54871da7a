"""The papers with our defaults: parameters and citation, nothing else."""

from gcond.methods.registry import TYPES, Items, get_method, list_methods

__all__ = ["TYPES", "Items", "get_method", "list_methods"]
