"""What matching models see of a synthetic graph, and that they are the models of their names."""

import pytest
import torch
from in_float64 import normal
from torch import nn
from torch.nn.functional import log_softmax
from torch_geometric.nn import GCNConv, SGConv

from gcond.graph.adjacency import FreeLogits
from gcond.graph.models import GCN, SGC, Convolutions, Module, PropagatedMLP
from gcond.matching import (
    MLP,
    Batch,
    ByClass,
    CosinePerUnit,
    FlatCosine,
    Functional,
    FunctionalGradient,
    Linear,
    SquaredL2,
)

LIKE = torch.zeros((), dtype=torch.float64)
Y = torch.tensor([0, 2, 1, 0, 1, 0])
GROUPS = ByClass().partition(Y, torch.tensor([3, 2, 1]), torch.float64)
WIDTH, HIDDEN, CLASSES = 5, 4, 3

each_distance = pytest.mark.parametrize(
    "distance", [CosinePerUnit(), FlatCosine(), SquaredL2()], ids=str
)


class TwoConvs(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.first = GCNConv(in_channels, HIDDEN)
        self.second = GCNConv(HIDDEN, out_channels)

    def forward(self, x, edge_index, edge_weight):
        hidden = self.first(x, edge_index, edge_weight).relu()
        return self.second(hidden, edge_index, edge_weight)


MODULE = Module(TwoConvs)


def graph(learned=True):
    upper = torch.sigmoid(normal(6, 6, seed=3)).triu(1)
    x, adj = normal(6, WIDTH), upper + upper.T
    return (x.requires_grad_(), adj.requires_grad_()) if learned else (x, adj)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def module_theta(theta):
    """Parameters of the convolutions in the order and layout of the module."""
    w1, b1, w2, b2 = theta
    named = {
        "first.lin.weight": w1.T,
        "first.bias": b1,
        "second.lin.weight": w2.T,
        "second.bias": b2,
    }
    return tuple(named[name] for name, _ in TwoConvs(WIDTH, CLASSES).named_parameters())


@pytest.mark.parametrize(
    ("matcher", "kind"),
    [(SGC(), Linear), (PropagatedMLP(), MLP), (GCN(), Convolutions), (MODULE, Functional)],
    ids=lambda value: type(value).__name__,
)
def test_a_matcher_makes_its_model_for_given_widths(matcher, kind):
    model = matcher.of(WIDTH, CLASSES, LIKE)
    theta = model.draw(generator())
    assert isinstance(model, kind)
    assert model(theta, *matcher.view(*graph())).shape == (6, CLASSES)
    assert all(t.dtype == torch.float64 for t in theta)
    assert len(model.units) == len(theta)


def test_no_convolutions_are_refused():
    with pytest.raises(ValueError, match="num_layers must be at least 1, got 0"):
        GCN(num_layers=0)


@pytest.mark.parametrize("matcher", [SGC(), PropagatedMLP(), GCN(), GCN(3), MODULE], ids=str)
def test_no_edges_are_the_same_as_edges_of_weight_zero(matcher):
    x, adj = graph(learned=False)
    model = matcher.of(WIDTH, CLASSES, LIKE)
    theta = model.draw(generator())
    without = model(theta, *matcher.view(x, None))
    zero = model(theta, *matcher.view(x, torch.zeros_like(adj)))
    assert torch.allclose(without, zero, atol=1e-12)
    assert not torch.allclose(without, model(theta, *matcher.view(x, adj)), atol=1e-3)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_sgc_equals_sgconv(hops):
    x, adj = graph(learned=False)
    model = SGC(hops).of(WIDTH, CLASSES, LIKE)
    weight, bias = model.draw(generator())
    conv = SGConv(WIDTH, CLASSES, K=hops).double()
    conv.lin.weight.data, conv.lin.bias.data = weight.T, bias
    expected = conv(*MODULE.view(x, adj))
    assert torch.allclose(model((weight, bias), *SGC(hops).view(x, adj)), expected, atol=1e-12)


def test_the_module_with_the_same_weights_equals_the_convolutions():
    ours, theirs = GCN(2, HIDDEN), MODULE
    convolutions = ours.of(WIDTH, CLASSES, LIKE)
    theta = convolutions.draw(generator())
    gradients = []
    for matcher, model, given in (
        (ours, convolutions, theta),
        (theirs, theirs.of(WIDTH, CLASSES, LIKE), module_theta(theta)),
    ):
        x, _ = graph()
        structure = FreeLogits().start(x.detach(), generator())
        inputs = matcher.view(x, structure(x))
        logits = model(given, *inputs)
        # Zero as target, since the two store their parameters in different orders.
        signature, pullback = FunctionalGradient(model).trace(given, Batch(inputs, Y, GROUPS))
        zero = tuple(torch.zeros_like(s) for s in signature)
        value, cotangent = SquaredL2()(signature, zero, model.units, GROUPS.importance)
        back = pulled(inputs, pullback(cotangent), (x, *structure.parameters))
        gradients.append((logits.detach(), value, *back))
    for found, expected in zip(*gradients, strict=True):
        assert float(expected.abs().max()) > 0
        assert torch.allclose(found, expected, atol=1e-10, rtol=0)


def pulled(inputs, cotangents, leaves):
    """Cotangents of a model's inputs, taken on to the leaves they were made from."""
    used = [(i, c) for i, c in zip(inputs, cotangents, strict=True) if i.requires_grad]
    return torch.autograd.grad([i for i, _ in used], leaves, [c for _, c in used])


@each_distance
def test_a_module_of_pyg_equals_a_double_backward_loop(distance):
    x, adj = graph()
    functional = MODULE.of(WIDTH, CLASSES, LIKE)
    theta = functional.draw(generator())
    target = tuple(normal(3, *t.shape, seed=5) for t in theta)

    module = TwoConvs(WIDTH, CLASSES).double()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), theta, strict=True):
            parameter.copy_(value)
    nll = -log_softmax(module(*MODULE.view(x, adj)), -1)[range(6), Y]
    parts = [
        torch.autograd.grad(nll[c == Y].mean(), list(module.parameters()), create_graph=True)
        for c in range(CLASSES)
    ]
    signature = tuple(torch.stack(group) for group in zip(*parts, strict=True))
    value, _ = distance(signature, target, functional.units, GROUPS.importance)
    expected = torch.autograd.grad(value, (x, adj))

    x, adj = graph()
    inputs = MODULE.view(x, adj)
    found, pullback = FunctionalGradient(functional).trace(theta, Batch(inputs, Y, GROUPS))
    for a, b in zip(found, signature, strict=True):
        assert torch.allclose(a, b, atol=1e-10, rtol=0)
    loss, cotangent = distance(found, target, functional.units, GROUPS.importance)
    assert loss.item() == pytest.approx(value.item(), abs=1e-10)
    back = pulled(inputs, pullback(cotangent), (x, adj))
    for a, b in zip(back, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-10, rtol=0)


def test_a_module_runs_without_dropout_and_leaves_the_global_generator_alone():
    noisy = Module(WithDropout)
    model = noisy.of(WIDTH, CLASSES, LIKE)
    before = torch.get_rng_state()
    theta = model.draw(generator())
    inputs = noisy.view(*graph(learned=False))
    assert torch.equal(model(theta, *inputs), model(theta, *inputs))
    assert torch.equal(torch.get_rng_state(), before)


class WithDropout(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv, self.dropout = GCNConv(in_channels, out_channels), nn.Dropout(0.5)

    def forward(self, x, edge_index, edge_weight):
        return self.conv(self.dropout(x), edge_index, edge_weight)
