import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcond.matching import Best, Last, Score


@given(checks=st.integers(1, 30), epochs=st.integers(0, 200))
def test_best_scores_the_start_the_end_and_as_many_epochs_as_asked(checks, epochs):
    due = [epoch for epoch in range(epochs + 1) if Best(checks).due(epoch, epochs)]
    assert due[0] == 0
    assert due[-1] == epochs
    assert len(due) == 1 + min(checks, epochs)


def test_checks_are_spread_evenly():
    due = [epoch for epoch in range(101) if Best(checks=4).due(epoch, 100)]
    assert due == [0, 25, 50, 75, 100]


def test_best_refuses_no_checks_and_names_the_alternative():
    with pytest.raises(ValueError, match=r"at least 1, got 0; Last\(\) scores nothing"):
        Best(checks=0)


def test_best_prefers_accuracy_then_the_tie_break_and_the_earlier_of_equals():
    best = Score(0.8, -1.0)
    assert Best().better(best, None)
    assert Best().better(Score(0.81, -9.0), best)
    assert Best().better(Score(0.8, -0.9), best)
    assert not Best().better(best, best)
    assert not Best().better(Score(0.79, 0.0), best)


def test_last_scores_nothing():
    assert not any(Last().due(epoch, 10) for epoch in range(11))
    assert Last().better(Score(0.1, 0.0), Score(0.9, 0.0))
