from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
import torch
from in_float64 import FixedTask, FreeRows, both_sides, float64_task, normal

from gcond.graph.initialise import Noise
from gcond.graph.models import GCN, SGC, PropagatedMLP
from gcond.matching import (
    AllAtOnce,
    Batch,
    Best,
    ByClass,
    CosinePerUnit,
    Fixed,
    Gradients,
    Last,
    NonFiniteError,
    Progress,
    Schedule,
    Score,
    SquaredL2,
    Step,
    Turns,
    match,
    restore,
    state_of,
)
from gcond.methods import get_method

COUNTS = torch.tensor([2, 1, 1])
LABELS = torch.tensor([0, 0, 1, 2])


def synthetic_rows(decay=0.0):
    groups = ByClass().partition(LABELS, COUNTS, torch.float64)
    return FreeRows(normal(4, 5, seed=1), LABELS, groups, decay)


def real_rows(scores=()):
    y = torch.arange(12) % 3
    groups = ByClass().partition(y, COUNTS, torch.float64)
    return FixedTask(Batch((normal(12, 5),), y, groups), list(scores))


def plan(**changes):
    """Softmax regression on rows: the plan of a structure-free method, the last step kept."""
    basis = get_method("gcond-x").plan(5, 3, torch.zeros((), dtype=torch.float64))
    steps = {"features": Step(0.01)}
    kept = {"schedule": Schedule(4, 3, 2), "selection": Last(), "steps": steps, **changes}
    return replace(basis, **kept)


def close(first, second, tolerance):
    return all(torch.allclose(first[k], second[k], atol=tolerance, rtol=0) for k in first)


@pytest.mark.parametrize("model", [SGC(), PropagatedMLP(hidden_channels=8)], ids=str)
@pytest.mark.parametrize("name", ["gcond", "gcond-x"])
def test_20_steps_with_the_closed_form_equal_20_steps_without(model, name):
    method = replace(
        get_method(name), model=model, schedule=Schedule(4, 5, 2), turns=AllAtOnce(), init=Noise()
    )
    task = float64_task()
    runs = []
    for closed_form in (True, False):
        signal = Gradients(closed_form=closed_form)
        real, synthetic, how = both_sides(replace(method, signal=signal), task, COUNTS)
        start = state_of(synthetic)
        runs.append(match(real, synthetic, replace(how, selection=Last()), seed=0))
    fast, plain = runs
    assert len(fast.losses) == 20
    assert fast.losses == pytest.approx(plain.losses, abs=1e-6)
    assert close(fast.best_state, plain.best_state, 1e-6)
    assert not close(fast.best_state, start, 1e-3)


def test_a_graph_convolutional_matcher_lowers_the_objective_at_a_fixed_model():
    method = replace(
        get_method("doscond"),
        model=GCN(hidden_channels=8),
        schedule=Schedule(20),
        stream=Fixed(),
        turns=AllAtOnce(),
        features=Step(0.05, relative=True),
        selection=Last(),
    )
    run = match(*both_sides(method, float64_task(), COUNTS), seed=0)
    assert run.losses[-1] < 0.85 * run.losses[0]


def test_no_epochs_return_the_start():
    synthetic = synthetic_rows()
    start = state_of(synthetic)
    run = match(real_rows(), synthetic, plan(schedule=Schedule(0)), seed=0)
    assert run.losses == []
    assert close(run.best_state, start, 0)


def test_the_loss_is_zero_where_the_sets_are_equal_and_nothing_moves():
    y = torch.arange(12) % 3
    groups = ByClass().partition(y, torch.tensor([4, 4, 4]), torch.float64)
    real = FixedTask(Batch((normal(12, 5),), y, groups))
    run = match(real, FreeRows(normal(12, 5), y, groups), plan(distance=SquaredL2()), seed=0)
    assert max(run.losses) < 1e-12


def test_without_inner_steps_the_model_of_an_epoch_stands_still():
    still, moving = (
        match(
            real_rows(),
            synthetic_rows(),
            plan(schedule=Schedule(1, 4, inner), turns=Turns(structure=1, features=0)),
            seed=0,
        )
        for inner in (0, 3)
    )
    assert len(set(still.losses)) == 1
    assert len(set(moving.losses)) == 4


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    first, again, other = (match(real_rows(), synthetic_rows(), plan(), seed=s) for s in (0, 0, 1))
    assert first.losses == again.losses
    assert close(first.best_state, again.best_state, 0)
    assert first.losses != other.losses


def test_a_step_size_is_relative_to_the_natural_scale_of_a_part():
    once = plan(schedule=Schedule(1))
    moved = []
    for step, scale in ((Step(0.01), 3.0), (Step(0.01, relative=True), 3.0)):
        synthetic = synthetic_rows()
        synthetic.scales = {"features": scale}
        match(real_rows(), synthetic, replace(once, steps={"features": step}), seed=0)
        moved.append(float((synthetic.x - normal(4, 5, seed=1)).detach().abs().max()))
    assert moved == pytest.approx([0.01, 0.03], rel=1e-3)


def test_a_penalty_pulls_the_set_along():
    free, decayed = synthetic_rows(), synthetic_rows(decay=100.0)
    for synthetic in (free, decayed):
        match(real_rows(), synthetic, plan(schedule=Schedule(30)), seed=0)
    start = normal(4, 5, seed=1).norm()
    assert float(decayed.x.detach().norm()) < 0.9 * float(start)
    assert float(decayed.x.detach().norm()) < float(free.x.detach().norm())


def test_only_the_part_whose_turn_it_is_moves():
    method = replace(get_method("gcond"), schedule=Schedule(1), turns=Turns(1, 2), selection=Last())
    real, synthetic, how = both_sides(method, float64_task(), COUNTS)
    states = []
    how = replace(how, schedule=Schedule(4))
    match(real, synthetic, how, seed=0, observers=[lambda _: states.append(state_of(synthetic))])
    for epoch, (before, after) in enumerate(pairwise(states)):
        changed = {
            name.split(".")[0] for name in before if not torch.equal(before[name], after[name])
        }
        # The adjacency that is held for the features moves with the structure.
        assert changed == ({"structure", "held"} if epoch % 3 == 0 else {"features"})


class Mirror:
    """Flips a coin for both sides: rows as they are, or with the other sign."""

    def __init__(self):
        self.signs = []

    def draw(self, generator):
        sign = 2.0 * int(torch.randint(2, (), generator=generator)) - 1
        self.signs.append(sign)
        return lambda batch: replace(batch, inputs=(sign * batch.inputs[0],))


def test_an_augmentation_is_drawn_once_for_both_sides_of_a_step():
    y = torch.arange(12) % 3
    groups = ByClass().partition(y, torch.tensor([4, 4, 4]), torch.float64)
    real, synthetic = (
        FixedTask(Batch((normal(12, 5),), y, groups)),
        FreeRows(normal(12, 5), y, groups),
    )
    mirror = Mirror()
    how = plan(augmentation=mirror, distance=SquaredL2(), schedule=Schedule(20))
    run = match(real, synthetic, how, seed=0)
    assert max(run.losses) < 1e-12
    assert len(mirror.signs) == 20
    assert set(mirror.signs) == {-1.0, 1.0}


def test_the_way_back_leads_through_the_augmentation():
    straight, mirrored = synthetic_rows(), synthetic_rows()
    how = plan(schedule=Schedule(1), distance=SquaredL2())
    flipped = FixedTask(replace(real_rows().batch, inputs=(-real_rows().batch.inputs[0],)))
    match(real_rows(), straight, how, seed=0)
    mirrored.x.data.neg_()
    match(flipped, mirrored, replace(how, augmentation=Minus()), seed=0)
    assert not torch.equal(straight.x, normal(4, 5, seed=1))
    assert torch.allclose(straight.x, -mirrored.x, atol=1e-12, rtol=0)


class Minus:
    def draw(self, generator):
        return lambda batch: replace(batch, inputs=(-batch.inputs[0],))


def test_observers_are_called_at_the_start_and_after_every_epoch():
    seen = []

    def observe(moment):
        seen.append((moment.progress.epoch, len(moment.progress.losses)))

    match(real_rows(), synthetic_rows(), plan(), seed=0, observers=[observe])
    assert seen == [(0, 0), (1, 3), (2, 6), (3, 9), (4, 12)]


@pytest.mark.parametrize("cut", [0, 1, 3, 4])
@pytest.mark.parametrize("selection", [Last(), Best(checks=2)], ids=str)
def test_a_resumed_run_equals_an_uninterrupted_one(cut, selection):
    scores = [Score(0.5, 0.0), Score(0.7, 0.0), Score(0.6, 0.0)]
    kept = []

    def keep(moment):
        if moment.progress.epoch == cut:
            kept.append(moment.snapshot())

    how = plan(selection=selection)
    whole = match(real_rows(scores), synthetic_rows(), how, seed=0, observers=[keep])
    left = [Score(*whole.scores[step]) for step in whole.scores if step > 3 * cut or cut == 0]
    rest = match(real_rows(left), synthetic_rows(), how, seed=0, progress=kept[0])
    assert rest.losses == whole.losses
    assert rest.scores == whole.scores
    assert (rest.best, rest.best_step) == (whole.best, whole.best_step)
    assert close(rest.best_state, whole.best_state, 0)


def test_resuming_leaves_the_snapshot_as_it_is():
    kept = []

    def keep(moment):
        kept.append(moment.snapshot())

    match(real_rows(), synthetic_rows(), plan(), seed=0, observers=[keep])
    state = kept[1].state["features.0"].clone()
    match(real_rows(), synthetic_rows(), plan(), seed=0, progress=kept[1])
    assert (kept[1].epoch, len(kept[1].losses)) == (1, 3)
    assert torch.equal(kept[1].state["features.0"], state)
    assert int(kept[1].optimizers["features"]["steps.0"]) == 3


def test_a_snapshot_does_not_follow_the_run():
    kept = []
    synthetic = synthetic_rows()
    match(real_rows(), synthetic, plan(), seed=0, observers=[lambda m: kept.append(m.snapshot())])
    assert torch.equal(kept[0].state["features.0"], normal(4, 5, seed=1))
    assert torch.equal(kept[-1].state["features.0"], synthetic.x)


def test_selection_keeps_the_best_scored_state_and_the_earliest_of_equals():
    scores = [Score(a, 0.0) for a in (0.5, 0.8, 0.6, 0.8, 0.7)]
    states = []
    synthetic = synthetic_rows()
    run = match(
        real_rows(scores),
        synthetic,
        plan(selection=Best(checks=4)),
        seed=0,
        observers=[lambda _: states.append(state_of(synthetic))],
    )
    assert list(run.scores) == [0, 3, 6, 9, 12]
    assert (run.best, run.best_step) == (Score(0.8, 0.0), 3)
    assert close(run.best_state, states[1], 0)
    assert not close(run.best_state, states[3], 1e-6)


def test_the_start_is_kept_where_learning_does_harm():
    scores = [Score(0.9, 0.0), Score(0.2, 0.0), Score(0.3, 0.0)]
    run = match(real_rows(scores), synthetic_rows(), plan(selection=Best(checks=2)), seed=0)
    assert run.best_step == 0
    assert torch.equal(run.best_state["features.0"], normal(4, 5, seed=1))


@pytest.mark.parametrize("selection", [Last(), Best()], ids=str)
def test_the_last_step_is_kept_where_nothing_is_scored(selection):
    synthetic = synthetic_rows()
    run = match(real_rows(), synthetic, plan(selection=selection), seed=0)
    assert (run.scores, run.best, run.best_step) == ({}, None, 12)
    assert torch.equal(run.best_state["features.0"], synthetic.x)


@dataclass
class Rigged:
    """A distance whose cotangent explodes at one call."""

    at: int
    calls: list[int] = field(default_factory=list)

    def __call__(self, synthetic, real, units, importance):
        value, cotangent = CosinePerUnit()(synthetic, real, units, importance)
        self.calls.append(len(self.calls))
        explode = torch.inf if len(self.calls) == self.at else 1.0
        return value, tuple(c * explode for c in cotangent)


def test_a_set_that_becomes_infinite_stops_the_run_with_the_last_good_state():
    states = []
    synthetic = synthetic_rows()
    # The fifth of 3 steps an epoch is outer step 1 of epoch 1: its derivative is never applied.
    with pytest.raises(NonFiniteError, match="not finite in epoch 1, outer step 1") as caught:
        match(
            real_rows(),
            synthetic,
            plan(distance=Rigged(at=5)),
            seed=0,
            observers=[lambda _: states.append(state_of(synthetic))],
        )
    run = caught.value.progress
    assert isinstance(caught.value, FloatingPointError)
    assert "The state of step 4 is kept" in str(caught.value)
    assert (run.epoch, run.best_step, len(run.losses)) == (1, 4, 5)
    assert bool(torch.isfinite(synthetic.x).all())
    assert close(run.best_state, state_of(synthetic), 0)
    assert not torch.equal(run.best_state["features.0"], states[1]["features.0"])


def test_restore_undoes_what_a_run_did():
    synthetic = synthetic_rows()
    start = state_of(synthetic)
    match(real_rows(), synthetic, plan(), seed=0)
    assert not torch.equal(synthetic.x, start["features.0"])
    restore(synthetic, start)
    assert torch.equal(synthetic.x, start["features.0"])
    assert synthetic.x.requires_grad


def test_an_empty_progress_is_a_run_from_the_start():
    run = match(real_rows(), synthetic_rows(), plan(), seed=0, progress=Progress())
    assert run.losses == match(real_rows(), synthetic_rows(), plan(), seed=0).losses
