"""The papers with our defaults: parameters and citation, nothing else."""

from gcond.methods.registry import DEFAULT, TYPES, Items, get_method, list_methods

__all__ = ["DEFAULT", "TYPES", "Items", "get_method", "list_methods"]
