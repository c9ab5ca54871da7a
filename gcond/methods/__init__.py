"""The papers with our defaults: parameters and citation, nothing else."""

from gcond.methods.registry import TYPES, get_method, list_methods

__all__ = ["TYPES", "get_method", "list_methods"]
