"""Unrolled training against autograd through all of its steps, in float64."""

import pytest
import torch
from in_float64 import normal
from torch.nn.functional import cross_entropy

from gcond.image.network_model import NetworkModel
from gcond.image.networks import ConvNet
from gcond.matching import Batch, ByClass, Chunked, Full, LossOf, Together, Unrolled, targets
from gcond.matching.unrolled import bound

LIKE = torch.zeros((), dtype=torch.float64)
MODEL = NetworkModel(ConvNet(3, depth=1, activation="sigmoid"), (1, 8, 8), 2, LIKE)
CLASSES = torch.tensor([0, 0, 0, 1, 1])
THETA = MODEL.draw(torch.Generator().manual_seed(0))


def batch_of(x, rates):
    groups = ByClass().partition(CLASSES, torch.bincount(CLASSES), LIKE.dtype)
    return Batch((x, rates), targets(CLASSES, 2, LIKE.dtype), groups)


def real_batch():
    y = torch.arange(7) % 2
    groups = Together().partition(y, torch.tensor([1, 1]), LIKE.dtype)
    return Batch((normal(7, 1, 8, 8, seed=4),), targets(y, 2, LIKE.dtype), groups), y


def unrolled_by_autograd(x, rates):
    """The second image of the first class and of the second are a batch, and so are the others."""
    theta = tuple(t.clone().requires_grad_() for t in THETA)
    rows = [torch.tensor([0, 2, 3]), torch.tensor([1, 4])]
    for passed in range(rates.shape[0]):
        for s in range(2):
            loss = cross_entropy(MODEL(theta, x[rows[s]]), CLASSES[rows[s]])
            gradients = torch.autograd.grad(loss, theta, create_graph=True)
            theta = tuple(p - rates[passed, s] * g for p, g in zip(theta, gradients, strict=True))
    real, y = real_batch()
    return cross_entropy(MODEL(theta, *real.inputs), y)


@pytest.mark.parametrize("held", [0, 100_000, 2**28], ids=["none", "some", "all"])
@pytest.mark.parametrize("memory", [Full(), Chunked(3)], ids=str)
def test_the_loss_and_its_derivatives_equal_autograd_through_all_steps(memory, held):
    x = normal(5, 1, 8, 8).requires_grad_()
    rates = (0.1 + normal(3, 2, seed=1).abs()).requires_grad_()
    expected = unrolled_by_autograd(x, rates)
    pulls = torch.autograd.grad(expected, (x, rates))
    signal, distance = Unrolled(held).of(MODEL), bound(LossOf(memory), MODEL)
    target = signal.measure(THETA, real_batch()[0])
    batch = batch_of(x.detach(), rates.detach())
    signature, pullback = signal.trace(THETA, batch)
    value, cotangent = distance(signature, target, MODEL.units, batch.groups.importance)
    assert float(value) == pytest.approx(float(expected), abs=1e-10)
    for found, pull in zip(pullback(cotangent), pulls, strict=True):
        assert float((found - pull).abs().max()) < 1e-10


@pytest.mark.parametrize(("held", "again"), [(0, 6), (100_000, 3), (2**28, 0)])
def test_steps_are_built_again_only_where_there_is_no_room(held, again, monkeypatch):
    signal, passes = Unrolled(held).of(MODEL), []
    usual = type(signal).passed

    def counted(self, *given, **how):
        passes.append(how["keep"])
        return usual(self, *given, **how)

    monkeypatch.setattr(type(signal), "passed", counted)
    batch = batch_of(normal(5, 1, 8, 8), torch.full((3, 2), 0.1, dtype=LIKE.dtype))
    signature, pullback = signal.trace(THETA, batch)
    before = len(passes)
    pullback(signature)
    assert len(passes) - before == again
    # One step more than there are where the first is only weighed.
    assert before == 6 + (again > 0)


def test_the_derivative_agrees_with_differences():
    rates, x = torch.full((2, 2), 0.3, dtype=LIKE.dtype), normal(5, 1, 8, 8)
    signal, distance = Unrolled().of(MODEL), bound(LossOf(), MODEL)
    target = signal.measure(THETA, real_batch()[0])

    def value_at(step):
        batch = batch_of(x + step * direction, rates + step)
        signature, pullback = signal.trace(THETA, batch)
        value, cotangent = distance(signature, target, MODEL.units, batch.groups.importance)
        return float(value), pullback(cotangent)

    direction, step = normal(5, 1, 8, 8, seed=9), 1e-5
    _, (by_images, by_rates) = value_at(0.0)
    slope = float((by_images * direction).sum() + by_rates.sum())
    numeric = (value_at(step)[0] - value_at(-step)[0]) / (2 * step)
    assert slope == pytest.approx(numeric, rel=1e-6)


def test_a_model_whose_items_see_each_other_is_refused():
    class Mixing:
        units = ()

    with pytest.raises(TypeError, match="cannot be trained on parts of a batch"):
        Unrolled().of(Mixing())
