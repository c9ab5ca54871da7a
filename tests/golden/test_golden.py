"""The first 20 losses of every matching method, as they were when they were last looked at."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from in_float64 import both_sides, float64_task

from gcond.coreset import Herding
from gcond.graph.initialise import Selected
from gcond.graph.method import GraphMethod
from gcond.matching import AllAtOnce, Last, Schedule, Turns, match
from gcond.methods import get_method, list_methods

FILE = Path(__file__).with_name("losses.json")
MATCHING = [
    name
    for name in list_methods()
    if isinstance(get_method(name), GraphMethod) and get_method(name).schedule.steps
]


def losses_of(name):
    method = get_method(name)
    walks = method.schedule.inner_steps > 0
    method = replace(
        method,
        schedule=Schedule(5, 4, 3) if walks else Schedule(20),
        turns=method.turns if method.turns == AllAtOnce() else Turns(1, 2),
        init=Selected(Herding()),
        selection=Last(),
    )
    run = match(*both_sides(method, float64_task(), torch.tensor([4, 3, 2])), seed=0)
    return run.losses


@pytest.mark.parametrize("name", MATCHING)
def test_losses_are_those_on_record(name, regen):
    losses = losses_of(name)
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    if regen:
        known[name] = losses
        kept = {key: known[key] for key in MATCHING if key in known}
        FILE.write_text(json.dumps(kept, indent=1) + "\n")
        return
    assert name in known, "no record; pytest tests/golden --regen makes one"
    assert len(losses) == 20
    assert losses == pytest.approx(known[name], rel=0, abs=1e-8)
