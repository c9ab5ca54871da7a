"""The same graph in any form gives the same result."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

import gcond
from gcond import NodeData
from gcond.datasets import as_task
from gcond.graph.propagation import normalise
from gcond.testing import example_graph

MASKS = ("train_mask", "val_mask", "test_mask")


def weighted():
    """The example graph with weights that differ by direction, and two self-loops."""
    data = example_graph()
    loops = torch.tensor([[3, 9], [3, 9]])
    data.edge_index = torch.cat([data.edge_index, loops], 1)
    rng = np.random.default_rng(0)
    data.edge_weight = torch.tensor(rng.integers(1, 9, data.edge_index.shape[1]) / 4).float()
    return data


def matrix(data, layout=sp.csr_array):
    n = data.num_nodes
    return layout(sp.coo_array((data.edge_weight.numpy(), data.edge_index.numpy()), shape=(n, n)))


def of_arrays(data, adj, **changes):
    given = {mask.removesuffix("_mask"): data[mask].numpy() for mask in MASKS}
    x = changes.pop("x", data.x.numpy())
    return NodeData.from_arrays(x, adj, data.y.numpy(), **{**given, **changes})


def of_adj_t(data, adj_t):
    return Data(x=data.x, y=data.y, adj_t=adj_t, **{mask: data[mask] for mask in MASKS})


def torch_adj_t(data):
    return torch.sparse_coo_tensor(
        data.edge_index.flip(0), data.edge_weight, (data.num_nodes,) * 2, check_invariants=True
    ).coalesce()


def sparse_tensor(data):
    torch_sparse = pytest.importorskip("torch_sparse", reason="torch-sparse is not installed")
    row, col = data.edge_index
    return torch_sparse.SparseTensor(
        row=col, col=row, value=data.edge_weight, sparse_sizes=(data.num_nodes,) * 2
    )


def of_networkx(data):
    graph = to_networkx(data, node_attrs=["x", "y", *MASKS], edge_attrs=["edge_weight"])
    for _, _, edge in graph.edges(data=True):
        edge["weight"] = edge.pop("edge_weight")
    return graph


def shuffled(data):
    order = torch.randperm(data.edge_index.shape[1], generator=torch.Generator().manual_seed(0))
    other = data.clone()
    other.edge_index, other.edge_weight = data.edge_index[:, order], data.edge_weight[order]
    return other


FORMS = {
    "PyG, edges in another order": shuffled,
    "PyG dataset of one graph": lambda d: [d],
    "adj_t, torch COO": lambda d: of_adj_t(d, torch_adj_t(d)),
    "adj_t, torch CSR": lambda d: of_adj_t(d, torch_adj_t(d).to_sparse_csr()),
    "adj_t, SparseTensor": lambda d: of_adj_t(d, sparse_tensor(d)),
    "networkx": of_networkx,
    "scipy CSR": lambda d: of_arrays(d, matrix(d)),
    "scipy CSR matrix": lambda d: of_arrays(d, matrix(d, sp.csr_matrix)),
    "scipy CSC": lambda d: of_arrays(d, matrix(d, sp.csc_array)),
    "scipy COO": lambda d: of_arrays(d, matrix(d, sp.coo_array)),
    "numpy": lambda d: of_arrays(d, matrix(d).toarray()),
    "torch dense": lambda d: of_arrays(d, torch.tensor(matrix(d).toarray())),
    "torch CSR": lambda d: of_arrays(d, torch_adj_t(d).transpose(0, 1).to_sparse_csr()),
    "SparseTensor": lambda d: of_arrays(d, sparse_tensor(d).t()),
    "node numbers for masks": lambda d: of_arrays(
        d, matrix(d), **{m.removesuffix("_mask"): d[m].nonzero().flatten() for m in MASKS}
    ),
    "sparse features": lambda d: of_arrays(d, matrix(d), x=sp.csr_array(d.x.numpy())),
    "features of double precision": lambda d: of_arrays(d, matrix(d), x=d.x.double()),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_result(form):
    data = weighted()
    expected = gcond.condense(data, num_nodes=6, method="centroid")
    found = gcond.condense(FORMS[form](data), num_nodes=6, method="centroid")
    assert found.source.fingerprint == expected.source.fingerprint
    assert torch.allclose(found.x, expected.x, atol=1e-6)
    assert torch.equal(found.y, expected.y)


def test_undirected_networkx_edges_carry_messages_both_ways():
    data = example_graph()
    attributes = ["x", "y", *MASKS]
    graph = to_networkx(data, node_attrs=attributes, to_undirected=True)
    assert isinstance(graph, nx.Graph)
    assert as_task(graph).fingerprint == as_task(data).fingerprint


def test_parallel_edges_are_added_up_in_every_form():
    data = example_graph()
    twice = data.clone()
    twice.edge_index = torch.cat([data.edge_index, data.edge_index], 1)
    doubled = data.clone()
    doubled.edge_weight = torch.full((data.num_edges,), 2.0)
    multi = nx.MultiGraph(to_networkx(data, node_attrs=["x", "y", *MASKS], to_undirected=True))
    multi.add_edges_from(list(multi.edges()))
    expected = as_task(doubled).fingerprint
    assert as_task(twice).fingerprint == expected
    assert as_task(multi).fingerprint == expected


def test_sparse_features_are_not_made_dense_and_not_changed():
    data = weighted()
    x = sp.csr_array((data.x * (data.x > 4)).numpy())
    x.data[:2] = 0.0  # stored zeros, which ours leaves out
    before = x.data.copy()
    task = as_task(of_arrays(data, matrix(data), x=x), normalize="none")
    assert sp.issparse(task.x)
    assert np.array_equal(x.data, before)
    assert task.x.nnz == x.nnz - 2
    assert np.array_equal(task.x.toarray(), x.toarray())


def test_isolated_nodes_self_loops_and_direction_are_kept_as_documented():
    x, y = np.eye(4), [0, 1, 0, 1]
    adj = np.zeros((4, 4))
    adj[0, 1], adj[2, 2] = 3.0, 5.0  # an edge from 0 to 1, a self-loop, node 3 alone
    task = as_task(NodeData.from_arrays(x, adj, y, train=[0, 1], test=[2, 3]), normalize="none")
    a_hat = normalise(task.adj).toarray()
    assert task.adj[1, 0] == 3
    assert task.adj[0, 1] == 0
    assert np.allclose(a_hat[3], [0, 0, 0, 1])
    assert np.allclose(a_hat[2], [0, 0, 1, 0])


def test_an_empty_list_of_validation_nodes_is_no_validation():
    x, adj, y = np.eye(4), np.ones((4, 4)), [0, 1, 0, 1]
    with_list = NodeData.from_arrays(x, adj, y, train=[0, 1], val=[], test=[2, 3])
    without = NodeData.from_arrays(x, adj, y, train=[0, 1], test=[2, 3])
    assert as_task(with_list).fingerprint == as_task(without).fingerprint
    with pytest.raises(ValueError, match="train_mask marks no node"):
        NodeData.from_arrays(x, adj, y, train=[], test=[2, 3])


def test_the_callers_arrays_are_not_changed():
    data = weighted()
    adj, x = matrix(data), data.x.numpy().copy()
    copies = adj.copy(), x.copy()
    gcond.condense(of_arrays(data, adj, x=x), num_nodes=6, method="centroid", normalize="row")
    assert (adj != copies[0]).nnz == 0
    assert np.array_equal(x, copies[1])
