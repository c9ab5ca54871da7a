"""The verb and its result."""

import logging
from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCNConv

import gcond
from gcond.graph.models import SGC
from gcond.matching import Schedule


@pytest.fixture(scope="module")
def quick():
    return replace(gcond.get_method("gcond"), schedule=Schedule(5, 2, 2))


def test_the_literal_call_works_on_every_kind_of_input(example):
    for dataset in (example, [example]):
        assert gcond.condense(dataset, ratio=0.02, method="centroid").num_nodes == 5


@pytest.mark.parametrize("name", ["digits", "cora", "citeseer", "pubmed"])
def test_one_percent_of_every_named_dataset(name, real_data, quick):
    short = replace(quick, schedule=Schedule(2, 1, 0), selection=gcond_last())
    small = gcond.condense(name, ratio=0.01, method=short, root=real_data)
    real = gcond.load_dataset(name, real_data)
    assert small.num_nodes == int(0.01 * real.num_nodes + 0.5)
    assert sorted(small.y.unique().tolist()) == list(range(int(real.y.max()) + 1))


def gcond_last():
    from gcond.matching import Last

    return Last()


def test_a_budget_above_the_labelled_nodes_repeats_with_jitter(example):
    with pytest.warns(UserWarning, match="repeated with a jitter"):
        small = gcond.condense(example, num_nodes=200, method="random")
    assert len(torch.unique(small.x, dim=0)) == 200


def test_sizes_are_met_exactly_and_conflicts_refused(example):
    assert gcond.condense(example, per_class=2, method="random").y.bincount().tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="one size"):
        gcond.condense(example, 0.1, num_nodes=5)
    with pytest.raises(ValueError, match="num_graphs=3"):
        gcond.condense(example, num_graphs=3)


def test_an_unknown_method_is_refused_with_a_suggestion(example):
    with pytest.raises(ValueError, match="did you mean 'gcond-x'"):
        gcond.condense(example, method="gcond-xx")


def test_the_first_line_says_what_will_happen(example, quick, caplog):
    with caplog.at_level(logging.INFO, "gcond"):
        gcond.condense(example, num_nodes=6, method=quick)
    assert "graph: 240 -> 6 nodes (2 per class), gcond, SGC, cpu" in caplog.text


def test_gcond_keeps_edges_and_reports_its_steps(example, quick):
    small = gcond.condense(example, num_nodes=9, method=quick)
    assert small.edge_index.shape[1] >= 9
    assert small.history.steps == 10
    assert small.history.selected_step in small.history.scores
    assert max(small.history.scores, key=small.history.scores.get) is not None
    best = max(small.history.scores.values())
    assert small.history.scores[small.history.selected_step] == best


def test_pygs_gcnconv_reproduces_the_propagation_used_inside(example, quick):
    small = gcond.condense(example, num_nodes=9, method=quick)
    conv = GCNConv(small.x.shape[1], small.x.shape[1], bias=False)
    conv.lin.weight.data = torch.eye(small.x.shape[1])
    outside = small.x
    for _ in range(2):
        outside = conv(outside, small.data.edge_index, small.data.edge_weight)
    (inside,) = SGC(2).view(small.x, small.adjacency)
    assert torch.allclose(outside, inside, atol=1e-6, rtol=1e-6)


def test_prepare_applies_the_preprocessing_and_leaves_the_input(example):
    small = gcond.condense(example, num_nodes=6, method="random", normalize="standard")
    before = example.x.clone()
    prepared = small.prepare(example)
    assert torch.equal(example.x, before)
    train = prepared.x[example.train_mask]
    assert torch.allclose(train.mean(0), torch.zeros(train.shape[1]), atol=1e-5)
    assert torch.equal(prepared.y, example.y)


def test_save_and_load_give_back_everything(example, quick, tmp_path):
    small = gcond.condense(example, num_nodes=6, method=quick)
    small.save(tmp_path / "small.safetensors")
    again = gcond.Condensed.load(tmp_path / "small.safetensors")
    assert again.method == quick
    assert again.history == small.history
    assert again.source == small.source
    assert torch.equal(again.x, small.x)
    assert torch.equal(again.edge_weight, small.edge_weight)
    assert [path.name for path in tmp_path.iterdir()] == ["small.safetensors"]


def test_files_that_are_not_ours_are_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(FileNotFoundError, match="no file"):
        gcond.Condensed.load(path)
    path.write_bytes(b"not a file of this kind")
    with pytest.raises(ValueError, match="not a condensed dataset"):
        gcond.Condensed.load(path)


def test_another_seed_gives_another_result_and_the_same_seed_the_same(example, quick):
    one, two, three = (
        gcond.condense(example, num_nodes=6, method=quick, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one.x, two.x)
    assert not torch.equal(one.x, three.x)
