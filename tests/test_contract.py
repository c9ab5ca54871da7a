"""The contract: every method of ours keeps it, and methods that break it are found out."""

from dataclasses import dataclass, field, replace

import pytest
import torch

from gcond import testing
from gcond.coreset import Herding
from gcond.graph.initialise import Noise, Selected
from gcond.graph.method import GraphMethod
from gcond.graph.selection import Selection
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.matching import Best, Last, Schedule, Step
from gcond.methods import TYPES, get_method, list_methods
from gcond.testing import check_method, example_graph

LIGHT = Validator(Training(hidden_channels=32, epochs=40, lr=0.03, validate_every=20), models=2)


def shortened(method):
    """A learned method with fewer steps and a light validator."""
    if not isinstance(method, GraphMethod):
        return method
    walks = method.schedule.inner_steps > 0
    schedule = Schedule(6, 4, 2) if walks else Schedule(24)
    return replace(method, schedule=schedule, selection=Best(checks=2), validator=LIGHT)


@pytest.mark.parametrize("name", list_methods())
def test_every_registered_method_keeps_the_contract(name):
    check_method(shortened(get_method(name)))


@dataclass(frozen=True)
class OfSomeoneElse:
    """A method that is not ours and keeps the contract: the means of the training nodes."""

    name: str = "class-means"

    def describe(self):
        return self.name

    def run(self, task, counts, *, seed, observers=(), progress=None):
        return get_method("centroid").run(task, counts, seed=seed)


def test_a_method_of_someone_else_can_keep_the_contract():
    check_method(OfSomeoneElse())


@dataclass(frozen=True)
class Broken:
    """The random selector, spoilt by a function of its outcome."""

    spoil: object
    name: str = "broken"
    calls: list = field(default_factory=list, compare=False, repr=False, init=False)

    def describe(self):
        return self.name

    def run(self, task, counts, *, seed, observers=(), progress=None):
        self.calls.append(seed)
        return self.spoil(Selection("random").run(task, counts, seed=seed), len(self.calls))


def one_node_less(out, _):
    return replace(out, x=out.x[1:], adj=out.adj[1:, 1:], y=out.y[1:])


def one_class_less(out, _):
    return replace(out, y=out.y.clamp_max(1))


def undefined_features(out, _):
    return replace(out, x=out.x / 0)


def attached(out, _):
    return replace(out, x=out.x.requires_grad_())


def lopsided(out, _):
    return replace(out, adj=torch.ones_like(out.adj).triu(1))


def looped(out, _):
    return replace(out, adj=torch.eye(len(out.y)))


def another_each_time(out, call):
    return replace(out, x=out.x + call)


def global_torch(out, _):
    return replace(out, x=torch.rand_like(out.x))


def global_numpy(out, _):
    import numpy as np

    np.random.rand()  # noqa: NPY002
    return out


@pytest.mark.parametrize(
    ("spoil", "clause"),
    [
        (one_node_less, "asked for 12 nodes, got 11"),
        (one_class_less, r"only classes \[0, 1\] are present"),
        (undefined_features, "x is not finite"),
        (attached, "x is not detached"),
        (lopsided, "the adjacency is not symmetric"),
        (looped, "the adjacency has self-loops"),
        (another_each_time, "the same seed gave other bytes"),
        (global_torch, "torch's global generator was used"),
        (global_numpy, "numpy's global generator was used"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_method_that_breaks_a_clause_is_told_which(spoil, clause):
    with pytest.raises(AssertionError, match=clause):
        check_method(Broken(spoil))


@dataclass(frozen=True)
class ChangesTheData(Selection):
    def run(self, task, counts, *, seed, observers=(), progress=None):
        data = EXAMPLE[-1]
        data.x[0] += 1
        return Selection.run(self, task, counts, seed=seed)


EXAMPLE = []


def test_a_method_that_changes_the_callers_data_is_found_out(monkeypatch):
    def remembered(seed=0):
        EXAMPLE.append(example_graph(seed=seed))
        return EXAMPLE[-1]

    monkeypatch.setitem(testing._EXAMPLES, "nodes", remembered)
    with pytest.raises(AssertionError, match="the caller's data was changed"):
        check_method(ChangesTheData("broken"))


LEARNED = replace(
    shortened(get_method("gcond-x")), init=Selected(Herding()), schedule=Schedule(4, 2, 1)
)


def test_a_learned_method_that_is_no_better_than_random_nodes_is_found_out():
    idle = replace(LEARNED, init=Noise(), features=Step(1e-9), selection=Last())
    with pytest.raises(AssertionError, match=r"the learned set scores .* %, a random one .* %"):
        check_method(idle)


@dataclass(frozen=True)
class Forgetful:
    """Starts anew instead of continuing, which one notices by where it begins."""

    method: GraphMethod = LEARNED
    name: str = "gcond-x"

    def describe(self):
        return self.method.describe()

    def run(self, task, counts, *, seed, observers=(), progress=None):
        method = replace(self.method, schedule=Schedule(2, 2, 1)) if progress else self.method
        return method.run(task, counts, seed=seed, observers=observers)


def test_a_resumed_run_that_differs_is_found_out(monkeypatch):
    monkeypatch.setattr("gcond.testing.TYPES", {**TYPES, "Forgetful": Forgetful})
    with pytest.raises(AssertionError, match="a resumed run"):
        check_method(Forgetful())
