"""A condensed set in fewer bytes, and back in the precision of models."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gcond.condensed.result import Condensed


def narrowed(small: Condensed, threshold: float, half: bool) -> Condensed:
    """Edges below the threshold left out, numbers in the smallest types that hold them."""
    if not threshold >= 0:
        raise ValueError(f"threshold must not be negative, got {threshold}")
    dtype = torch.float16 if half else torch.float32
    kept = small.edge_weight >= threshold
    weight = small.edge_weight[kept].to(dtype)
    x = small.x.to(dtype) if small.x.is_floating_point() else _narrow(small.x)
    if not bool(torch.isfinite(x).all() and torch.isfinite(weight).all()):
        raise ValueError(
            f"half precision ends at {torch.finfo(dtype).max:g}, the features or edge weights "
            "go beyond; use half=False, or standardise the features (normalize='standard')"
        )
    numbers = torch.int16 if small.num_nodes < 2**15 else torch.int32
    edges = small.edge_index[:, kept].to(numbers)
    y = small.y if small.y.is_floating_point() else small.y.to(torch.int16)
    soft = None if small.soft is None else small.soft.to(dtype)
    return replace(small, x=x, edge_weight=weight, edge_index=edges, y=y, soft=soft)


def widened(small: Condensed) -> Condensed:
    """Single precision and long integers."""
    if small.x.dtype in (torch.float32, torch.long) and small.edge_index.dtype == torch.long:
        return small
    x = small.x.float() if small.x.is_floating_point() else small.x.long()
    y = small.y if small.y.is_floating_point() else small.y.long()
    weight, edges = small.edge_weight.float(), small.edge_index.long()
    soft = None if small.soft is None else small.soft.float()
    if soft is not None:
        soft = soft / soft.sum(1, keepdim=True)
    return replace(small, x=x, edge_weight=weight, edge_index=edges, y=y, soft=soft)


def _narrow(codes: Tensor) -> Tensor:
    """Whole numbers in as few bits as hold them."""
    small = not codes.numel() or int(codes.abs().max()) < 2**15
    return codes.to(torch.int16) if small else codes
