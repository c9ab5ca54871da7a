"""Learned edges and features."""

import pytest
import torch

from gcond.graph.sets.encoding import Encoding
from gcond.graph.sets.features import Categorical, Free
from gcond.graph.sets.structure import Bernoulli, Continuous, Edgeless, Unlearned
from gcond.matching import Draw

ADJ = torch.tensor([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]).float()[None]
MASK = torch.tensor([[True, True, True, False]])


@pytest.mark.parametrize("choice", [Bernoulli(), Bernoulli(straight_through=True), Continuous()])
def test_edges_are_symmetric_without_loops_and_spare_the_padding(choice):
    edges = choice.start(ADJ, MASK)
    for step in (0, 50, 100):
        adj = edges.relaxed(Draw(0, step, 100))
        assert torch.equal(adj, adj.mT)
        assert bool(((adj >= 0) & (adj <= 1)).all())
        assert not bool(adj.diagonal(dim1=1, dim2=2).any())
        assert not bool(adj[0, 3].any())
    assert torch.equal((edges.exported(0) > 0.5).float(), ADJ)


def test_one_parameter_moves_both_directions_of_a_pair():
    edges = Bernoulli(logit=0.5).start(ADJ, MASK)
    (logits,) = edges.parameters
    assert len(logits) == 3
    weight = torch.arange(16.0).view(1, 4, 4)
    (edges.relaxed(Draw(0, 0, 100)) * weight).sum().backward()
    slope = edges.relaxed(Draw(0, 0, 100)).detach()
    slope = slope * (1 - slope) * (weight + weight.mT)
    assert torch.allclose(logits.grad, slope[0][[0, 0, 1], [1, 2, 2]])


def test_noise_is_a_function_of_the_step_and_temperature_falls():
    edges = Bernoulli(logit=0.5).start(ADJ, MASK)
    one, same, other = (edges.relaxed(Draw(0, step, 100)) for step in (7, 7, 8))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    cold = edges.relaxed(Draw(0, 100, 100))[0][:3, :3]
    assert bool(((cold < 0.1) | (cold > 0.9)).float().mean() > 0.6)


def test_the_relaxation_draws_edges_as_often_as_their_probability():
    logits = Bernoulli(logit=1.0, warm=0.1).start(ADJ, MASK)
    drawn = torch.stack([logits.relaxed(Draw(0, step, 4000))[0] for step in range(400)])
    share = (drawn > 0.5).float().mean(0)
    assert abs(float(share[0, 1]) - float(torch.sigmoid(torch.tensor(1.0)))) < 0.07
    assert abs(float(share[0, 2]) - float(torch.sigmoid(torch.tensor(-1.0)))) < 0.07


def test_more_edges_than_at_the_start_cost_something():
    edges = Bernoulli(logit=1.0, sparsity=1.0).start(ADJ, MASK)
    assert edges.penalty() is not None
    start = float(edges.penalty().detach())
    with torch.no_grad():
        edges.parameters[0] += 2
    assert float(edges.penalty().detach()) > start
    assert Bernoulli(sparsity=0).start(ADJ, MASK).penalty() is None


def test_what_is_not_learned_has_no_parameters():
    assert Unlearned().start(ADJ, MASK).relaxed(Draw(0, 0, 1)) is ADJ
    assert Edgeless().start(ADJ, MASK).exported(0) is None
    assert not Edgeless().start(ADJ, MASK).parameters


def test_sampled_export_follows_the_seed():
    edges = Bernoulli(logit=0.1, export="sample").start(ADJ.expand(9, -1, -1), MASK.expand(9, -1))
    assert torch.equal(edges.exported(1), edges.exported(1))
    assert not torch.equal(edges.exported(1), edges.exported(2))


@pytest.mark.parametrize(
    "value", [{"warm": 0.0}, {"cold": -1.0}, {"logit": 0.0}], ids=lambda v: next(iter(v))
)
def test_impossible_settings_are_refused(value):
    with pytest.raises(ValueError, match="must be positive"):
        Bernoulli(**value)


def test_categories_are_relaxed_and_exported_as_one():
    encoding = Encoding("one-hot", ((1, 5, 7), (0, 1)), columns=2)
    x = torch.eye(5)[[0, 2]] + torch.eye(5)[[3, 4]]
    soft = Categorical(0.8, straight_through=False).start(x[None], encoding)
    rows = soft.relaxed()
    assert torch.allclose(rows.sum(-1), torch.tensor(2.0))
    assert torch.allclose(rows[0, 0, 0], torch.tensor(0.8))
    assert torch.equal(soft.exported()[0], x)
    hard = Categorical(0.8).start(x[None], encoding)
    assert torch.allclose(hard.relaxed()[0], x)
    hard.relaxed()[0, 0, 1].backward()
    assert bool(hard.parameters[0].grad[0, 0, 1] > 0)
    assert not Categorical().start(torch.ones(1, 2, 1), Encoding("one-hot", ((1,),))).parameters
    free = Free().start(x[None], encoding)
    assert not free.discrete
