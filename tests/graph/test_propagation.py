import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from in_float64 import normal
from torch_geometric.nn import SGConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import dense_to_sparse

from gcond.datasets import as_task, load_dataset
from gcond.datasets.read import edge_list
from gcond.graph.propagation import (
    normalise,
    normalise_dense,
    normalise_once,
    propagate,
    propagate_dense,
    to_sparse_tensor,
    to_tensor,
)

NODES = 8
# Nodes 6 and 7 are isolated; node 7 only has a self-loop of weight 0.5.
LOOPS = torch.tensor([[0, 2, 7], [0, 2, 7]])


def edges(directed, weighted, loops):
    pairs = torch.tensor([[0, 0, 1, 2, 3, 4, 5], [1, 2, 3, 3, 4, 5, 0]])
    weight = torch.linspace(0.3, 2.0, 7)
    if not directed:
        pairs, weight = torch.cat([pairs, pairs.flip(0)], 1), torch.cat([weight, weight])
    if loops:
        pairs, weight = torch.cat([pairs, LOOPS], 1), torch.cat([weight, torch.full((3,), 0.5)])
    return pairs, weight if weighted else None


def from_pyg(edge_index, edge_weight, num_nodes):
    """PyG's normalisation as a matrix whose row ``i`` gathers the edges into ``i``."""
    index, weight = gcn_norm(edge_index, edge_weight, num_nodes, dtype=torch.float32)
    dense = torch.zeros(num_nodes, num_nodes, dtype=weight.dtype)
    return dense.index_put_((index[1], index[0]), weight, accumulate=True)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loops", [False, True])
def test_normalise_equals_gcn_norm(directed, weighted, loops):
    edge_index, edge_weight = edges(directed, weighted, loops)
    found = normalise(edge_list(edge_index, edge_weight, NODES))
    expected = from_pyg(edge_index, edge_weight, NODES)
    assert torch.allclose(torch.tensor(found.toarray()), expected, atol=1e-6)
    assert found[6, 6] == 1


def test_normalise_leaves_its_argument_as_it_is():
    adj = edge_list(*edges(False, True, True), NODES)
    before = adj.toarray()
    normalise(adj)
    assert np.array_equal(adj.toarray(), before)


def test_duplicate_edges_are_added_up_as_message_passing_does():
    edge_index = torch.tensor([[0, 0, 1], [1, 1, 2]])
    assert edge_list(edge_index, None, 3)[1, 0] == 2
    found = torch.tensor(normalise(edge_list(edge_index, None, 3)).toarray())
    assert torch.allclose(found, from_pyg(edge_index, None, 3), atol=1e-6)


def test_edges_flow_from_source_to_target():
    adj = edge_list(torch.tensor([[0], [1]]), None, 2)
    assert adj.toarray().tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_propagating_some_rows_equals_those_rows_of_all(sparse, hops):
    a_hat = normalise(edge_list(*edges(True, True, True), NODES)).astype(np.float64)
    x = normal(NODES, 4).numpy() * (normal(NODES, 4, seed=1).numpy() > 0)
    rows = np.array([5, 0, 7, 0])
    some = propagate(a_hat, sp.csr_array(x) if sparse else x, hops, rows)
    assert sp.issparse(some) == sparse
    everything = propagate(a_hat, x, hops)
    assert np.allclose(to_tensor(some, torch.float64), everything[rows], atol=1e-12)
    assert np.allclose(everything, np.linalg.matrix_power(a_hat.toarray(), hops) @ x, atol=1e-12)


def sgconv(data, x, hops):
    conv = SGConv(x.shape[1], x.shape[1], K=hops, bias=False)
    conv.lin.weight.data = torch.eye(x.shape[1])
    with torch.no_grad():
        return conv(x, data.edge_index)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_features_equal_those_of_sgconv(example, hops):
    task = as_task(example)
    found = to_tensor(task.features("train", hops), torch.float32)
    expected = sgconv(example, torch.as_tensor(task.x), hops)[example.train_mask]
    assert torch.allclose(found, expected, atol=1e-5)


def test_features_of_a_real_graph_equal_those_of_sgconv(real_data):
    data = load_dataset("cora", real_data)
    task = as_task(data)
    found = to_tensor(task.features("train", 2), torch.float32)
    expected = sgconv(data, to_tensor(task.x, torch.float32), 2)[data.train_mask]
    assert torch.allclose(found, expected, atol=1e-6)


def weighted_graph(n, seed):
    upper = torch.sigmoid(2 * normal(n, n, seed=seed)).triu(1)
    return upper + upper.T


def test_dense_normalisation_equals_gcn_norm_of_the_edge_list():
    adj = weighted_graph(7, seed=0)
    adj[2] = adj[:, 2] = 0  # an isolated node
    index, weight = gcn_norm(*dense_to_sparse(adj), 7, dtype=torch.float64)
    expected = torch.zeros(7, 7, dtype=torch.float64).index_put_((index[1], index[0]), weight)
    assert torch.allclose(normalise_dense(adj), expected, atol=1e-12)
    stacked = normalise_dense(torch.stack([adj, 0 * adj]))
    assert torch.equal(stacked[0], normalise_dense(adj))
    assert torch.equal(stacked[1], torch.eye(7, dtype=torch.float64))


def test_the_short_way_back_through_dense_normalisation_is_the_long_one():
    adj = torch.stack([weighted_graph(5, seed) for seed in range(2)]).requires_grad_()
    assert torch.equal(normalise_once(adj), normalise_dense(adj))
    assert torch.autograd.gradcheck(normalise_once, adj)
    assert torch.autograd.gradgradcheck(normalise_dense, adj)


def test_dense_normalisation_of_directed_edges_equals_the_sparse_one():
    adj = torch.sigmoid(normal(7, 7)) * (1 - torch.eye(7, dtype=torch.float64))
    expected = normalise(sp.csr_array(adj.numpy())).toarray()
    assert np.allclose(normalise_dense(adj), expected, atol=1e-12)


@pytest.mark.parametrize("hops", [0, 1, 2, 3])
def test_dense_propagation_equals_the_power_of_the_normalised_adjacency(hops):
    generator = torch.Generator().manual_seed(0)
    adj = torch.rand(6, 6, generator=generator, dtype=torch.float64).requires_grad_()
    x = torch.randn(6, 4, generator=generator, dtype=torch.float64).requires_grad_()
    expected = torch.linalg.matrix_power(normalise_dense(adj), hops) @ x
    found = propagate_dense(adj, x, hops)
    assert torch.allclose(found, expected, atol=1e-12)
    cotangent = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    wanted = torch.autograd.grad(expected, [adj, x], cotangent, allow_unused=True)
    given = torch.autograd.grad(found, [adj, x], cotangent)
    for a, b in zip(given, wanted, strict=True):
        assert torch.allclose(a, torch.zeros_like(a) if b is None else b, atol=1e-12)


def test_dense_normalisation_passes_gradcheck():
    adj = weighted_graph(4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(normalise_dense, adj)


@given(n=st.integers(1, 12), seed=st.integers(0, 1000), density=st.floats(0, 1))
def test_the_normalised_spectrum_lies_within_one(n, seed, density):
    adj = weighted_graph(n, seed)
    keep = (weighted_graph(n, seed + 1) < density).double()
    adj = adj * keep
    dense = normalise_dense(adj)
    sparse = normalise(sp.csr_array(adj.numpy())).toarray()
    assert np.allclose(dense.numpy(), sparse, atol=1e-12)
    spectrum = torch.linalg.eigvalsh(dense)
    assert float(spectrum.abs().max()) <= 1 + 1e-12
    assert float(spectrum.max()) == pytest.approx(1, abs=1e-12)


def test_matrices_become_tensors_of_either_layout():
    matrix = sp.random_array((6, 5), density=0.4, format="csr", rng=np.random.default_rng(0))
    dense = to_tensor(matrix, torch.float64)
    assert np.array_equal(dense.numpy(), matrix.toarray())
    sparse = to_sparse_tensor(matrix, torch.float64)
    assert sparse.layout == torch.sparse_csr
    assert torch.equal(sparse.to_dense(), dense)
    assert to_tensor(matrix.toarray(), torch.float32).dtype == torch.float32
