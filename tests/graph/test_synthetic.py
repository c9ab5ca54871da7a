from dataclasses import dataclass, replace

import pytest
import torch
from in_float64 import normal

from gcond.graph.adjacency import Cosine, FreeLogits, Identity, LowRank, PairwiseMLP
from gcond.graph.models import GCN, SGC, Matcher, PropagatedMLP
from gcond.graph.synthetic import SyntheticGraph
from gcond.matching import ByClass
from gcond.matching.derivative import derivatives

Y = torch.arange(9) % 3
GROUPS = ByClass().partition(Y, torch.tensor([3, 3, 3]), torch.float64)
STRUCTURES = [PairwiseMLP(8), FreeLogits(), LowRank(3), Cosine(0.1), Identity()]
MATCHERS = [SGC(1), SGC(2), SGC(3), PropagatedMLP(), GCN()]
TURNS = [("features",), ("structure",), ("features", "structure")]


@dataclass(frozen=True)
class ByAutograd:
    """A matcher that leaves the way back to autograd."""

    matcher: Matcher

    def view(self, x, adj):
        return self.matcher.view(x, adj)


class Shrunk(SyntheticGraph):
    """Pulls towards small features, structure and inputs."""

    def penalty(self, batch):
        leaves = [leaf for leaves in self.parts.values() for leaf in leaves]
        return sum(t.square().sum() for t in [*leaves, *batch.inputs])


def graph_of(structure, matcher, hold=False, kind=SyntheticGraph):
    x = normal(9, 4, seed=2)
    start = structure.start(x, torch.Generator().manual_seed(0))
    return kind(x, Y, 3, start, matcher, GROUPS, 1.0, hold=hold)


def turn(synthetic, moving):
    for name, leaves in synthetic.parts.items():
        for leaf in leaves:
            leaf.requires_grad_(name in moving)
    return synthetic.decode()


def as_it_is(batch):
    return batch


def mirrored(batch):
    return replace(batch, inputs=tuple(-2 * t for t in batch.inputs))


def derived(synthetic, moving, view=as_it_is):
    """Derivatives for cotangents that are drawn by shape."""
    batch = turn(synthetic, moving)
    seen = view(batch)
    cotangents = tuple(normal(*t.shape, seed=i) for i, t in enumerate(batch.inputs))
    with torch.enable_grad():
        penalty = synthetic.penalty(batch)
    return batch, derivatives(synthetic, batch, seen, cotangents, penalty, moving)


def both_ways(structure, matcher, moving, hold=False, kind=SyntheticGraph, view=as_it_is):
    """Derivatives by the set's own way back and by autograd's."""
    own, found = derived(graph_of(structure, matcher, hold, kind), moving, view)
    graph = graph_of(structure, ByAutograd(matcher), hold, kind)
    other, wanted = derived(graph, moving, view)
    assert other.back is None
    for a, b in zip(own.inputs, other.inputs, strict=True):
        assert torch.allclose(a, b, atol=1e-12, rtol=0)
    return own, found, wanted


def assert_equal(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            assert float(b.abs().max()) > 0
            assert torch.allclose(a, b, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("matcher", MATCHERS, ids=str)
@pytest.mark.parametrize(
    ("structure", "moving"),
    [(structure, TURNS[0]) for structure in STRUCTURES]
    + [(structure, moving) for structure in STRUCTURES[:3] for moving in TURNS[1:]],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_sets_own_way_back_is_that_of_autograd(structure, matcher, moving, hold):
    _, found, wanted = both_ways(structure, matcher, moving, hold)
    assert_equal(found, wanted)


@pytest.mark.parametrize(
    ("structure", "matcher", "moving", "hold", "known"),
    [
        (PairwiseMLP(8), SGC(), ("features", "structure"), False, True),
        (PairwiseMLP(8), PropagatedMLP(), ("structure",), True, True),
        (PairwiseMLP(8), SGC(), ("features",), True, True),
        (FreeLogits(), SGC(), ("features",), False, True),
        (Cosine(0.1), SGC(), ("features",), False, True),
        (FreeLogits(), SGC(), ("structure",), False, False),
        (PairwiseMLP(8), GCN(), ("features",), False, False),
        (Identity(), SGC(), ("features",), False, False),
    ],
)
def test_the_way_back_is_known_where_structure_and_matcher_know_theirs(
    structure, matcher, moving, hold, known
):
    batch = turn(graph_of(structure, matcher, hold), moving)
    assert (batch.back is not None) == known
    for copy in (batch.detach(), batch.take(torch.tensor([0]))):
        assert copy.back is None


@pytest.mark.parametrize("kind", [SyntheticGraph, Shrunk])
@pytest.mark.parametrize("view", [as_it_is, mirrored])
@pytest.mark.parametrize("moving", TURNS, ids="+".join)
def test_penalties_and_augmentations_join_the_sets_own_way_back(kind, view, moving):
    own, found, wanted = both_ways(PairwiseMLP(8), SGC(), moving, kind=kind, view=view)
    assert own.back is not None
    assert_equal(found, wanted)


def test_edges_that_nothing_is_propagated_along_are_not_pulled():
    _, found, wanted = both_ways(PairwiseMLP(8), SGC(0), ("features", "structure"))
    assert torch.equal(found[0], wanted[0])
    assert found[0].abs().max() > 0
    assert not any(derivative.any() for derivative in found[1:])


def test_a_way_back_outlives_another_decoding_and_its_own_use():
    synthetic = graph_of(PairwiseMLP(8), SGC())
    batch = turn(synthetic, ("features", "structure"))
    cotangent = (normal(9, 4),)
    first = batch.back(cotangent)
    synthetic.decode()
    again = batch.back(cotangent)
    for name, leaves in synthetic.parts.items():
        assert len(first[name]) == len(leaves)
        for a, b in zip(first[name], again[name], strict=True):
            assert torch.equal(a, b)
    assert torch.equal(cotangent[0], normal(9, 4))
