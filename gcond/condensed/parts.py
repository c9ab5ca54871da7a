"""What a method answered, as fields of a condensed set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gcond.graph.sets.outcome import SetOutcome
from gcond.image.outcome import ImageOutcome

if TYPE_CHECKING:
    from gcond.graph.outcome import Outcome


def parts_of(outcome: Outcome | SetOutcome | ImageOutcome) -> dict[str, Any]:
    """What a method answered, as fields of a :class:`Condensed`."""
    if isinstance(outcome, ImageOutcome):
        edge_index, edge_weight = edges_of(None, outcome.pixels)
        return {
            "x": outcome.pixels,
            "edge_index": edge_index,
            "edge_weight": edge_weight,
            "y": outcome.y,
            "steps": outcome.steps,
        }
    if isinstance(outcome, SetOutcome):
        graphs = outcome.graphs
        return {
            "x": graphs.x,
            "edge_index": graphs.edge_index,
            "edge_weight": graphs.edge_weight,
            "y": outcome.y,
            "ptr": graphs.ptr,
            "encoded": outcome.encoded,
        }
    edge_index, edge_weight = edges_of(outcome.adj, outcome.x)
    return {
        "x": outcome.x,
        "edge_index": edge_index,
        "edge_weight": edge_weight,
        "y": outcome.y,
        "soft": outcome.soft,
    }


def edges_of(adj: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor]:
    """Dense weights as ``edge_index`` and ``edge_weight``, zero and denormal entries left out."""
    if adj is None:
        empty = torch.empty(2, 0, dtype=torch.long)
        return empty, like.new_empty(0)
    edge_index = (adj > torch.finfo(adj.dtype).tiny).nonzero().T.contiguous()
    return edge_index, adj[edge_index[0], edge_index[1]]
