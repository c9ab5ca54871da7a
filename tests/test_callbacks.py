"""What an observer says of a run."""

import logging
from types import SimpleNamespace

import pytest

from gcond import callbacks
from gcond.callbacks import Estimate, duration
from gcond.matching import Schedule


@pytest.fixture
def clock(monkeypatch):
    held = SimpleNamespace(now=0.0)
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: held.now)
    return held


def moment(epoch, schedule):
    return SimpleNamespace(
        progress=SimpleNamespace(epoch=epoch), plan=SimpleNamespace(schedule=schedule)
    )


def run(clock, schedule, seconds, first=0):
    estimate = Estimate()
    for epoch in range(first, schedule.epochs + 1):
        estimate(moment(epoch, schedule))
        clock.now += seconds


def test_a_long_run_says_once_how_long_it_will_take(clock, caplog):
    with caplog.at_level(logging.INFO, "gcond"):
        run(clock, Schedule(100, outer_steps=10), 2.0)
    assert caplog.messages == ["1,000 steps, 0.2 s each on the first 20: about 3 min left"]


def test_a_resumed_run_counts_what_is_left_of_it(clock, caplog):
    with caplog.at_level(logging.INFO, "gcond"):
        run(clock, Schedule(100), 4.0, first=90)
    assert caplog.messages == ["100 steps, 4 s each on the first 1: about 36 s left"]


def test_a_short_run_says_nothing(clock, caplog):
    with caplog.at_level(logging.INFO, "gcond"):
        run(clock, Schedule(10), 1.0)
    assert caplog.messages == []


def test_durations_are_read_by_people():
    assert [duration(s) for s in (45, 600, 7200)] == ["45 s", "10 min", "2.0 h"]
