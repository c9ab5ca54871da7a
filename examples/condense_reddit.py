"""Condense Reddit (153,431 training posts) to 153 nodes, and train on those.

    python examples/condense_reddit.py            # a small generated graph of Reddit's shape
    python examples/condense_reddit.py data       # Reddit itself, from data/Reddit/raw

Reddit's two files are `reddit_data.npz` and `reddit_graph.npz` (https://data.dgl.ai/dataset/reddit.zip);
`gcond datasets pack reddit --root data` makes them a store once, which opens at once.
"""

import sys
import tempfile

import gcond

if len(sys.argv) > 1:
    root, name, num_nodes = sys.argv[1], "reddit", 153
else:
    root, name, num_nodes = tempfile.mkdtemp(), "reddit-like-3000", 82
    print(gcond.datasets.generate(name, root))

# Inductive, as is usual for Reddit: only the graph of the training nodes is seen.
small = gcond.condense(name, num_nodes=num_nodes, method="gcond-x", root=root)
print(small, f"{small.seconds:.1f} s")
print(gcond.evaluate(small, seeds=2, baselines=("random",), root=root).table("plain"))
