"""Methods as flat settings and back."""

from dataclasses import replace

import pytest

import gcond
from gcond.graph.adjacency import Cosine, FreeLogits, Identity, LowRank
from gcond.graph.labels import Taught
from gcond.graph.method import GraphMethod
from gcond.graph.models import GCN
from gcond.graph.sets.matchers import PooledSGC
from gcond.graph.teachers import GRAND, KernelRidge, SelfTraining
from gcond.matching import AllAtOnce, SquaredL2
from gcond.methods.settings import settings, with_settings

GCOND = gcond.get_method("gcond")
LISTS = ("candidates", "teachers", "weights", "penalties", "sharpness")


@pytest.mark.parametrize("name", gcond.list_methods())
def test_the_settings_of_a_method_make_the_same_method(name):
    method = gcond.get_method(name)
    # A list of choices is made in Python; what holds one stays as it is.
    lists = [s.path for s in settings(method) if s.path.split(".")[-1] in LISTS]
    holders = {path.rpartition(".")[0] for path in lists}
    given = {s.path: s.text for s in settings(method) if s.path not in lists}
    for path in [p for p in given if any(h == p or h.startswith(f"{p}.") for h in holders)]:
        del given[path]
    assert with_settings(method, given) == method


def test_choices_come_before_their_fields_and_fields_keep_their_types():
    found = with_settings(
        GCOND,
        {
            "adjacency.rank": "3",
            "turns": "all-at-once",
            "adjacency": "low-rank",
            "distance": "squared-l2",
            "model.hidden_channels": "16",
            "model": "gcn",
            "schedule.outer-steps": "2",
            "settle": "false",
        },
    )
    assert found == replace(
        GCOND,
        adjacency=LowRank(rank=3),
        turns=AllAtOnce(),
        distance=SquaredL2(),
        model=GCN(hidden_channels=16),
        schedule=replace(GCOND.schedule, outer_steps=2),
        settle=False,
    )


def test_a_field_offers_what_fits_its_protocol_and_nothing_else():
    choices = {s.path: set(s.choices) for s in settings(GCOND)}
    kinds = {
        type(a).__name__ for a in (Cosine(), FreeLogits(), Identity(), LowRank(), GCOND.adjacency)
    }
    assert len(choices["adjacency"]) == len(kinds)
    assert choices["distance"] >= {"cosine-per-unit", "flat-cosine", "squared-l2"}
    assert not choices["distance"] & (choices["adjacency"] | choices["model"] | choices["init"])
    assert choices["batch-size"] == set()


def test_none_is_a_value_where_the_field_allows_it():
    assert with_settings(GCOND, {"adjacency.degree": "none"}).adjacency.degree is None
    with pytest.raises(ValueError, match="batch-size must be int, got 'none'"):
        with_settings(GCOND, {"batch-size": "none"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"adjacncy": "identity"}, "did you mean 'adjacency'"),
        ({"adjacency": "identiti"}, "did you mean 'identity'"),
        ({"adjacency": "squared-l2"}, "choose one of cosine, free-logits, identity"),
        ({"adjacency.rank": "3"}, "pairwise-mlp has no 'rank'"),
        ({"batch-size.rows": "3"}, "batch_size is 256, no choice"),
        ({"settle": "perhaps"}, "settle must be bool, got 'perhaps'"),
        ({"grouping.importance": "least"}, "grouping.importance must be"),
        ({"name": "mine"}, "has no 'name'"),
        ({"model": "module"}, "needs factory, which has no default"),
        ({"features.lr": "-1"}, "--features.lr -1: lr must be positive"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        with_settings(GCOND, given)


BAGS = gcond.get_method("bags")
GRAPHS = gcond.get_method("doscond", "graphs")
VARIOUS = {
    "gcond": GCOND,
    "bags": BAGS,
    "grand": replace(BAGS, labels=Taught(GRAND())),
    "self-training": replace(BAGS, labels=Taught(SelfTraining(KernelRidge()))),
    "centroid": gcond.get_method("centroid"),
    "graphs": GRAPHS,
    "pooled features": replace(GRAPHS, model=PooledSGC()),
    "medoids": gcond.get_method("centroid", "graphs"),
}
ZERO = {
    *("inner-steps", "eps", "structure", "features", "weight-decay", "dropout", "drop-node"),
    *("alpha", "weight", "sparsity", "schedule.epochs", "pick.num-layers"),
    *("labels.teacher.num-layers", "labels.teacher.teacher.num-layers", "init.draws"),
    "validator.fewest",
}
"""What may be zero, by name, or by path where a setting of the same name may not."""


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
@pytest.mark.parametrize("kind", VARIOUS)
def test_numbers_out_of_range_are_refused_where_the_choice_is_made(kind, value):
    """Whatever number a setting takes, nothing senseless gets as far as a run."""
    method, of_nodes = VARIOUS[kind], isinstance(VARIOUS[kind], GraphMethod)
    numbers = [s for s in settings(method) if s.text.replace(".", "").replace("e-", "").isdigit()]
    assert numbers
    for setting in numbers:
        name = setting.path.split(".")[-1]
        zero = {name, setting.path} & ZERO or (setting.path == "model.num-layers" and of_nodes)
        if value == "0" and zero:
            with_settings(method, {setting.path: value})
            continue
        with pytest.raises(ValueError, match=name):
            with_settings(method, {setting.path: value})
