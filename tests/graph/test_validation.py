from dataclasses import replace

import numpy as np
import pytest
import torch

from gcond.coreset import Centroid
from gcond.graph.initialise import Selected
from gcond.graph.training import Training
from gcond.graph.validation import Validation, Validator

LIGHT = Validator(Training(hidden_channels=16, epochs=30, lr=0.03, validate_every=10), models=2)
Y = torch.tensor([0, 0, 1, 1, 2, 2])


def centroids(task):
    return Selected(Centroid()).start(task, torch.tensor([2, 2, 2]), seed=0).features


def test_a_good_set_scores_better_than_one_with_wrong_labels(task):
    validation = Validation(task, LIGHT, seed=0)
    x = centroids(task)
    good, bad = validation.score(x, None, Y), validation.score(x, None, (Y + 1) % 3)
    assert good > bad
    assert 0 <= bad.accuracy < good.accuracy <= 1


def test_edges_are_seen(task):
    validation = Validation(task, LIGHT, seed=0)
    x, complete = centroids(task), 1 - torch.eye(6)
    assert validation.score(x, None, Y) > validation.score(x, complete, Y)
    assert validation.score(x, None, Y) == validation.score(x, 0 * complete, Y)


def test_a_score_is_a_function_of_the_set_and_the_seed(task):
    x = centroids(task)
    before = torch.get_rng_state()
    first = Validation(task, LIGHT, seed=0).score(x, None, Y)
    assert Validation(task, LIGHT, seed=0).score(x, None, Y) == first
    assert Validation(task, LIGHT, seed=9).score(x, None, Y) != first
    assert torch.equal(torch.get_rng_state(), before)


def test_sets_with_more_nodes_than_features_are_scored_too(task):
    x = torch.cat([centroids(task)] * 4)
    score = Validation(task, LIGHT, seed=0).score(x, None, Y.repeat(4))
    assert score.accuracy > 0.5


def test_test_nodes_take_no_part(task):
    x = centroids(task)
    y = task.y.copy()
    y[task.index["test"]] = 0
    other = replace(task, y=y)
    expected = Validation(task, LIGHT, seed=0).score(x, None, Y)
    assert Validation(other, LIGHT, seed=0).score(x, None, Y) == expected


def test_a_task_without_validation_nodes_gives_no_score(task):
    bare = replace(task, index={**task.index, "val": np.array([], dtype=np.int64)})
    assert Validation(bare, LIGHT, seed=0).score(centroids(task), None, Y) is None


def test_many_validation_nodes_are_represented_by_a_sample(task):
    x, few = centroids(task), replace(LIGHT, at_most=5)
    some = Validation(task, few, seed=0)
    assert some.score(x, None, Y) == Validation(task, few, seed=0).score(x, None, Y)
    assert (some.score(x, None, Y).accuracy * 10) % 1 == pytest.approx(0, abs=1e-9)
    enough = replace(LIGHT, at_most=len(task.index["val"]))
    whole = Validation(task, LIGHT, seed=0).score(x, None, Y)
    assert Validation(task, enough, seed=0).score(x, None, Y) == whole
