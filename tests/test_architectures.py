"""Named architectures: PyG's functions, whichever form of the graph they are shown."""

import pytest
import torch
import torch_geometric.nn as pyg
from torch_geometric.nn import SGConv

from gcond.evaluation.architectures import (
    ARCHITECTURES,
    Isomorphism,
    Laplacian,
    MapFirst,
    build,
    uses_edge_weight,
)
from gcond.evaluation.views import Graph


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_matter_to_those_that_say_so(name):
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(6, 5, generator=generator)
    edges = (1 - torch.eye(6)).nonzero().T
    torch.manual_seed(0)
    module = build(name, 5, 8, 3, 0.0).eval()
    ones = torch.ones(edges.shape[1])
    if not uses_edge_weight(module):
        assert module(x, edges).shape == (6, 3)
        return
    few = torch.rand(edges.shape[1], generator=generator)
    same = torch.allclose(module(x, edges, ones), module(x, edges, few), atol=1e-6)
    assert same == (name == "MLP")


def test_sgc_is_pygs(example):
    ours = build("SGC", 16, 8, 3, 0.5)
    theirs = SGConv(16, 3, K=2)
    theirs.lin.weight.data, theirs.lin.bias.data = ours.linear.weight.data, torch.randn(3)
    ours.bias.data = theirs.lin.bias.data
    weight = torch.rand(example.num_edges)
    one, other = (m(example.x, example.edge_index, weight) for m in (ours, theirs))
    assert torch.allclose(one, other, atol=1e-5)


def test_names_are_understood_and_misspellings_are_answered():
    assert type(build("cheby", 4, 8, 2, 0.0)).__name__ == "ChebNet"
    assert type(build("sage", 4, 8, 2, 0.0)).__name__ == "GraphSAGE"
    with pytest.raises(ValueError, match="did you mean 'APPNP'"):
        build("APNP", 4, 8, 2, 0.0)


def cycle(weighted=True):
    """A ring of seven nodes with a chord, and one node without edges."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(8, 5, generator=generator, dtype=torch.float64)
    one = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 0], [1, 2, 3, 4, 5, 6, 0, 3]])
    weight = torch.rand(8, generator=generator, dtype=torch.float64) + 0.1
    if not weighted:
        weight = torch.ones_like(weight)
    return x, torch.cat([one, one.flip(0)], 1), torch.cat([weight, weight])


def test_the_map_before_the_mean_is_pygs_sage():
    x, edges, _ = cycle()
    theirs = pyg.SAGEConv(5, 3).double()
    ours = MapFirst(5, 3, pyg.SimpleConv("mean")).double()
    ours.neighbours.weight.data, ours.root.weight.data = theirs.lin_l.weight, theirs.lin_r.weight
    ours.root.bias.data = theirs.lin_l.bias
    assert torch.allclose(ours(x, edges), theirs(x, edges), atol=1e-12)


def test_the_map_before_the_laplacian_is_pygs_chebyshev_filter():
    x, edges, weight = cycle()
    theirs = pyg.ChebConv(5, 3, K=2).double()
    torch.nn.init.normal_(theirs.bias)
    ours = MapFirst(5, 3, Laplacian(), "glorot").double()
    ours.root.weight.data, ours.neighbours.weight.data = (lin.weight for lin in theirs.lins)
    ours.root.bias.data = theirs.bias
    assert torch.allclose(ours(x, edges, weight), theirs(x, edges, weight), atol=1e-12)


def test_the_map_before_the_sum_is_pygs_isomorphism_network():
    x, edges, _ = cycle()
    network = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 4))
    theirs = pyg.GINConv(network).double()
    ours = Isomorphism(5, 4).double()
    ours.first.weight.data, ours.bias.data = network[0].weight, network[0].bias
    ours.last.weight.data, ours.last.bias.data = network[2].weight, network[2].bias
    assert torch.allclose(ours(x, edges), theirs(x, edges), atol=1e-12)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_prepared_graph_gives_the_same_outputs_and_gradients(name):
    x, edges, weight = cycle(weighted=uses_edge_weight(build(name, 5, 8, 3, 0.0)))
    torch.manual_seed(1)
    plain = build(name, 5, 8, 3, 0.0).double()
    fast = build(name, 5, 8, 3, 0.0, normalize=False).double()
    fast.load_state_dict(plain.state_dict())
    for sparse in (False, True):
        graph = Graph(x.to_sparse_csr() if sparse else x, edges, weight)
        shown = graph.inputs(ARCHITECTURES[name].kind, 0.5, sparse=True)
        usual = (x, edges, weight) if uses_edge_weight(plain) else (x, edges)
        one, other = plain(*usual), fast(*shown)
        assert torch.allclose(one, other, atol=1e-10)
        pull = torch.rand_like(one)
        ones = torch.autograd.grad((one * pull).sum(), plain.parameters(), allow_unused=True)
        others = torch.autograd.grad((other * pull).sum(), fast.parameters(), allow_unused=True)
        for a, b in zip(ones, others, strict=True):
            assert (a is None and b is None) or torch.allclose(a, b, atol=1e-10)


def test_models_without_weights_are_shown_the_edges_from_the_threshold_up():
    x, edges, weight = cycle()
    shown = Graph(x, edges, weight).inputs("edges", 0.5)
    assert torch.equal(shown[1], edges[:, weight >= 0.5])
    ones = Graph(x, edges, weight).inputs("ones", 0.5)[1]
    assert ones.sum() == (weight >= 0.5).sum()
