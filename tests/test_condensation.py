"""The verb and its result."""

import json
import logging
from dataclasses import replace

import networkx as nx
import numpy as np
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
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["small.log.json", "small.safetensors"]
    assert json.loads((tmp_path / "small.log.json").read_text())["seconds"] == small.seconds
    assert again.seconds == small.seconds
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (
        tmp_path / "small.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"seconds": "1"}', '{"seconds": NaN}', "{"])
def test_a_log_that_says_nothing_is_none(example, tmp_path, text):
    path = tmp_path / "small.safetensors"
    gcond.condense(example, num_nodes=6, method="random").save(path)
    (tmp_path / "small.log.json").write_text(text)
    again = gcond.Condensed.load(path)
    assert again.seconds is None
    again.save(path)
    assert not (tmp_path / "small.log.json").exists()


def test_networkx_out_and_in_again(example, quick):
    small = gcond.condense(example, num_nodes=9, method=quick)
    graph = small.to_networkx()
    assert graph.number_of_nodes() == 9
    assert graph.number_of_edges() == small.edge_index.shape[1] / 2
    adj = torch.tensor(nx.to_numpy_array(graph), dtype=torch.float32)
    assert torch.equal(adj, small.adjacency)
    assert [graph.nodes[i]["y"] for i in graph] == small.data.y.tolist()
    assert np.allclose(graph.nodes[3]["x"], small.x[3])


def test_compact_storage_is_smaller_and_works_like_any_other(example, quick, tmp_path):
    small = gcond.condense(example, num_nodes=9, method=quick)
    compact = small.compact(threshold=0.0)
    assert compact.nbytes < 0.5 * small.nbytes
    assert compact.data.x.dtype == torch.float32
    assert torch.allclose(compact.data.x, small.data.x, rtol=1e-3, atol=1e-3)
    assert torch.allclose(compact.adjacency, small.adjacency, atol=1e-3)
    compact.save(tmp_path / "compact.safetensors")
    again = gcond.Condensed.load(tmp_path / "compact.safetensors")
    assert again.x.dtype == torch.float16
    assert again.nbytes == compact.nbytes
    full, rounded = (
        gcond.evaluate(s, example, seeds=2, baselines=()).rows[0] for s in (small, again)
    )
    assert abs(full.mean - rounded.mean) < 5
    assert rounded.nbytes == compact.nbytes
    assert isinstance(gcond.fit(again, "GCN"), torch.nn.Module)
    weights = small.edge_weight.sort().values
    dropped = small.compact(threshold=float(weights[len(weights) // 2]), half=False)
    assert 0 < dropped.edge_index.shape[1] < small.edge_index.shape[1]
    assert torch.equal(dropped.x, small.x)


def test_a_set_of_another_split_is_evaluated_on_that_split(example):
    other = example.clone()
    for name in ("train_mask", "val_mask", "test_mask"):
        other[name] = torch.stack([example[name], example[name].roll(1)], 1)
    other.train_mask[:, 1] |= ~(other.val_mask[:, 1] | other.test_mask[:, 1])
    small = gcond.condense(other, num_nodes=6, method="random", split=1)
    assert small.source.split == 1
    assert gcond.evaluate(small, other, seeds=1, baselines=()).mean > 0


def test_another_seed_gives_another_result_and_the_same_seed_the_same(example, quick):
    one, two, three = (
        gcond.condense(example, num_nodes=6, method=quick, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(one.x, two.x)
    assert not torch.equal(one.x, three.x)
