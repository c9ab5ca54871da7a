"""A graph in PyG's form written to disk, for tests of what is done with graphs on disk."""

import numpy as np
import scipy.sparse as sp

from gcond.graph.store import Store, StoreWriter


def stored(folder, data, unlabelled=0, **options):
    """A store with the graph of ``data``; its last nodes are in no split."""
    n = data.num_nodes
    row, col = data.edge_index.numpy()
    adj = sp.coo_array((np.ones(len(row)), (row, col)), (n, n)).tocsr()
    adj.sort_indices()
    split = np.full(n, -1)
    for number, name in enumerate(("train_mask", "val_mask", "test_mask")):
        split[data[name].numpy()] = number
    split[n - unlabelled :] = -1
    y = data.y.numpy()
    width, classes = data.x.shape[1], int(y.max()) + 1
    with StoreWriter(folder, folder.name, n, width, classes, **options) as writer:
        writer.add_neighbours(np.diff(adj.indptr), adj.indices)
        writer.add("x", data.x.numpy())
        writer.add("y", y)
        writer.add("split", split)
    return Store.open(folder)
