from dataclasses import replace

import pytest
import torch
from stored import stored

import gcond
from gcond.datasets import as_task
from gcond.evaluation import Protocol, large
from gcond.graph import receptive
from gcond.graph.training import Training, score, train
from gcond.testing import example_graph

QUICK = Protocol("quick", Training(hidden_channels=16, epochs=60, validate_every=20))


@pytest.fixture
def pair(tmp_path):
    """The same graph on disk and in memory."""
    return stored(tmp_path / "graph", example_graph()), example_graph()


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
@pytest.mark.parametrize("piece", [2**26, 4000])
def test_a_gcn_is_tested_block_by_block_as_in_memory(pair, setting, piece, monkeypatch):
    monkeypatch.setattr(large, "PIECE", piece)
    disk, memory = (as_task(each, setting=setting, normalize="standard") for each in pair)
    view = receptive.of_split(memory, "train")
    weights, _, _ = train(view, 3, range(3), Training(hidden_channels=8, epochs=5))
    expected = score(receptive.of_split(memory, "test"), weights)[0]
    assert large.tested(disk, weights) == pytest.approx([100 * float(a) for a in expected])


def test_few_models_at_a_time_give_the_same(pair):
    disk = as_task(pair[0], normalize="standard")
    drawn = torch.Generator().manual_seed(0)
    shapes = (16, 3, 8), (3, 8), (3, 8, 3), (3, 3)
    w1, b1, w2, b2 = (torch.randn(shape, generator=drawn) for shape in shapes)
    tight = replace(disk, x=replace(disk.x, memory=1))
    together = large.tested(disk, (w1, b1, w2, b2))
    assert large.tested(tight, (w1, b1, w2, b2)) == together


@pytest.mark.parametrize("model", ["SGC", "GCN"])
@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_evaluation_on_disk_is_near_the_one_in_memory(pair, model, setting, monkeypatch):
    monkeypatch.setattr(large, "WHOLE", replace(large.WHOLE, epochs=200))
    monkeypatch.setattr(large, "AT_MOST", 40)
    small = gcond.condense(
        pair[0], num_nodes=12, method="centroid", setting=setting, normalize="standard"
    )
    options = {"model": model, "protocol": QUICK, "seeds": 2}
    found = gcond.evaluate(small, pair[0], baselines=("random", "whole"), **options)
    assert [row.name for row in found.rows] == ["condensed", "random", "whole (SGC)"]
    assert found.protocol == "quick-rows"
    beside = gcond.condense(
        pair[1], num_nodes=12, method="centroid", setting=setting, normalize="standard"
    )
    expected = gcond.evaluate(beside, pair[1], baselines=(), **options)
    assert found.mean == pytest.approx(expected.mean, abs=6)
    assert found.rows[2].mean > found.rows[1].mean


def test_other_architectures_and_other_data_are_refused(pair, tmp_path):
    small = gcond.condense(pair[0], num_nodes=9, method="random")
    with pytest.raises(ValueError, match="GCN and SGC can be tested, got 'GAT'"):
        gcond.evaluate(small, pair[0], model="GAT")
    other = stored(tmp_path / "other", example_graph(seed=1))
    with pytest.raises(ValueError, match="condensed from other data"):
        gcond.evaluate(small, other)


def test_soft_labels_and_edges_are_trained_on(pair):
    task = as_task(pair[0], normalize="standard")
    small = gcond.condense(pair[0], num_nodes=9, method="random", normalize="standard").full()
    soft = replace(small, soft=torch.eye(3)[small.y])
    found, same = (
        large.condensed_row(each, task, "SGC", QUICK, range(2)) for each in (small, soft)
    )
    assert found == same
