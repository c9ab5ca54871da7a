"""The verb on sets of graphs: what goes in, what comes out, and what is refused."""

import builtins
import json
import logging
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import gcond
from gcond.cli import main
from gcond.datasets import as_set_task
from gcond.graph.sets.features import Categorical, Free
from gcond.graph.sets.material import Material
from gcond.graph.sets.method import GraphSetMethod
from gcond.graph.sets.metrics import score_of
from gcond.graph.sets.training import Held, SetTraining, train
from gcond.graph.sets.validation import SetValidator
from gcond.matching import Best, Fresh, Last, Schedule
from gcond.testing import example_graphs

LIGHT = SetValidator(SetTraining(hidden_channels=16, epochs=20, checks=1), models=1)


@pytest.fixture(scope="module")
def graphs():
    return example_graphs()


@pytest.fixture(scope="module")
def quick():
    method = gcond.get_method("doscond", "graphs")
    return replace(
        method,
        node_features=Categorical(),
        schedule=Schedule(6),
        selection=Best(checks=2),
        validator=LIGHT,
    )


def test_a_list_of_pyg_graphs_and_the_packed_set_give_the_same(graphs, quick):
    one = gcond.condense(graphs, per_class=1, method=quick)
    two = gcond.condense(list(graphs), per_class=1, method=quick)
    assert torch.equal(one.x, two.x)
    assert one.source.fingerprint == two.source.fingerprint


def test_the_result_is_made_of_pyg_graphs_for_any_loader(graphs, quick):
    small = gcond.condense(graphs, num_graphs=7, method=quick)
    assert repr(small) == "Condensed(example, 322 -> 7 graphs, method=doscond, seed=0)"
    assert len(small.graphs) == small.num_graphs == 7
    assert all(g.x.dtype == torch.long and g.is_undirected() for g in small.graphs)
    assert not any(g.has_self_loops() for g in small.graphs)
    batch = next(iter(DataLoader(small.graphs, batch_size=7)))
    assert batch.y.tolist() == small.y.tolist()
    assert batch.num_nodes == small.num_nodes
    with pytest.raises(ValueError, match=r"use \.graphs"):
        _ = small.data


def test_sizes_are_counted_in_training_graphs(graphs, quick):
    random = gcond.get_method("random", "graphs")
    assert gcond.condense(graphs, per_class=2, method=random).y.bincount().tolist() == [2, 2, 2]
    assert gcond.condense(graphs, 0.1, method=random).num_graphs == 32
    with pytest.raises(ValueError, match="num_nodes=5 is a size for one graph"):
        gcond.condense(graphs, num_nodes=5)
    with pytest.raises(ValueError, match="num_graphs=2 is fewer than the 3 classes"):
        gcond.condense(graphs, num_graphs=2)
    with pytest.raises(TypeError, match="get_method\\('gcond', 'graphs'\\)"):
        gcond.condense(graphs, method=gcond.get_method("gcond"))
    with pytest.raises(TypeError, match="get_method\\('doscond', 'nodes'\\)"):
        gcond.condense("digits", method=quick)


def test_selectors_refuse_more_graphs_than_there_are_and_learned_methods_repeat(graphs, quick):
    with pytest.raises(ValueError, match="cannot choose 500 graphs of class 0"):
        gcond.condense(graphs, per_class=500, method="random")
    task = as_set_task(graphs)
    wanted = max(task.train_counts) + 1
    start = replace(quick, schedule=Schedule(0), selection=Last())
    with pytest.warns(UserWarning, match="repeated"):
        small = gcond.condense(graphs, per_class=wanted, method=start)
    assert small.num_graphs == 3 * wanted


def test_files_give_back_what_was_saved(graphs, quick, tmp_path):
    small = gcond.condense(graphs, per_class=2, method=quick)
    small.save(tmp_path / "a.safetensors")
    again = gcond.Condensed.load(tmp_path / "a.safetensors")
    assert again.method == quick
    assert again.source == small.source
    assert torch.equal(again.ptr, small.ptr)
    assert [str(g) for g in again.graphs] == [str(g) for g in small.graphs]
    compact = small.compact()
    assert compact.nbytes < small.nbytes
    compact.save(tmp_path / "b.safetensors")
    loaded = gcond.Condensed.load(tmp_path / "b.safetensors")
    assert torch.equal(loaded.full().x, small.x)
    assert gcond.evaluate(loaded, graphs, seeds=1, baselines=()).mean > 0


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("ptr", lambda t: t.flip(0), "ptr"),
        ("ptr", lambda t: t[:-1], "ptr does not fit x"),
        ("y", lambda t: t + 9, "y names classes"),
        ("edge_index", lambda t: t.flip(1) * 0 + torch.tensor([[0], [len(t)]]) * 9, "edge_index"),
        ("edge_weight", lambda t: -t, "negative"),
        ("x", lambda t: t[:, :1], "x has shape"),
    ],
)
def test_files_that_hold_something_else_are_refused(graphs, name, spoil, message, tmp_path):
    small = gcond.condense(graphs, per_class=2, method="random")
    bad = replace(small, **{name: spoil(getattr(small, name))})
    bad.save(tmp_path / "bad.safetensors")
    with pytest.raises(ValueError, match=message):
        gcond.Condensed.load(tmp_path / "bad.safetensors")


def test_a_run_that_was_cut_continues_to_the_same_bytes(graphs, quick, tmp_path):
    def cut(moment):
        if moment.progress.epoch == 3:
            raise KeyboardInterrupt

    path = tmp_path / "run.safetensors"
    whole = gcond.condense(graphs, per_class=1, method=quick)
    with pytest.raises(KeyboardInterrupt):
        gcond.condense(graphs, per_class=1, method=quick, checkpoint=path, observers=[cut])
    rest = gcond.condense(graphs, per_class=1, method=quick, checkpoint=path, resume=True)
    for a, b in ((whole, "whole"), (rest, "rest")):
        a.save(tmp_path / b)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "rest").read_bytes()


def test_one_outer_step_without_inner_ones_is_one_step_matching(graphs, quick):
    multi = replace(gcond.get_method("gcond", "graphs"), selection=Last(), validator=LIGHT)
    single = replace(gcond.get_method("doscond", "graphs"), selection=Last(), validator=LIGHT)
    both = [
        gcond.condense(graphs, per_class=1, method=replace(m, schedule=Schedule(5)))
        for m in (multi, single)
    ]
    assert both[0].history.losses == both[1].history.losses
    assert torch.equal(both[0].x, both[1].x)
    assert torch.equal(both[0].edge_index, both[1].edge_index)


def test_a_bank_gives_what_measuring_every_time_gives(graphs, quick):
    from gcond.matching import Bank

    class Forgetful(Bank):
        def member(self, epoch):
            return None

    found = [
        gcond.condense(graphs, per_class=1, method=replace(quick, stream=stream, selection=Last()))
        for stream in (Bank(3), Forgetful(3))
    ]
    assert found[0].history.losses == found[1].history.losses
    fresh = replace(quick, stream=Fresh(), batch_size=10, sample_once=False)
    assert gcond.condense(graphs, per_class=1, method=fresh).history.steps == 6


def test_features_that_are_not_categories_in_the_result_are_prepared(graphs, quick):
    free = replace(quick, node_features=Free())
    small = gcond.condense(graphs, per_class=1, method=free)
    assert small.encoded
    assert small.graphs[0].x.shape[1] == small.source.preprocess.width
    assert small.prepare(graphs[0]).x.shape[1] == small.graphs[0].x.shape[1]
    assert gcond.evaluate(small, graphs, seeds=1, baselines=()).mean > 0


def test_evaluation_names_metric_unit_and_protocol(graphs, quick):
    small = gcond.condense(graphs, per_class=1, method=quick)
    protocol = gcond.evaluation.SetProtocol("light", LIGHT.training)
    found = gcond.evaluate(small, graphs, protocol=protocol, seeds=2)
    assert [row.name for row in found.rows] == ["condensed", "random", "centroid", "whole"]
    assert found.rows[-1].num_graphs == 322
    assert "| trained on | graphs |" in found.table()
    assert json.loads(found.to_json())["metric"] == "accuracy"
    with pytest.raises(ValueError, match="condensed from other data"):
        gcond.evaluate(small, example_graphs(seed=1), seeds=1)
    with pytest.raises(ValueError, match="unknown protocol 'gcn-600' for graphs"):
        gcond.evaluate(small, graphs, protocol="gcn-600")


def test_a_seeds_model_does_not_depend_on_those_beside_it(graphs):
    task = as_set_task(graphs)
    part = graphs.graphs.take(torch.arange(12) * 30)
    y = torch.as_tensor(graphs.y[np.arange(12) * 30])
    val = Held.of(task, "val", SetTraining())
    training = SetTraining(hidden_channels=8, epochs=10, checks=2)
    material = Material(part, task.encoding, y, 3)
    together = train(material, [0, 1, 2], training, val)[0]
    alone = train(material, [1], training, val)[0]
    for a, b in zip(together, alone, strict=True):
        assert torch.allclose(a[1], b[0], atol=1e-5)


def test_a_large_set_is_trained_on_in_batches(graphs):
    task = as_set_task(graphs)
    material = Material(
        task.graphs.take(task.numbers("train")), task.encoding, task.labels("train"), 3
    )
    training = SetTraining(hidden_channels=32, epochs=30, batch_size=32, checks=3)
    val = Held.of(task, "val", SetTraining())
    _, score, _ = train(material, [0], training, val)
    assert float(score) > 0.4


EDGE = torch.tensor([[0, 1], [1, 0]])


def many(**changes):
    """Forty graphs of two nodes, one of them changed."""
    found = [Data(x=torch.eye(2), edge_index=EDGE, y=torch.tensor([i % 2])) for i in range(40)]
    for key, value in changes.items():
        found[7][key] = value
    return found


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        (many(x=torch.ones(2, 3)), "graph 7 has 3 node features, graph 0 has 2"),
        (many(x=torch.empty(0, 2), edge_index=EDGE[:, :0]), "graph 7 has no nodes"),
        (many(edge_index=None), "graph 7 has no edge_index"),
        (many(edge_index=EDGE + 1), "graph 7 has edges to nodes beyond the 2 it has"),
        (many(y=None), "graph 7 has no label"),
        (many(y=torch.tensor([0.5])), "regression"),
        (many(y=torch.tensor([-1])), "must not be negative"),
        (many(y=torch.tensor([torch.nan])), "graph 7 has no label; leave it out"),
        (many(y=torch.tensor([0, 1])), "different numbers of labels"),
        (many(x=torch.full((2, 2), torch.inf)), "NaN or infinite"),
        ([Data(x=torch.eye(2), edge_index=EDGE, y=1) for _ in range(9)], "all graphs have the"),
        (
            [Data(x=torch.eye(2), edge_index=EDGE[:, :0], y=i % 2) for i in range(9)],
            "no graph has an edge",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_condensed_is_refused(graphs, message):
    with pytest.raises(ValueError, match=message):
        gcond.condense(graphs, per_class=1)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": [0, 2, 4], "test": [1, 3]}, "no training graph has the label 1"),
        ({"train": [0, 1], "test": [1, 3]}, "graph 1 is in the split twice"),
        ({"train": [0, 1]}, "needs train= and test="),
        ({"train": [0, 1], "test": [99]}, "beyond the 40"),
    ],
)
def test_splits_that_cannot_be_are_refused(split, message):
    with pytest.raises(ValueError, match=message):
        gcond.GraphSet.from_pyg(many(), **split)


def test_graphs_without_features_and_directed_edges_are_taken():
    line = torch.tensor([[0, 1], [1, 2]])
    found = [Data(edge_index=line[:, : 1 + i % 2], num_nodes=3, y=i % 2) for i in range(20)]
    small = gcond.condense(found, per_class=1, method="random")
    assert small.graphs[0].x.tolist() == [[1], [1], [1]]
    assert small.graphs[1].is_undirected()


def test_without_validation_graphs_the_last_step_is_kept(quick):
    graphs = gcond.GraphSet.from_pyg(many(), train=range(30), test=range(30, 40))
    with pytest.warns(UserWarning, match="no validation graphs"):
        small = gcond.condense(graphs, per_class=1, method=quick)
    assert small.history.selected_step == 6


def test_the_first_line_says_what_will_happen(graphs, quick, caplog):
    with caplog.at_level(logging.INFO, "gcond"):
        gcond.condense(graphs, per_class=1, method=quick)
    assert "example: 322 -> 3 graphs (1 per class), doscond, PooledGCN, cpu" in caplog.text


def test_the_command_line_takes_sets(tmp_path, capsys):
    path = tmp_path / "d.safetensors"
    words = ["condense", "digits-graphs", "--per-class", "1", "--method", "centroid"]
    assert main([*words, "--out", str(path)]) == 0
    assert "1439 -> 10 graphs" in capsys.readouterr().out
    assert main(["show", str(path)]) == 0
    assert "10 of 1,439" in capsys.readouterr().out
    assert main(["evaluate", str(path), "--seeds", "1", "--json"]) == 0
    assert '"protocol": "pool-200"' in capsys.readouterr().out


def test_tu_molecules_by_name_as_pygs_dataset_has_them(real_data, tmp_path):
    import shutil

    from torch_geometric.datasets import TUDataset

    shutil.copytree(real_data / "tu" / "MUTAG", tmp_path / "MUTAG")
    pyg = TUDataset(str(tmp_path), "MUTAG")
    mine, theirs = (
        gcond.condense(data, per_class=2, method="centroid", split=3, root=real_data)
        for data in ("mutag", pyg)
    )
    assert mine.source.fingerprint == theirs.source.fingerprint
    assert torch.equal(mine.x, theirs.x)
    assert isinstance(mine.method, type(gcond.get_method("random", "graphs")))


def test_areas_under_curves_are_those_of_ogbs_evaluator(real_data):
    from gcond.evaluation.ogb import official

    task = as_set_task("ogbg-molbace", root=real_data)
    y = task.labels("test")
    logits = torch.randn(len(y), 2, generator=torch.Generator().manual_seed(0))
    assert official(task, logits, y) == pytest.approx(score_of(logits, y, "rocauc"), abs=1e-12)


OFFLINE = """
import builtins, socket, sys
def refuse(*a, **k): raise AssertionError('asked for a socket or an answer')
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
builtins.input = refuse
import threading
started = []
begin = threading.Thread.start
def note(self):
    started.append(self); begin(self)
threading.Thread.start = note
import gcond, torch
from gcond.evaluation.ogb import official
from gcond.datasets import as_set_task
small = gcond.condense('ogbg-molbace', per_class=1, method='random', root=sys.argv[1])
task = as_set_task('ogbg-molbace', root=sys.argv[1])
y = task.labels('test')
print(small, official(task, torch.randn(len(y), 2), y))
asking = [t for t in started if getattr(t, '_target', None) and 'ogb' in t._target.__module__]
assert not asking, asking
"""


def test_ogb_opens_without_network_and_without_questions(real_data):
    found = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(real_data)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "1210 -> 2 graphs" in found.stdout


def test_missing_ogb_files_are_named(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(builtins, "input", refuse)
    with pytest.raises(FileNotFoundError, match=r"node-feat.csv.gz is not there.*bace.zip"):
        gcond.condense("ogbg-molbace", per_class=1, root=tmp_path)


def test_methods_are_found_by_what_they_condense():
    assert isinstance(gcond.get_method("doscond", "graphs"), GraphSetMethod)
    assert "random training graphs" in gcond.list_methods("graphs").values()
    with pytest.raises(ValueError, match="'nodes' or 'graphs'"):
        gcond.get_method("gcond", "pictures")


def test_several_labels_per_graph(quick):
    rng = np.random.default_rng(0)
    base = example_graphs()
    y = np.stack([base.y == 0, base.y == 1, rng.random(len(base)) < 0.5], 1).astype(float)
    y[rng.random(y.shape) < 0.1] = np.nan
    graphs = gcond.GraphSet.from_packed(
        base.graphs, y, {"train": None, "val": None, "test": None}, metric="rocauc"
    )
    small = gcond.condense(graphs, num_graphs=8, method=quick)
    assert small.y.shape == (8, 3)
    assert small.history.steps == 6
    assert gcond.evaluate(small, graphs, seeds=1, baselines=("random",)).mean > 0
    with pytest.raises(ValueError, match="several labels each"):
        gcond.condense(graphs, per_class=2, method=quick)


def test_a_picture_shows_condensed_and_real_graphs(graphs, quick, tmp_path):
    pytest.importorskip("matplotlib")
    from gcond import plot

    small = gcond.condense(graphs, per_class=2, method=quick)
    figure = plot.figure(small, graphs)
    drawn = [ax for ax in figure.axes if ax.collections]
    assert len(drawn) == 3 * (2 + 3)
    plot.save(figure, tmp_path / "set.png")
    assert (tmp_path / "set.png").stat().st_size > 1000


class Mean(torch.nn.Module):
    """A linear map of the mean row, without edges."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = torch.nn.Linear(inputs, outputs)

    def forward(self, x, edge_index, batch):
        from torch_geometric.nn import global_mean_pool

        return self.linear(global_mean_pool(x, batch))


def test_models_of_ones_own_are_judged_and_fitted(graphs, quick):
    small = gcond.condense(graphs, per_class=2, method=quick)
    protocol = gcond.evaluation.SetProtocol("light", LIGHT.training)
    found = gcond.evaluate(
        small, graphs, model=Mean, protocol=protocol, seeds=2, baselines=("whole",)
    )
    assert found.model == "Mean"
    assert len(found.rows[0].validation) == 2
    mine = gcond.fit(small, Mean, graphs, protocol=protocol)
    assert isinstance(mine, Mean)
    with pytest.raises(ValueError, match=r"unknown model 'SGC' for sets of graphs; .*known: GCN, "):
        gcond.evaluate(small, graphs, model="SGC")


def test_networks_by_name_are_compared(graphs, quick):
    small = gcond.condense(graphs, per_class=2, method=quick)
    protocol = gcond.evaluation.SetProtocol("light", replace(LIGHT.training, epochs=5))
    found = gcond.compare(small, graphs, protocol=protocol, seeds=2, baselines=("random",))
    assert found.models == ("GCN", "GraphSAGE", "GAT", "GIN")
    assert found.unit == "graphs"
    assert [subject.num_nodes for subject in found.subjects] == [6, 6]
    assert found.subjects[0].ratio == 6 / 322
    alone = gcond.evaluate(small, graphs, model="gin", protocol=protocol, seeds=2, baselines=())
    assert alone.model == "GIN"
    assert alone.rows[0].accuracies == found.rows[0][3].accuracies
    fitted = gcond.fit(small, "GIN", graphs, protocol=protocol, seed=1)
    g = graphs[0]
    batch = torch.zeros(g.num_nodes, dtype=torch.long)
    rows = small.source.preprocess(g.x)
    assert fitted(rows, g.edge_index, batch=batch).shape == (1, 3)


def test_a_fitted_network_is_a_pyg_module_that_predicts_the_same(graphs, quick):
    small = gcond.condense(graphs, per_class=2, method=quick)
    protocol = gcond.evaluation.SetProtocol("light", LIGHT.training)
    network = gcond.fit(small, "GCN", graphs, protocol=protocol)
    task = as_set_task(graphs)
    judge = gcond.evaluation.sets.Judge(task, protocol, 1)
    material = Material(small.packed, task.encoding, small.y, 3)
    theta = train(material, [0], protocol.training, judge.val)[0]
    wanted = judge.test.predictions(theta)[0]
    from gcond.evaluation.set_fitting import predict, real_material

    assert torch.allclose(predict(network, real_material(task, "test")), wanted, atol=1e-5)
