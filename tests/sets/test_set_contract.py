"""Every method on sets of graphs keeps the contract."""

from dataclasses import dataclass, replace

import pytest

from gcond.graph.sets.method import GraphSetMethod
from gcond.graph.sets.training import SetTraining
from gcond.graph.sets.validation import SetValidator
from gcond.matching import Best, Schedule
from gcond.methods import get_method, list_methods
from gcond.testing import check_method

LIGHT = SetValidator(SetTraining(hidden_channels=32, epochs=40, checks=2), models=2)


def shortened(method):
    """A learned method with fewer steps and a light validator."""
    if not isinstance(method, GraphSetMethod):
        return method
    walks = method.schedule.inner_steps > 0
    schedule = Schedule(4, 4, 2) if walks else Schedule(16)
    return replace(method, schedule=schedule, selection=Best(checks=2), validator=LIGHT)


@pytest.mark.parametrize("name", list_methods("graphs"))
def test_every_method_on_graph_sets_keeps_the_contract(name):
    check_method(shortened(get_method(name, "graphs")), num_nodes=6, items="graphs")


def test_a_short_result_is_found_out():
    @dataclass(frozen=True)
    class Short:
        name: str = "short"

        def describe(self):
            return self.name

        def run(self, task, counts, *, seed, observers=(), progress=None):
            return get_method("random", "graphs").run(task, counts - 1, seed=seed)

    with pytest.raises(AssertionError, match="asked for 6 graphs, got 3"):
        check_method(Short(), num_nodes=6, items="graphs")
