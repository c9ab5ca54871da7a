"""Architectures by name, tables of several sets, and graphs that others condensed."""

import json
import statistics
from dataclasses import replace

import pytest
import torch
from torch_geometric.data import Data

import gcond
from gcond.cli import main
from gcond.condensed.card import card
from gcond.condensed.citations import bibtex
from gcond.evaluation import Protocol, get_protocol
from gcond.evaluation.architectures import ARCHITECTURES
from gcond.evaluation.tables import tabulate
from gcond.graph.training import Training
from gcond.matching import Schedule
from gcond.testing import example_graph

QUICK = Protocol("quick", Training(hidden_channels=32, epochs=60))


@pytest.fixture(scope="module")
def small():
    quick = replace(gcond.get_method("gcond"), schedule=Schedule(5, 2, 2))
    return gcond.condense(example_graph(), num_nodes=12, method=quick)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_learns_from_the_set(name, small, example):
    found = gcond.evaluate(small, example, model=name, protocol=QUICK, seeds=1, baselines=())
    assert found.mean > 45


def test_a_comparison_has_a_row_for_each_set_and_a_column_for_each_model(small, example):
    random = gcond.condense(example, num_nodes=12, method="random")
    found = gcond.compare(
        [small, random],
        example,
        models=["GCN", "SGC"],
        protocol=QUICK,
        seeds=2,
        baselines=["whole"],
    )
    assert found.names == ("graph, gcond", "graph, whole", "graph, random")
    alone = gcond.evaluate(random, example, model="SGC", protocol=QUICK, seeds=2, baselines=())
    assert found.rows[2][1].accuracies == alone.rows[0].accuracies
    for style in ("markdown", "plain", "latex"):
        assert f"{alone.mean:.1f}" in found.table(style)
        assert QUICK.digest in found.table(style)
    assert len(json.loads(found.to_json())["rows"]) == 3
    with pytest.raises(ValueError, match="nothing to compare"):
        gcond.compare([], example)


def test_a_protocols_hash_is_that_of_its_settings():
    one = get_protocol("gcn-600")
    assert one.digest == Protocol("gcn-600").digest
    assert one.digest != replace(one, training=Training(epochs=599)).digest


def test_styles_of_tables():
    table = "title, %", ["a", "b_c"], [["x & y", "1 ± 2"]]
    assert tabulate(*table).splitlines()[2:] == ["| a | b_c |", "|---|--:|", "| x & y | 1 ± 2 |"]
    assert r"x \& y & 1 $\pm$ 2 \\" in tabulate(*table, style="latex")
    assert r"b\_c" in tabulate(*table, style="latex")
    assert tabulate(*table, style="plain").splitlines()[-1] == "x & y  1 ± 2"
    with pytest.raises(ValueError, match="unknown style 'html'"):
        tabulate(*table, style="html")


def test_a_graph_that_others_condensed_is_scored_like_ours(small, example):
    ours = gcond.evaluate(small, example, protocol=QUICK, seeds=2, baselines=())
    forms = [
        gcond.Condensed.from_data(small.data, example, normalize="standard"),
        gcond.Condensed.from_data(
            Data(x=small.x, adj=small.adjacency), example, y=small.data.y, normalize="standard"
        ),
        gcond.Condensed.from_data(
            None, example, x=small.x, y=small.y, adj=small.adjacency, normalize="standard"
        ),
    ]
    for given in forms:
        theirs = gcond.evaluate(given, example, protocol=QUICK, seeds=2, baselines=())
        assert theirs.rows[0].accuracies == ours.rows[0].accuracies
        assert theirs.method == "given"


def test_accuracy_against_size_has_a_column_for_each_number_of_nodes(example):
    sets = [
        gcond.condense(example, num_nodes=n, method="random", seed=seed)
        for n, seed in ((6, 0), (12, 0), (12, 1))
    ]
    found = gcond.compare(sets, example, models=["SGC"], protocol=QUICK, seeds=2)
    head, _, *rows = found.by_ratio().splitlines()[2:]
    assert head == "| trained on | 6 nodes (2.5 %) | 12 nodes (5 %) |"
    pooled = [a for row in found.rows[1:] for a in row[0].accuracies]
    mean, std = statistics.fmean(pooled), statistics.pstdev(pooled)
    assert len(rows) == 1
    assert rows[0].startswith("| graph, random, SGC | ")
    assert rows[0].endswith(f"| {mean:.1f} ± {std:.1f} |")


def test_two_processes_find_what_one_does(small, example):
    asked = {"models": ["SGC", "MLP"], "protocol": QUICK, "seeds": 1, "baselines": ("random",)}
    one, two = (gcond.compare(small, example, **asked, jobs=jobs) for jobs in (1, 2))
    assert one.subjects == two.subjects
    for row, other in zip(one.rows, two.rows, strict=True):
        for a, b in zip(row, other, strict=True):
            assert a.mean == pytest.approx(b.mean, abs=2)
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        gcond.compare(small, example, jobs=0)


def test_the_protocol_of_the_paper_drops_weak_edges_and_gives_gat_its_epochs(small, example):
    protocol = get_protocol("cross-arch-gcond")
    assert protocol.training_of("gat").epochs == 3000
    assert protocol.training_of("GCN") == protocol.training == Training(dropout=0.0)
    bound = float(small.edge_weight.median())
    dropping = replace(QUICK, min_edge_weight=bound)
    keep = small.edge_weight >= bound
    fewer = replace(
        small, edge_index=small.edge_index[:, keep], edge_weight=small.edge_weight[keep]
    )
    for model in ("GCN", "SGC", "GAT"):
        one = gcond.evaluate(small, example, model=model, protocol=dropping, seeds=1, baselines=())
        other = gcond.evaluate(fewer, example, model=model, protocol=QUICK, seeds=1, baselines=())
        assert one.rows[0].accuracies == other.rows[0].accuracies


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, "needs x and y"),
        ({"x": torch.ones(12, 3)}, "the 16 features of graph"),
        ({"y": torch.full((12,), 9)}, r"labels \[9\], which graph does not have"),
        ({"adj": torch.ones(12, 12)}, "has self-loops"),
        ({"adj": torch.ones(12, 12).triu(1)}, r"must be symmetric; use \(adj"),
        ({"adj": torch.ones(3, 3)}, r"weights \[12, 12\]"),
        ({"adj": -torch.ones(12, 12)}, "non-negative"),
    ],
)
def test_graphs_of_others_that_do_not_fit_are_refused(small, example, changes, message):
    given = {"x": small.x, "y": small.y, "adj": small.adjacency, **changes}
    with pytest.raises(ValueError, match=message):
        gcond.Condensed.from_data(None, example, **given)


def test_the_card_and_the_citation_say_what_it_is(small):
    shown = card(small)
    for part in ("graph, transductive", "gcond, seed 0", "12 of 240 (5.00%)", "10, step"):
        assert part in shown
    assert "jin2022graph" in bibtex(small)
    assert "@software{gcond" in bibtex(small)


def test_commands_on_a_file(small, tmp_path, capsys):
    path, model = str(tmp_path / "d.safetensors"), tmp_path / "model.safetensors"
    assert (
        main(["condense", "digits", "--num-nodes", "20", "--method", "herding", "--out", path]) == 0
    )
    capsys.readouterr()
    assert main(["show", path]) == 0
    assert "herding, seed 0" in capsys.readouterr().out
    assert main(["cite", path]) == 0
    assert "welling2009herding" in capsys.readouterr().out
    assert main(["fit", path, "--out", str(model)]) == 0
    assert "GCN(64, 10" in capsys.readouterr().out
    from safetensors.torch import load_file

    module = gcond.fit(gcond.Condensed.load(path), "GCN")
    for name, tensor in load_file(model).items():
        assert torch.equal(tensor, module.state_dict()[name])
    assert main(["compare", path, "--models", "SGC", "--seeds", "1", "--style", "plain"]) == 0
    assert "digits, herding" in capsys.readouterr().out
