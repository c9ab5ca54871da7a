"""Networks for sets of graphs by name, from PyG's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch_geometric.nn as pyg
from torch import Tensor, nn

from gcond.graph.sets.training import SetTraining
from gcond.spelling import meant

_CONVOLUTIONS: dict[str, Callable[..., nn.Module]] = {
    "GraphSAGE": pyg.GraphSAGE,
    "GAT": pyg.GAT,
    "GIN": pyg.GIN,
}
SET_NETWORKS = ("GCN", *_CONVOLUTIONS)
"""Networks that have a name. GCN is that of the protocol, trained for all seeds at once."""


class Pooled(nn.Module):
    """Convolutions of PyG with ReLU, a readout and a linear head. It uses no edge weights.

    Args:
        name: Which convolutions.
        in_channels: Columns of encoded rows.
        out_channels: Classes, or labels per graph.
        training: Width, depth and readout.
    """

    def __init__(
        self, name: str, in_channels: int, out_channels: int, training: SetTraining
    ) -> None:
        super().__init__()
        width = training.hidden_channels
        self.convolutions = _CONVOLUTIONS[name](in_channels, width, training.num_layers)
        self.pool = pyg.global_mean_pool if training.pooling == "mean" else pyg.global_add_pool
        self.head = nn.Linear(width, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        rows = self.convolutions(x, edge_index).relu()
        logits: Tensor = self.head(self.pool(rows, batch))
        return logits


def named(model: Any) -> Any:
    """The name as :data:`SET_NETWORKS` spells it; what is no name passes through.

    Raises:
        ValueError: The name is unknown.
    """
    if not isinstance(model, str):
        return model
    known = {name.lower(): name for name in SET_NETWORKS}
    if model.lower() not in known:
        raise ValueError(
            f"unknown model {model!r} for sets of graphs; {meant(model, SET_NETWORKS)}known: "
            f"{', '.join(SET_NETWORKS)}; or give a module, or a function of the number of input "
            "and output channels"
        )
    return known[model.lower()]


def factory(model: Any, training: SetTraining) -> Any:
    """What builds a network of that name; modules and functions pass through."""
    if not isinstance(model, str):
        return model
    return lambda inputs, outputs: Pooled(model, inputs, outputs, training)
