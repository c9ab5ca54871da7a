"""Condense a set of graphs, then train an ordinary PyG model on the few graphs that are left.

    python examples/condense_molecules.py ogbg-molbace 1

Any name of a set of graphs will do (`gcond datasets`), or a PyG dataset of your own; without one,
the digits that come with scikit-learn, as graphs of their regions.
"""

import sys

import torch
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCN, global_mean_pool

import gcond

name = sys.argv[1] if len(sys.argv) > 1 else "digits-graphs"
per_class = int(sys.argv[2]) if len(sys.argv) > 2 else 1

small = gcond.condense(name, per_class=per_class, method="doscond")
print(small, small.graphs[0])
print(gcond.evaluate(small, seeds=2, baselines=("random",)).table("plain"))

# The graphs are PyG objects like any others. `source.preprocess` is how models here see a node.
torch.manual_seed(0)
encode = (lambda x: x) if small.encoded else small.source.preprocess
model = GCN(small.source.preprocess.width, 64, 3, small.num_classes)
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(100):
    for batch in DataLoader(small.graphs, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        nodes = model(encode(batch.x), batch.edge_index)
        loss = torch.nn.functional.cross_entropy(global_mean_pool(nodes, batch.batch), batch.y)
        loss.backward()
        optimizer.step()
print(f"loss on the condensed graphs {loss:.3f}")
