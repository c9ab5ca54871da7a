"""Train a GNN of your own on a condensed graph with an ordinary PyG loop, test it on the whole."""

import torch
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GCNConv

import gcond


class Net(torch.nn.Module):
    """A two-layer GCN as anyone would write it."""

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.first = GCNConv(in_channels, hidden_channels)
        self.last = GCNConv(hidden_channels, out_channels)

    def forward(self, x, edge_index, edge_weight=None):
        """Logits of all nodes."""
        hidden = self.first(x, edge_index, edge_weight).relu()
        return self.last(hidden, edge_index, edge_weight)


real = gcond.load_dataset("digits")
small = gcond.condense(real, num_nodes=50, method="doscond-x")
torch.manual_seed(0)

data = small.data  # an ordinary PyG Data: x, edge_index, edge_weight, y, train_mask
model = Net(data.num_features, 64, 10)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
for _ in range(300):
    optimizer.zero_grad()
    loss = cross_entropy(model(data.x, data.edge_index, data.edge_weight), data.y)
    loss.backward()
    optimizer.step()

seen = small.prepare(real)  # the real features, preprocessed as the condensed ones were
with torch.no_grad():
    hit = model(seen.x, seen.edge_index).argmax(1) == seen.y
print(f"trained on {data.num_nodes} nodes, test accuracy {hit[seen.test_mask].float().mean():.1%}")
