"""Condense a graph of your own, given as arrays or as a networkx graph."""

import networkx as nx
import numpy as np

import gcond

# Three groups that mostly know each other; everyone has five noisy traits.
rng = np.random.default_rng(0)
graph = nx.planted_partition_graph(3, 100, 0.08, 0.01, seed=0)
y = np.repeat([0, 1, 2], 100)
x = rng.normal(size=(3, 5))[y] + 2 * rng.normal(size=(300, 5))
order = rng.permutation(300)
train, val, test = order[:60], order[60:120], order[120:]

# As arrays: features, a scipy adjacency, labels, and node numbers of each split.
data = gcond.NodeData.from_arrays(
    x, nx.to_scipy_sparse_array(graph), y, train=train, val=val, test=test, name="groups"
)
small = gcond.condense(data, num_nodes=9, method="doscond-x")
print(gcond.evaluate(small, data, seeds=2, baselines=("random",)).table("plain"))

# As networkx: the same, written on the nodes. It is the same graph, so the result fits both.
for i in graph:
    graph.nodes[i].update(x=x[i], y=int(y[i]))
for name, nodes in (("train_mask", train), ("val_mask", val), ("test_mask", test)):
    nx.set_node_attributes(graph, {int(i): True for i in nodes}, name)
found = gcond.evaluate(small, graph, seeds=2, baselines=())
print(f"{found.mean:.1f} % on the networkx graph")
