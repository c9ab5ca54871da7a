import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from in_float64 import normal
from torch import nn

from gcond.graph.adjacency import FreeLogits, Identity, LowRank, PairwiseMLP

LEARNED = [PairwiseMLP(hidden_channels=8), PairwiseMLP(8, degree=None), FreeLogits(), LowRank(3)]
DTYPES = [torch.float32, torch.float64]
each_learned = pytest.mark.parametrize("choice", LEARNED, ids=str)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def moved(structure, seed):
    """The structure after its tensors went astray, as they do while learning."""
    with torch.no_grad():
        for i, leaf in enumerate(structure.parameters):
            leaf.add_(2 * normal(*leaf.shape, seed=seed + i))
    return structure


@each_learned
@given(n=st.integers(2, 30), seed=st.integers(0, 1000), dtype=st.sampled_from(DTYPES))
def test_adjacency_is_symmetric_to_the_last_bit_within_0_and_1_and_without_loops(
    choice, n, seed, dtype
):
    x = normal(n, 4, seed=seed).to(dtype)
    with torch.no_grad():
        adj = moved(choice.start(x, generator(seed)), seed)(x)
    assert torch.equal(adj, adj.T)
    assert float(adj.min()) >= 0
    assert float(adj.max()) <= 1
    assert not adj.diagonal().any()


@given(n=st.integers(2, 9), seed=st.integers(0, 1000))
def test_pairwise_mlp_is_equivariant_to_node_permutation(n, seed):
    x = normal(n, 4, seed=seed)
    structure = moved(PairwiseMLP(8).start(x, generator(seed)), seed)
    order = torch.randperm(n, generator=generator(seed))
    assert torch.allclose(structure(x[order]), structure(x)[order][:, order], atol=1e-8)


@each_learned
def test_the_start_is_a_function_of_the_generator(choice):
    x = normal(6, 4)
    first, again, other = (choice.start(x, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first(x), again(x))
    assert not torch.equal(first(x), other(x))


@each_learned
def test_every_learned_tensor_is_a_leaf_that_the_adjacency_depends_on(choice):
    x = normal(6, 4)
    structure = choice.start(x, generator())
    assert all(leaf.is_leaf and leaf.requires_grad for leaf in structure.parameters)
    assert all(leaf.dtype == x.dtype for leaf in structure.parameters)
    (structure(x) * normal(6, 6, seed=1)).sum().backward()
    assert all(float(leaf.grad.abs().max()) > 0 for leaf in structure.parameters)


@pytest.mark.parametrize("degree", [0.5, 1.0, 3.0])
def test_the_expected_degree_is_that_of_the_start(degree):
    x = normal(20, 4)
    exact = FreeLogits(degree, noise=0).start(x, generator())(x).sum(1)
    assert torch.allclose(exact, torch.full((20,), degree, dtype=torch.float64), atol=1e-10)
    for choice in (FreeLogits(degree), LowRank(4, degree), PairwiseMLP(32, degree)):
        mean = choice.start(x, generator())(x).sum(1).mean()
        assert mean.item() == pytest.approx(degree, rel=0.5)


def test_a_degree_beyond_what_the_set_can_hold_gives_edges_of_one_half():
    x = normal(3, 4)
    adj = FreeLogits(degree=50, noise=0).start(x, generator())(x)
    assert torch.equal(adj, (1 - torch.eye(3, dtype=torch.float64)) / 2)


def test_identity_has_no_edges_and_learns_nothing():
    structure = Identity().start(normal(3, 2), generator())
    assert structure(normal(3, 2)) is None
    assert structure.parameters == []


class OnPairs(nn.Module):
    """The pairwise MLP as its formula says: every pair concatenated, nothing factored."""

    def __init__(self, parameters):
        super().__init__()
        first, gain1, shift1, second, gain2, shift2, last, bias = parameters
        d, h = first.shape[0], len(last)
        self.layers = nn.Sequential(
            nn.Linear(2 * d, h, bias=False),
            nn.BatchNorm1d(h),
            nn.ReLU(),
            nn.Linear(h, h, bias=False),
            nn.BatchNorm1d(h),
            nn.ReLU(),
            nn.Linear(h, 1),
        ).double()
        start = [
            torch.cat(first.chunk(2, 1)).T,
            gain1,
            shift1,
            second.T,
            gain2,
            shift2,
            last[None],
            bias,
        ]
        with torch.no_grad():
            for parameter, value in zip(self.layers.parameters(), start, strict=True):
                parameter.copy_(value)

    def forward(self, x):
        n = len(x)
        pairs = [torch.cat([x[i], x[j]]) for i in range(n) for j in range(n)]
        logits = self.layers(torch.stack(pairs)).view(n, n)
        return torch.sigmoid((logits + logits.T) / 2) * (1 - torch.eye(n, dtype=x.dtype))

    def in_our_layout(self, tensors):
        """Tensors like the layers' parameters, shaped as the factored form stores them."""
        first, gain1, shift1, second, gain2, shift2, last, bias = tensors
        halves = torch.cat(first.T.chunk(2), 1)
        return [halves, gain1, shift1, second.T, gain2, shift2, last[0], bias]


def both_forms(n=6, d=4, gain=None):
    x = normal(n, d).requires_grad_()
    structure = moved(PairwiseMLP(hidden_channels=5, degree=None).start(x, generator()), 10)
    if gain is not None:
        with torch.no_grad():
            structure.parameters[4][1] = gain
    return x, structure, OnPairs(structure.parameters).train()


@pytest.mark.parametrize("gain", [None, 0.0, 1e-9, -1e-9, 2e-3, -2e-3])
def test_the_factored_mlp_equals_the_mlp_on_concatenated_pairs(gain):
    x, factored, naive = both_forms(gain=gain)
    target = normal(6, 6, seed=3)
    assert torch.allclose(factored(x), naive(x), atol=1e-10, rtol=0)

    ours = torch.autograd.grad((factored(x) * target).sum(), [x, *factored.parameters])
    layers = list(naive.layers.parameters())
    theirs = torch.autograd.grad((naive(x) * target).sum(), [x, *layers])
    for found, expected in zip(ours, [theirs[0], *naive.in_our_layout(theirs[1:])], strict=True):
        assert float(expected.abs().max()) > 0
        assert torch.allclose(found, expected, atol=1e-10, rtol=0)


def test_20_adam_steps_of_the_factored_mlp_equal_20_of_the_naive_one():
    x, factored, naive = both_forms()
    twin = x.detach().clone().requires_grad_()
    target = torch.sigmoid(normal(6, 6, seed=3))
    runs = [(x, factored, factored.parameters), (twin, naive, list(naive.layers.parameters()))]
    for features, form, leaves in runs:
        optimizer = torch.optim.Adam([features, *leaves], lr=0.01)
        for _ in range(20):
            optimizer.zero_grad()
            (form(features) - target).square().sum().backward()
            optimizer.step()
    assert float((x - normal(6, 4)).detach().abs().max()) > 0.05
    assert torch.allclose(x, twin, atol=1e-6, rtol=0)
    expected = naive.in_our_layout(list(naive.layers.parameters()))
    for found, wanted in zip(factored.parameters, expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-6, rtol=0)
