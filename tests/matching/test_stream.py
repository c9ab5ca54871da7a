import pytest
import torch
from in_float64 import normal

from gcond.matching import (
    SGD,
    Adam,
    Batch,
    ByClass,
    Fixed,
    Fresh,
    Linear,
    TrainOnReal,
    TrainOnSynthetic,
    WhileRealImproves,
    generator_for,
)
from gcond.matching.randomness import ROLES

DRAWS = generator_for(0, "inner")
MODEL = Linear(4, 3, torch.zeros((), dtype=torch.float64))


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_fresh_draws_another_model_in_every_epoch():
    drawn = [Fresh().draw(MODEL, epoch, seed=0) for epoch in range(4)]
    assert not any(same(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_fixed_draws_the_same_model_in_every_epoch():
    first, later = (Fixed().draw(MODEL, epoch, seed=0) for epoch in (0, 9))
    assert same(first, later)
    assert not same(first, Fixed().draw(MODEL, 0, seed=1))


@pytest.mark.parametrize("stream", [Fresh(), Fixed()], ids=str)
def test_a_draw_is_a_function_of_its_arguments(stream):
    stream.draw(MODEL, 0, seed=5)
    assert same(stream.draw(MODEL, 3, seed=5), stream.draw(MODEL, 3, seed=5))


def test_generators_of_all_roles_indices_and_seeds_differ():
    drawn = {
        float(torch.rand((), generator=generator_for(seed, role, index), dtype=torch.float64))
        for seed in (0, 1, 2, 41)
        for role in ROLES
        for index in range(50)
    }
    assert len(drawn) == 4 * len(ROLES) * 50


def test_a_generator_is_a_function_of_seed_role_and_index():
    first, again = (torch.rand(5, generator=generator_for(3, "real", 7)) for _ in range(2))
    assert torch.equal(first, again)


def test_negative_and_large_seeds_work():
    first, other = (torch.rand(3, generator=generator_for(seed, "model")) for seed in (-1, 2**40))
    assert not torch.equal(first, other)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_adam_equals_torch_step_by_step(dtype, tolerance, decay):
    start = (normal(4, 3).to(dtype), normal(3, seed=1).to(dtype))
    ours = Adam([t.clone() for t in start], lr=0.03, weight_decay=decay)
    leaves = [t.clone().requires_grad_() for t in start]
    theirs = torch.optim.Adam(leaves, lr=0.03, weight_decay=decay)
    for i in range(50):
        gradients = [10.0 ** (i % 5 - 2) * normal(*t.shape, seed=i).to(dtype) for t in start]
        if i % 7 == 3:
            gradients[1] = None  # its count of steps then lags behind
        ours.step(gradients)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            leaf.grad = None if gradient is None else gradient.clone()
        theirs.step()
        for found, expected in zip(ours.leaves, leaves, strict=True):
            assert torch.allclose(found, expected, atol=tolerance, rtol=0)


def test_adam_reads_gradients_of_any_memory_layout():
    start, gradient = normal(4, 3), normal(4, 3, seed=1)
    leaves = [start.clone(), start.T.contiguous().T]
    turned = gradient.T.contiguous().T
    for leaf in leaves:
        for given in (gradient, turned):
            moved = leaf.clone()
            Adam([moved], lr=0.1).step([given])
            assert torch.allclose(start - moved, 0.1 * gradient.sign(), atol=1e-6)


def test_adam_continues_from_its_state_and_leaves_what_has_no_gradient():
    gradients = [[normal(4, 3, seed=i), None] for i in range(4)]
    whole = Adam([normal(4, 3), normal(2)], lr=0.1)
    for each in gradients:
        whole.step(each)
    half = Adam([normal(4, 3), normal(2)], lr=0.1)
    for each in gradients[:2]:
        half.step(each)
    state = half.state()
    half.step(gradients[3])  # what happens after the copy must not reach it
    again = Adam([whole.leaves[0].clone(), normal(2)], lr=0.1)
    other = Adam([normal(4, 3), normal(2)], lr=0.1)
    for each in gradients[:2]:
        other.step(each)
    again.leaves[0].copy_(other.leaves[0])
    again.restore(state)
    for each in gradients[2:]:
        again.step(each)
    assert torch.equal(again.leaves[0], whole.leaves[0])
    assert torch.equal(again.leaves[1], normal(2))


def test_a_learner_does_not_change_its_start():
    theta = Fresh().draw(MODEL, 0, seed=0)
    before = [t.clone() for t in theta]
    TrainOnSynthetic().start(MODEL, theta, DRAWS).step(labelled(0), labelled(1), 2)
    assert all(torch.equal(a, b) for a, b in zip(theta, before, strict=True))


def labelled(seed):
    y = torch.tensor([0, 0, 0, 1, 2, 2])
    groups = ByClass().partition(y, torch.tensor([3, 1, 2]), torch.float64)
    return Batch((normal(6, 4, seed=seed),), y, groups)


@pytest.mark.parametrize(("advance", "own"), [(TrainOnSynthetic(0.05), 0), (TrainOnReal(0.05), 1)])
def test_a_learner_is_torch_adam_on_the_mean_loss_and_its_moments_last(advance, own):
    sides = labelled(0), labelled(1)
    theta = Fresh().draw(MODEL, 0, seed=0)
    learner = advance.start(MODEL, theta, DRAWS)
    learner.step(*sides, 3)
    found = learner.step(*sides, 4)

    leaves = [t.clone().requires_grad_() for t in theta]
    optimizer = torch.optim.Adam(leaves, lr=0.05)
    for _ in range(7):
        optimizer.zero_grad()
        logits = MODEL(tuple(leaves), *sides[own].inputs)
        torch.nn.functional.cross_entropy(logits, sides[own].y).backward()
        optimizer.step()
    for a, b in zip(found, leaves, strict=True):
        assert torch.allclose(a, b, atol=1e-10, rtol=0)


def test_no_inner_steps_leave_the_model_where_it_is():
    theta = Fresh().draw(MODEL, 0, seed=0)
    assert same(
        TrainOnSynthetic().start(MODEL, theta, DRAWS).step(labelled(0), labelled(1), 0),
        theta,
    )


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_gradient_descent_equals_torch_and_continues_from_its_state(momentum):
    start = normal(4, 3)
    leaf = start.clone().requires_grad_()
    theirs = torch.optim.SGD([leaf], lr=0.1, momentum=momentum)
    ours = SGD([start.clone()], 0.1, momentum)
    for i in range(6):
        if i == 3:
            again = SGD(ours.leaves, 0.1, momentum)
            again.restore(ours.state())
            ours = again
        leaf.grad = normal(4, 3, seed=i)
        theirs.step()
        ours.step([normal(4, 3, seed=i)])
    assert torch.allclose(ours.leaves[0], leaf, atol=1e-12)
    before = ours.leaves[0].clone()
    ours.step([None])
    assert torch.equal(ours.leaves[0], before)


def test_a_learner_passes_through_the_set_in_batches():
    how = TrainOnSynthetic(0.1, momentum=0.0, batch_size=2)
    theta = Fresh().draw(MODEL, 0, seed=0)
    found = how.start(MODEL, theta, generator_for(1, "inner")).step(labelled(0), labelled(1), 2)
    draws, batch = generator_for(1, "inner"), labelled(0)
    leaves = [t.clone().requires_grad_() for t in theta]
    optimizer = torch.optim.SGD(leaves, lr=0.1)
    for _ in range(2):
        for rows in torch.randperm(6, generator=draws).split(2):
            optimizer.zero_grad()
            logits = MODEL(tuple(leaves), batch.inputs[0][rows])
            torch.nn.functional.cross_entropy(logits, batch.y[rows]).backward()
            optimizer.step()
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(found, leaves, strict=True))


def test_a_learner_stops_where_the_real_loss_rises():
    real, theta = labelled(1), Fresh().draw(MODEL, 0, seed=0)
    training = TrainOnSynthetic(0.3, momentum=0.0)

    def loss(at):
        return float(torch.nn.functional.cross_entropy(MODEL(at, *real.inputs), real.y))

    walk = [theta]
    learner = training.start(MODEL, theta, DRAWS)
    walk += [tuple(t.clone() for t in learner.step(labelled(0), real, 1)) for _ in range(30)]
    losses = [loss(at) for at in walk]
    rise = next(i for i in range(1, 31) if losses[i] > losses[i - 1])
    assert 1 <= rise < 30
    watched = WhileRealImproves(training)
    assert same(watched.start(MODEL, theta, DRAWS).step(labelled(0), real, 30), walk[rise])
    assert same(watched.start(MODEL, theta, DRAWS).step(labelled(0), real, 0), theta)
    if rise > 1:
        assert same(watched.start(MODEL, theta, DRAWS).step(labelled(0), real, 1), walk[1])


def test_batches_need_a_model_whose_items_do_not_see_each_other():
    class Mixing:
        units = ()

    with pytest.raises(ValueError, match="batch_size=2 cuts a set into batches"):
        TrainOnSynthetic(batch_size=2).start(Mixing(), (), DRAWS)
