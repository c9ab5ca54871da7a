import json
from dataclasses import dataclass, fields, replace

import pytest
from torch import nn

from gcond.config import from_plain, to_plain
from gcond.graph.bags import Bags
from gcond.graph.initialise import Noise
from gcond.graph.labels import Taught
from gcond.graph.models import Module
from gcond.graph.sets.matchers import SetModule
from gcond.graph.teachers import GRAND, KernelRidge, Mixture
from gcond.graph.whitening import Whitened
from gcond.matching import Best, ByClass, FlatCosine, Last, Schedule, Step, Together
from gcond.methods import TYPES, get_method, list_methods


def through_json(value):
    return from_plain(json.loads(json.dumps(to_plain(value))), TYPES)


@pytest.mark.parametrize("name", list_methods())
def test_every_method_comes_back_equal(name):
    method = get_method(name)
    assert through_json(method) == method


def test_a_changed_method_comes_back_with_its_changes():
    method = replace(
        get_method("gcond"),
        name="mine",
        schedule=Schedule(3, 2, 1),
        distance=FlatCosine(eps=0.5),
        grouping=Together(balanced=False),
        features=Step(0.3),
        selection=Last(),
        labels=Taught(Mixture((GRAND(runs=1), KernelRidge()), (1.0, 2.0)), soft=True),
        init=Whitened(Bags(3), 0.5),
    )
    assert through_json(method) == method
    assert through_json(method) != get_method("gcond")


def needed(kind):
    """Values for the fields of a type that have no default."""
    given = {
        "name": "mine",
        "epochs": 3,
        "schedule": Schedule(1),
        "lr": 0.5,
        "init": Noise(),
        "candidates": (Noise(),),
        "labels": Taught(),
        "teacher": GRAND(),
        "teachers": (GRAND(), KernelRidge()),
        "weights": (2.0, 1.0),
    }
    return {f.name: given[f.name] for f in fields(kind) if f.name in given}


@pytest.mark.parametrize(
    "kind", [k for k in TYPES.values() if k not in (Module, SetModule)], ids=TYPES.get
)
def test_every_registered_type_comes_back_equal(kind):
    value = kind(**needed(kind))
    assert through_json(value) == value
    assert to_plain(value)["type"] == kind.__name__


def test_plain_data_is_tagged_and_nested():
    assert to_plain(Best(3)) == {"type": "Best", "checks": 3}
    assert to_plain((1, 2.5, "a", None, True, [ByClass()])) == [
        1,
        2.5,
        "a",
        None,
        True,
        [{"type": "ByClass", "importance": "max"}],
    ]
    assert from_plain([1, [2, None]], TYPES) == (1, (2, None))


def test_an_unknown_type_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"unknown configuration type 'Worst'; known: .*Best"):
        from_plain({"type": "Worst"}, TYPES)
    with pytest.raises(ValueError, match="unknown configuration type 'None'"):
        from_plain({"checks": 3}, TYPES)


def test_a_type_outside_the_registry_is_refused_although_it_exists():
    with pytest.raises(ValueError, match=r"unknown configuration type 'os\.system'"):
        from_plain({"type": "os.system"}, TYPES)


def test_an_unknown_field_is_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"Best has no field 'cheks'; it has \['checks'\]"):
        from_plain({"type": "Best", "cheks": 3}, TYPES)


def test_a_value_out_of_range_is_refused_when_it_is_read():
    with pytest.raises(ValueError, match="checks must be at least 1"):
        from_plain({"type": "Best", "checks": 0}, TYPES)


def test_a_callable_is_described_and_refused_on_the_way_back():
    plain = to_plain(Module(nn.Linear))
    assert plain["factory"] == {"callable": "torch.nn.modules.linear.Linear"}
    with pytest.raises(ValueError, match=r"holds the function torch.*replace\(get_method"):
        through_json(Module(nn.Linear))


def test_what_is_not_configuration_is_refused():
    @dataclass(frozen=True)
    class Holder:
        value: object

    with pytest.raises(TypeError, match="cannot describe a set as configuration"):
        to_plain(Holder({1, 2}))
