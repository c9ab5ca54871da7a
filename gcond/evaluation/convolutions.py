"""Convolutions that apply a linear map of the features before any sum over neighbours: PyG's own,
as functions, in the cheaper order for wide sparse features."""

from __future__ import annotations

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch.nn.functional import relu
from torch_geometric.nn.conv.gcn_conv import gcn_norm


class Laplacian(nn.Module):
    r"""The rescaled Laplacian of Chebyshev filters for a largest eigenvalue of 2,
    :math:`-D^{-1/2} A D^{-1/2}`."""

    def __init__(self, normalize: bool = True) -> None:
        super().__init__()
        self.sum, self.normalize = pyg.SimpleConv("sum"), normalize

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        if self.normalize:
            edge_index, edge_weight = gcn_norm(
                edge_index, edge_weight, len(x), add_self_loops=False, dtype=x.dtype
            )
        out: Tensor = -self.sum(x, edge_index, edge_weight)
        return out


class MapFirst(nn.Module):
    """A convolution of a node's own features and an aggregate of its neighbours', each with a map
    of its own, the maps before the aggregation: PyG's ``SAGEConv`` with the mean, its
    ``ChebConv`` of order 2 with the Laplacian."""

    def __init__(
        self, in_channels: int, out_channels: int, aggregate: nn.Module, init: str | None = None
    ) -> None:
        super().__init__()
        kind, bias = {"weight_initializer": init}, "zeros" if init else None
        self.neighbours = pyg.Linear(in_channels, out_channels, bias=False, **kind)
        self.root = pyg.Linear(in_channels, out_channels, **kind, bias_initializer=bias)
        self.aggregate = aggregate

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        weights = () if edge_weight is None else (edge_weight,)
        out: Tensor = self.root(x) + self.aggregate(self.neighbours(x), edge_index, *weights)
        return out


class Isomorphism(nn.Module):
    """PyG's ``GINConv`` with a two-layer network, whose first map comes before the sum."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = pyg.Linear(in_channels, out_channels, bias=False)
        self.sum = pyg.SimpleConv("sum", combine_root="sum")
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-1, 1) * in_channels**-0.5)
        self.last = pyg.Linear(out_channels, out_channels)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out: Tensor = self.last(relu(self.sum(self.first(x), edge_index) + self.bias))
        return out
