"""Somebody else's condensed graph, checked against the data it was condensed from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gcond.datasets.read import edge_list
from gcond.graph.task import NodeTask

if TYPE_CHECKING:
    from torch_geometric.data import Data


def parts(
    task: NodeTask, data: Data | None, x: Tensor | None, y: Tensor | None, adj: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Features, dense symmetric edge weights (``None`` without edges) and class numbers; those
    given take precedence over those of ``data``.

    Raises:
        ValueError: A part is missing or does not fit the data.
    """
    x = x if x is not None else getattr(data, "x", None)
    y = y if y is not None else getattr(data, "y", None)
    if x is None or y is None:
        raise ValueError("a condensed graph needs x and y; give them, or data that has them")
    x, y = x.detach().cpu().float(), y.detach().cpu().long().reshape(-1)
    if x.dim() != 2 or x.shape[1] != task.num_features or len(x) != len(y):
        raise ValueError(
            f"x must have a row for each of the {len(y)} labels and the {task.num_features} "
            f"features of {task.name}, got {list(x.shape)}"
        )
    numbers = {label: c for c, label in enumerate(task.label_names)}
    foreign = sorted(set(y.tolist()) - numbers.keys())
    if foreign:
        raise ValueError(f"y has the labels {foreign}, which {task.name} does not have")
    classes = torch.tensor([numbers[label] for label in y.tolist()])
    return x, _adjacency(data, adj, len(y)), classes


def _adjacency(data: Data | None, adj: Tensor | None, n: int) -> Tensor | None:
    """Dense weights from whichever form was given, checked."""
    if adj is None and getattr(data, "adj", None) is not None:
        adj = data.adj  # type: ignore[union-attr]
    if adj is not None:
        found = (adj.to_dense() if adj.layout != torch.strided else adj).detach().cpu().float()
    elif data is not None and data.edge_index is not None:
        found = torch.as_tensor(
            edge_list(data.edge_index, getattr(data, "edge_weight", None), n).toarray()
        )
    else:
        return None
    if found.shape != (n, n) or not bool(torch.isfinite(found).all()) or bool((found < 0).any()):
        raise ValueError(f"adj must hold finite, non-negative weights [{n}, {n}]")
    if bool(found.diagonal().any()):
        raise ValueError(
            "adj has self-loops, which models add themselves; use adj - adj.diag().diag()"
        )
    if not torch.allclose(found, found.T, atol=1e-6):
        raise ValueError("adj must be symmetric; use (adj + adj.T) / 2")
    return (found + found.T) / 2
