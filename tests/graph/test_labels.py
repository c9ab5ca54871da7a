"""Who labels the real nodes: training labels, or a teacher for all nodes."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import torch

import gcond
from gcond.coreset import Random
from gcond.datasets import as_task
from gcond.evaluation.views import of_condensed
from gcond.graph.adjacency import Cosine
from gcond.graph.bags import Bags
from gcond.graph.initialise import BestOf, Selected
from gcond.graph.labels import Heard, Taught, TrainingLabels
from gcond.graph.method import GraphMethod
from gcond.graph.teachers import GRAND, KernelRidge, Mixture, SelfTraining, predictions
from gcond.graph.teachers import kernel as kernel_module
from gcond.graph.training import Training
from gcond.matching import Best, Schedule
from gcond.testing import check_method, example_graph

COUNTS = torch.tensor([3, 2, 2])
QUICK = GRAND(runs=1, hidden_channels=8, epochs=40)
TAUGHT = SelfTraining(KernelRidge(), training=Training(hidden_channels=16, epochs=40, lr=0.05))


@pytest.fixture
def big():
    return as_task(example_graph(num_nodes=240))


TEACHERS = [KernelRidge(), QUICK, TAUGHT, Mixture((KernelRidge(), QUICK), (1.0, 3.0))]


@pytest.mark.parametrize("teacher", TEACHERS, ids=lambda t: type(t).__name__)
def test_a_teacher_predicts_distributions_better_than_chance_and_by_its_seed(big, teacher):
    state = torch.get_rng_state()
    q = predictions(teacher, big, seed=3)
    assert (torch.get_rng_state() == state).all()
    assert q.shape == (240, 3)
    assert (q >= 0).all()
    assert np.allclose(q.sum(1), 1, atol=1e-5)
    rows = big.index["train"]
    assert (q[rows] == np.eye(3)[big.y[rows]]).all()
    test = big.index["test"]
    assert (q[test].argmax(1) == big.y[test]).mean() > 0.7
    again = predictions(teacher, as_task(example_graph(num_nodes=240)), seed=3)
    assert (q == again).all()


def test_a_teacher_sees_no_label_but_those_of_training_and_validation(big):
    hidden = np.setdiff1d(np.arange(240), np.concatenate([big.index["train"], big.index["val"]]))
    y = big.y.copy()
    y[hidden] = 0
    blind = replace(big, y=y)
    for teacher in TEACHERS:
        assert (predictions(teacher, big, 0) == predictions(teacher, blind, 0)).all()


def test_kernel_ridge_is_ridge_regression_on_propagated_features(big):
    teacher = KernelRidge(num_layers=3, alpha=0.2, penalties=(0.7,))
    rows = np.arange(big.num_nodes)
    z = replace(big, index={**big.index, "train": rows}).features("train", 3, 0.2)
    z = z.astype(np.float64)
    train = z[big.index["train"]]
    ridge = 0.7 * np.square(train).sum(1).mean()
    goal = np.eye(3)[big.y[big.index["train"]]] - 1 / 3
    # In the primal form, which has another system of equations.
    system = train.T @ train + ridge * np.eye(train.shape[1])
    expected = z @ scipy.linalg.solve(system, train.T @ goal)
    found = teacher._scores(big)[0]
    assert np.allclose(found, expected / expected.std(), atol=1e-4)


def test_conjugate_gradients_give_the_direct_solution(big, monkeypatch):
    direct = KernelRidge()._scores(big)
    monkeypatch.setattr(kernel_module, "DIRECT", 1)
    monkeypatch.setattr(kernel_module, "SAMPLE", 10_000)
    for one, other in zip(direct, KernelRidge()._scores(big), strict=True):
        assert np.allclose(one, other, atol=1e-3)


def test_without_validation_nodes_a_teacher_takes_its_middle_settings(big):
    index = {**big.index, "val": big.index["val"][:0]}
    blind = replace(big, index=index)
    for teacher in TEACHERS:
        assert np.isfinite(predictions(teacher, blind, 0)).all()


@pytest.mark.parametrize("soft", [False, True])
def test_the_taught_task_has_all_nodes_as_training_nodes(big, soft):
    told = Taught(soft=soft).speak(big, 0)
    assert told.given is big
    assert len(told.index["train"]) == 240
    assert (told.soft is not None) == soft
    rows = big.index["train"]
    assert (told.y[rows] == big.y[rows]).all()
    assert (told.trust[rows] == 1).all()
    assert TrainingLabels().speak(big, 0) is big


def test_in_the_inductive_setting_every_node_is_labelled_already():
    task = as_task(example_graph(), setting="inductive")
    assert Taught(soft=True).speak(task, 0) is task


def test_a_mixture_is_the_weighted_mean(big):
    parts = KernelRidge(), QUICK
    one, other = (predictions(each, big, 0) for each in parts)
    found = predictions(Mixture(parts, (1.0, 3.0)), big, 0)
    assert np.allclose(found, (one + 3 * other) / 4, atol=1e-6)


@pytest.mark.parametrize(
    ("teachers", "weights", "message"),
    [
        ((), (), "a weight for each teacher"),
        ((KernelRidge(),), (1.0, 2.0), "got 1 teachers and 2 weights"),
        ((KernelRidge(),), (0.0,), "must be positive"),
    ],
)
def test_a_mixture_without_sense_is_refused(teachers, weights, message):
    with pytest.raises(ValueError, match=message):
        Mixture(teachers, weights)


def test_heard_gives_a_start_with_another_label_source(big):
    told = Taught(soft=True).speak(big, 0)
    plain = Heard(TrainingLabels(), Bags()).start(told, COUNTS, 0)
    assert plain.soft is None
    assert torch.equal(plain.features, Bags().start(big, COUNTS, 0).features)


def light(**changes):
    """A short matching method that learns from a teacher."""
    return replace(
        GraphMethod("taught", Schedule(6, 4, 2), init=Bags(), selection=Best(checks=2)), **changes
    )


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("adjacency", [None, Cosine(0.2)], ids=["mlp", "cosine"])
def test_matching_with_a_teacher_keeps_the_contract(soft, adjacency):
    method = light(labels=Taught(soft=soft))
    check_method(method if adjacency is None else replace(method, adjacency=adjacency))


def test_soft_labels_reach_the_result_the_file_and_the_judge(tmp_path):
    data = example_graph()
    init = BestOf((Bags(), Selected(Random())))
    method = light(labels=Taught(soft=True), init=init, schedule=Schedule(0))
    small = gcond.condense(data, num_nodes=9, method=method, progress=False)
    assert small.soft.shape == (9, 3)
    assert small.y.dtype == torch.long
    assert small.label_source == "teacher's soft labels"
    assert torch.equal(small.data.y_soft, small.soft)
    small.save(tmp_path / "soft.safetensors")
    back = gcond.Condensed.load(tmp_path / "soft.safetensors")
    assert torch.equal(back.soft, small.soft)
    half = back.compact()
    assert half.soft.dtype == torch.float16
    assert torch.allclose(half.full().soft, small.soft, atol=1e-3)
    hard = replace(small, soft=None)
    views = [of_condensed(each.full()).y for each in (small, hard)]
    assert torch.equal(views[0], small.soft)
    assert torch.equal(views[1], small.y)
    assert gcond.evaluate(small, data, seeds=1, baselines=()).mean > 50
    assert not torch.equal(
        gcond.fit(small, "SGC").linear.weight, gcond.fit(hard, "SGC").linear.weight
    )


def test_a_teacher_says_nothing_new_where_all_nodes_are_labelled():
    data, how = example_graph(), {"setting": "inductive", "num_nodes": 9, "progress": False}
    taught = light(labels=Taught(soft=True), schedule=Schedule(0))
    small = gcond.condense(data, method=taught, **how)
    plain = gcond.condense(data, method=replace(taught, labels=TrainingLabels()), **how)
    assert small.soft is None
    assert torch.equal(small.x, plain.x)


def test_the_first_line_of_a_run_names_the_teacher():
    assert light(labels=Taught()).describe() == "taught, SGC, teacher's hard labels"
    assert light().describe() == "taught, SGC"


def test_results_with_a_teacher_say_so():
    data = example_graph()
    method = light(labels=Taught(), schedule=Schedule(0))
    small = gcond.condense(data, num_nodes=6, method=method, progress=False)
    assert small.soft is None
    assert "y_soft" not in small.data
    found = gcond.evaluate(small, data, seeds=1, baselines=("random",))
    assert found.labels == "teacher's hard labels"
    assert "teacher's hard labels" in found.table()
    other = gcond.condense(data, num_nodes=6, method="centroid")
    plain = gcond.evaluate(other, data, seeds=1, baselines=())
    assert plain.labels == "training labels"
    assert "labels" not in plain.table()
    both = gcond.compare([small, other], data, models=["SGC"], seeds=1)
    assert both.subjects[0].name == "graph, taught (teacher's hard labels)"
    assert both.subjects[1].name == "graph, centroid"
