"""Architecture search: the same numbers as one model alone, and an honest report."""

import json
from dataclasses import replace

import pytest
import torch
from scipy.stats import spearmanr

import gcond
from gcond.datasets import as_task
from gcond.evaluation import Candidate, Space
from gcond.graph import receptive
from gcond.graph.receptive import Hops
from gcond.graph.training import Training, score, train
from gcond.testing import example_graph

LITTLE = Space(
    hops=(Hops(1, 1), Hops(2, 0), Hops(0, 3, 0.2)),
    hidden_channels=(4, 8),
    weight_decay=(0.0, 5e-3),
    dropout=(0.0, 0.5),
)


@pytest.fixture(scope="module")
def small():
    return gcond.condense(example_graph(), num_nodes=18, method="centroid")


@pytest.fixture(scope="module")
def found(small):
    return gcond.search(small, example_graph(), space=LITTLE, num=100, seeds=2, epochs=30)


def test_every_configuration_of_a_small_space_is_tried_once(found):
    assert len(found.candidates) == len(set(found.candidates)) == 24
    assert len(found.condensed) == len(found.whole) == len(found.test) == 24


def test_a_configuration_scores_as_it_does_alone(found, small):
    task = as_task(example_graph())
    for i in (0, 7, 23):
        one = found.candidates[i]
        training = Training(
            one.hidden_channels, 30, one.lr, one.weight_decay, one.dropout, validate_every=10
        )
        views = [receptive.of_split(task, s, one.hops) for s in ("train", "val", "test")]
        weights, accuracy, _ = train(views[0], 3, [0, 1], training, views[1])
        assert found.whole[i] == pytest.approx(100 * float(accuracy.mean()), abs=1e-4)
        tested, _ = score(views[2], weights)
        assert found.test[i] == pytest.approx(100 * float(tested.mean()), abs=1e-4)
        # The synthetic rows span all 16 features here, so that no basis is needed.
        mine = receptive.of_graph(small.x, small.adjacency, small.y, one.hops)
        _, accuracy, _ = train(mine, 3, [0, 1], training, views[1])
        assert found.condensed[i] == pytest.approx(100 * float(accuracy.mean()), abs=1e-4)


def test_the_report_ranks_by_the_condensed_set(found):
    assert found.condensed[found.order[0]] == max(found.condensed)
    assert found.best == found.candidates[found.order[0]]
    assert found.spearman == spearmanr(found.condensed, found.whole).statistic
    table = found.table("plain", top=5)
    assert f"Spearman correlation of validation accuracies {found.spearman:.2f}" in table
    assert len(table.splitlines()) == 2 + 2 + 5
    assert json.loads(found.to_json())["spearman"] == found.spearman


def test_the_whole_graph_is_left_alone_on_request(small):
    found = gcond.search(small, example_graph(), space=LITTLE, num=4, epochs=5, whole=False)
    assert found.spearman is None
    assert found.whole == found.test == ()
    assert "whole" not in found.table()


def test_a_search_is_deterministic_and_leaves_the_callers_generator_alone(small):
    before = torch.get_rng_state()
    one, other = (
        gcond.search(small, example_graph(), space=LITTLE, num=5, epochs=5, whole=False)
        for _ in range(2)
    )
    assert one.condensed == other.condensed
    assert torch.equal(before, torch.get_rng_state())
    another = gcond.search(
        small, example_graph(), space=LITTLE, num=5, epochs=1, whole=False, seed=1
    )
    assert another.candidates != one.candidates


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num": 0}, "num must be at least 1, got 0"),
        ({"seeds": 0}, "seeds must be at least 1"),
        ({"epochs": -1}, "epochs must be at least 1"),
        ({"space": Space(dropout=())}, "no configuration"),
    ],
)
def test_searches_of_nothing_are_refused(small, changes, message):
    with pytest.raises(ValueError, match=message):
        gcond.search(small, example_graph(), **changes)


def test_a_search_needs_validation_nodes(small):
    data = example_graph()
    data.val_mask = torch.zeros_like(data.val_mask)
    bare = gcond.condense(data, num_nodes=6, method="random")
    with pytest.raises(ValueError, match="no validation nodes"):
        gcond.search(bare, data)


def test_families_have_their_names():
    one = Candidate(Hops(1, 1), 8, 0.01, 0.0, 0.0)
    names = {
        Hops(1, 1): "GCN",
        Hops(0, 0): "MLP",
        Hops(2, 0): "SGC-2",
        Hops(0, 2): "GCN-0-2",
        Hops(0, 10, 0.1): "APPNP-10 (0.1)",
        Hops(1, 5, 0.1): "GCN-1 + APPNP-5 (0.1)",
    }
    assert {hops: replace(one, hops=hops).name for hops in names} == names
