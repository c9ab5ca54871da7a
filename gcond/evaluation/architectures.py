"""Downstream architectures by name, from PyG's own layers.

All are called as ``model(x, edge_index, edge_weight)``. Those that cannot use weights say so with
``supports_edge_weight = False``, as PyG's models do; they get the edges at or above a protocol's
threshold instead.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import torch
import torch_geometric.nn as pyg
from torch import Tensor, nn
from torch.nn.functional import dropout, relu


class SGC(nn.Module):
    """`"Simplifying Graph Convolutional Networks" <https://arxiv.org/abs/1902.07153>`_, two
    propagations and one linear map; the map comes first, which is the same and cheaper."""

    supports_edge_weight = True

    def __init__(self, in_channels: int, hidden: int, out_channels: int, p: float) -> None:
        super().__init__()
        self.linear = pyg.Linear(in_channels, out_channels, bias=False)
        self.propagation = pyg.APPNP(K=2, alpha=0.0)
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        out: Tensor = self.propagation(self.linear(x), edge_index, edge_weight) + self.bias
        return out


class APPNP(nn.Module):
    """`"Predict then Propagate" <https://arxiv.org/abs/1810.05997>`_: a two-layer network, then
    ten steps of personalised PageRank with teleport probability 0.1."""

    supports_edge_weight = True

    def __init__(self, in_channels: int, hidden: int, out_channels: int, p: float) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(in_channels, hidden), nn.Linear(hidden, out_channels)
        self.propagation = pyg.APPNP(K=10, alpha=0.1)
        self.p = p

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        hidden = dropout(relu(self.first(x)), self.p, self.training)
        out: Tensor = self.propagation(self.last(hidden), edge_index, edge_weight)
        return out


class _TwoLayers(nn.Module):
    """Two convolutions with ReLU and dropout between them."""

    supports_edge_weight = True

    def __init__(self, first: nn.Module, last: nn.Module, p: float) -> None:
        super().__init__()
        self.first, self.last, self.p = first, last, p

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        weights = (edge_weight,) if self.supports_edge_weight else ()
        hidden = dropout(relu(self.first(x, edge_index, *weights)), self.p, self.training)
        out: Tensor = self.last(hidden, edge_index, *weights)
        return out


class ChebNet(_TwoLayers):
    """`"Convolutional Neural Networks on Graphs with Fast Localized Spectral Filtering"
    <https://arxiv.org/abs/1606.09375>`_, two layers of order 2."""

    def __init__(self, in_channels: int, hidden: int, out_channels: int, p: float) -> None:
        super().__init__(
            pyg.ChebConv(in_channels, hidden, K=2), pyg.ChebConv(hidden, out_channels, K=2), p
        )


class Transformer(_TwoLayers):
    """`"Masked Label Prediction: Unified Message Passing Model"
    <https://arxiv.org/abs/2009.03509>`_ without its labels: two layers of attention over the
    neighbours, four heads in the first. It uses no edge weights."""

    supports_edge_weight = False

    def __init__(self, in_channels: int, hidden: int, out_channels: int, p: float) -> None:
        heads = 4 if hidden % 4 == 0 else 1
        super().__init__(
            pyg.TransformerConv(in_channels, hidden // heads, heads=heads),
            pyg.TransformerConv(hidden, out_channels),
            p,
        )


class GCNII(nn.Module):
    """`"Simple and Deep Graph Convolutional Networks" <https://arxiv.org/abs/2007.02133>`_ with
    eight layers, ``alpha=0.1`` and ``theta=0.5``."""

    supports_edge_weight = True

    def __init__(self, in_channels: int, hidden: int, out_channels: int, p: float) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(in_channels, hidden), nn.Linear(hidden, out_channels)
        self.convs = nn.ModuleList(
            pyg.GCN2Conv(hidden, alpha=0.1, theta=0.5, layer=layer) for layer in range(1, 9)
        )
        self.p = p

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None = None) -> Tensor:
        hidden = start = relu(self.first(x))
        for conv in self.convs:
            hidden = dropout(hidden, self.p, self.training)
            hidden = relu(conv(hidden, start, edge_index, edge_weight))
        out: Tensor = self.last(dropout(hidden, self.p, self.training))
        return out


Builder = Callable[[int, int, int, float], nn.Module]


def _of_pyg(name: str, **extra: object) -> Builder:
    def build(in_channels: int, hidden: int, out_channels: int, p: float) -> nn.Module:
        kind = getattr(pyg, name)
        module: nn.Module = kind(
            in_channels=in_channels,
            hidden_channels=hidden,
            out_channels=out_channels,
            num_layers=2,
            dropout=p,
            **extra,
        )
        return module

    return build


ARCHITECTURES: dict[str, Builder] = {
    "GCN": _of_pyg("GCN"),
    "SGC": SGC,
    "APPNP": APPNP,
    "ChebNet": ChebNet,
    "GraphSAGE": _of_pyg("GraphSAGE"),
    "GAT": _of_pyg("GAT"),
    "GIN": _of_pyg("GIN"),
    "GCNII": GCNII,
    "Transformer": Transformer,
    # PyG's MLP normalises by default, its GNNs do not. Its second argument is a batch vector that
    # only normalisation reads, so it can be called like the others.
    "MLP": _of_pyg("MLP", norm=None),
}
"""Two layers each, but for SGC (one), GCNII (ten) and APPNP (a network, then ten propagations)."""


def build(name: str, in_channels: int, hidden: int, out_channels: int, p: float) -> nn.Module:
    """A fresh model of that name from torch's global generator.

    Raises:
        ValueError: The name is unknown.
    """
    known = {key.lower(): key for key in ARCHITECTURES} | {"cheby": "ChebNet", "sage": "GraphSAGE"}
    key = known.get(name.lower())
    if key is None:
        close = get_close_matches(name.lower(), known, 1)
        hint = f"; did you mean {known[close[0]]!r}?" if close else ""
        raise ValueError(
            f"unknown model {name!r}{hint} Known: {', '.join(ARCHITECTURES)}; or give a module, or "
            "a function of the number of input and output channels"
        )
    return ARCHITECTURES[key](in_channels, hidden, out_channels, p)


def uses_edge_weight(model: nn.Module) -> bool:
    """Whether a model is given edge weights; others get the edges above a threshold."""
    return bool(getattr(model, "supports_edge_weight", True))
