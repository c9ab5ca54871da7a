import pytest

from gcond.matching import AllAtOnce, Schedule, Step, Turns

PARTS = ("features", "structure")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"epochs": 1, "outer_steps": 0}, "outer_steps must be at least 1, got 0"),
        ({"epochs": 1, "inner_steps": -2}, "inner_steps must be at least 0, got -2"),
    ],
)
def test_schedule_refuses_lengths_out_of_range(given, message):
    with pytest.raises(ValueError, match=message):
        Schedule(**given)


def test_steps_of_a_run_are_epochs_times_outer_steps():
    assert Schedule(50, 10, 5).steps == 500
    assert Schedule(0).steps == 0


@pytest.mark.parametrize(("structure", "features"), [(-1, 5), (5, -1), (0, 0)])
def test_turns_refuse_lengths_out_of_range(structure, features):
    with pytest.raises(ValueError, match=f"structure={structure}, features={features}"):
        Turns(structure, features)


def test_turns_of_10_and_40_epochs_begin_with_the_structure():
    pattern = [Turns(10, 40).moving(epoch, PARTS) for epoch in range(100)]
    assert pattern == 2 * ([("structure",)] * 10 + [("features",)] * 40)


def test_a_turn_of_a_part_that_the_set_lacks_moves_nothing():
    moving = [Turns(1, 2).moving(epoch, ("features",)) for epoch in range(3)]
    assert moving == [(), ("features",), ("features",)]


def test_a_turn_may_be_empty():
    assert {Turns(0, 3).moving(epoch, PARTS) for epoch in range(6)} == {("features",)}
    assert {Turns(3, 0).moving(epoch, PARTS) for epoch in range(6)} == {("structure",)}


def test_all_at_once_moves_every_part_in_every_epoch():
    assert {AllAtOnce().moving(epoch, PARTS) for epoch in range(60)} == {PARTS}


@pytest.mark.parametrize("lr", [0.0, -0.1, float("nan")])
def test_a_step_must_be_positive(lr):
    with pytest.raises(ValueError, match="lr must be positive"):
        Step(lr)


def test_a_step_is_relative_to_the_scale_and_annealed_along_half_a_cosine():
    assert Step(0.1).at(3, 10, scale=5.0) == 0.1
    assert Step(0.1, relative=True).at(3, 10, scale=5.0) == pytest.approx(0.5)
    annealed = [Step(0.2, anneal=True).at(epoch, 10, 1.0) for epoch in (0, 5, 9)]
    assert annealed[:2] == pytest.approx([0.2, 0.1])
    assert 0 < annealed[2] < 0.01
