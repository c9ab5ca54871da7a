"""From which real graphs a set starts, and on what that is decided."""

from dataclasses import replace

import pytest
import torch

import gcond
from gcond.coreset import Random
from gcond.datasets import as_set_task
from gcond.evaluation.sets import POOL_200
from gcond.graph.sets.initialise import BestStart, SelectedGraphs, cut, encoded
from gcond.graph.sets.real import RealGraphs
from gcond.graph.sets.training import SetTraining
from gcond.graph.sets.validation import SetValidation, SetValidator
from gcond.matching import Schedule
from gcond.testing import example_graphs

LIGHT = SetValidator(SetTraining(hidden_channels=16, epochs=10, checks=1), models=1)


@pytest.fixture(scope="module")
def task():
    return as_set_task(example_graphs())


def test_few_validation_graphs_are_joined_by_training_graphs_never_by_test_graphs(task):
    val, train = set(task.index["val"].tolist()), set(task.index["train"].tolist())
    found = SetValidation(task, LIGHT, 0).numbers.tolist()
    assert len(set(found)) == len(found) == min(1500, len(val) + len(train))
    assert val < set(found) <= val | train
    again = SetValidation(task, LIGHT, 0).numbers.tolist()
    assert found == again != SetValidation(task, LIGHT, 1).numbers.tolist()
    assert set(SetValidation(task, replace(LIGHT, fewest=0), 0).numbers.tolist()) == val


def test_large_graphs_are_joined_by_as_many_as_there_is_room_for(task, monkeypatch):
    val = task.numbers("val")
    nodes = int(task.graphs.sizes[val].sum())
    for room in (0, 3):
        limit = nodes + room * task.mean_size
        monkeypatch.setattr("gcond.graph.sets.validation.NODES", limit)
        assert len(SetValidation(task, LIGHT, 0).numbers) == len(val) + room
    monkeypatch.setattr("gcond.graph.sets.validation.NODES", nodes - 1)
    assert len(SetValidation(task, LIGHT, 0).numbers) == len(val)


def test_a_set_is_scored_with_the_judges_step_size_and_network():
    mine, judge = SetValidator().training, POOL_200.training
    assert replace(mine, epochs=judge.epochs, checks=judge.checks) == judge


def test_many_validation_graphs_are_represented_class_by_class(task):
    few = SetValidation(task, replace(LIGHT, fewest=0, at_most=3), 0).numbers
    assert torch.bincount(task.labels_of(few)).tolist() == [3] * task.num_classes
    assert set(few.tolist()) <= set(task.index["val"].tolist())


def test_the_best_start_is_the_candidate_that_scores_best(task):
    validation = SetValidation(task, LIGHT, 0)
    counts = torch.ones(task.num_classes, dtype=torch.long)
    candidates = tuple(SelectedGraphs(selector) for selector in (Random(),))
    start = BestStart(candidates, draws=4)
    best = start.graphs(task, counts, 0, None, validation)
    scores = [_score(validation, numbers) for numbers in start._found(task, counts, 0, None, True)]
    assert len(scores) == 5
    assert _score(validation, best) == max(scores) > min(scores)
    assert torch.equal(start.graphs(task, counts, 0), candidates[0].graphs(task, counts, 0))


def test_a_result_never_scores_below_its_start(task):
    method = gcond.get_method("doscond", "graphs")
    method = replace(method, schedule=Schedule(8), validator=LIGHT)
    small = gcond.condense(task, per_class=1, method=method, progress=False)
    scores = small.history.scores
    assert sorted(scores) == [0, 2, 4, 6, 8]
    assert scores[small.history.selected_step] == max(scores.values())


def test_a_bank_looks_at_fewer_graphs_where_they_are_large(task, monkeypatch):
    monkeypatch.setattr("gcond.graph.sets.real.NODES", 9 * task.mean_size)
    monkeypatch.setattr("gcond.graph.sets.real.GRAPHS", 2)
    method, counts = gcond.get_method("doscond", "graphs"), torch.tensor([1, 1, 1])
    validation = SetValidation(task, LIGHT, 0)
    sizes = [
        RealGraphs(task, method.model, counts, method.grouping, 5, once, validation, 0).batch_size
        for once in (True, False)
    ]
    assert sizes == [3, 5]


def _score(validation, numbers):
    task = validation.task
    graphs = encoded(task, cut(task.graphs.take(numbers), None))
    return validation.score(graphs, task.labels_of(numbers))
