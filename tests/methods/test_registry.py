from dataclasses import replace

import pytest

from gcond.graph.adjacency import Identity
from gcond.graph.method import GraphMethod
from gcond.matching import AllAtOnce
from gcond.methods import TYPES, get_method, list_methods

LEARNED = [name for name in list_methods() if isinstance(get_method(name), GraphMethod)]


@pytest.mark.parametrize("name", list_methods())
def test_every_method_is_found_by_its_own_name_and_described(name):
    assert get_method(name).name == name
    assert list_methods()[name]
    assert name in get_method(name).describe()


def test_an_unknown_method_is_refused_with_the_closest_name_or_all_names():
    with pytest.raises(ValueError, match=r"unknown method 'gcond_x'; did you mean 'gcond-x'\?"):
        get_method("gcond_x")
    with pytest.raises(ValueError, match="known: gcond, gcond-x"):
        get_method("qqq")


def test_doscond_is_gcond_whose_model_never_moves():
    gcond, doscond = get_method("gcond"), get_method("doscond")
    assert replace(gcond, name="doscond", schedule=doscond.schedule) == doscond
    assert doscond.schedule.outer_steps == 1
    assert doscond.schedule.inner_steps == 0
    assert gcond.schedule.inner_steps > 0


@pytest.mark.parametrize("name", ["gcond", "doscond"])
def test_the_x_variants_differ_in_adjacency_and_turns_only(name):
    full, without = get_method(name), get_method(f"{name}-x")
    changed = replace(full, name=f"{name}-x", adjacency=Identity(), turns=AllAtOnce())
    assert changed == without
    assert full.adjacency != without.adjacency


def test_matching_methods_take_the_same_number_of_steps():
    steps = {get_method(name).schedule.steps for name in ("gcond", "gcond-x", "doscond")}
    assert steps == {get_method("doscond-x").schedule.steps}


def test_types_are_named_by_themselves():
    assert all(kind.__name__ == name for name, kind in TYPES.items())
