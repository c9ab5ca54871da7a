"""Judge a condensed graph with a GNN of your own, and condense with it."""

from dataclasses import replace

import torch
from torch_geometric.nn import GraphConv

import gcond
from gcond.graph.models import Module
from gcond.matching import Schedule


class Net(torch.nn.Module):
    """Any module that is called as model(x, edge_index, edge_weight)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = GraphConv(in_channels, 32, aggr="mean")
        self.last = GraphConv(32, out_channels, aggr="mean")

    def forward(self, x, edge_index, edge_weight=None):
        """Logits, one row per node."""
        hidden = self.first(x, edge_index, edge_weight).relu()
        return self.last(hidden, edge_index, edge_weight)


real = gcond.load_dataset("digits")

# Judge with it: a set that was condensed with another model.
small = gcond.condense(real, num_nodes=40, method="doscond-x")
found = gcond.evaluate(small, real, model=Net, seeds=1, baselines=())
print(f"condensed with SGC: {found.mean:.1f} % with Net")

# Condense with it: gradients of your module are matched through torch.func.
method = replace(gcond.get_method("doscond-x"), model=Module(Net), schedule=Schedule(20))
small = gcond.condense(real, num_nodes=40, method=method)
found = gcond.evaluate(small, real, model=Net, seeds=1, baselines=())
print(f"condensed with Net: {found.mean:.1f} % with Net")
