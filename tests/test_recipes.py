"""Recipes: every row is sound, and running one prints ours beside the paper's."""

import json
import tomllib
from dataclasses import replace
from importlib.resources import files

import pytest
import raw_files

import gcond
from gcond import recipes
from gcond.cli import main
from gcond.datasets import is_named, list_datasets
from gcond.datasets.big import is_big
from gcond.graph.adjacency import PairwiseMLP
from gcond.graph.labels import TrainingLabels
from gcond.graph.method import GraphMethod
from gcond.image.method import ImageMethod
from gcond.image.networks import ConvNet, LeNet
from gcond.matching import Last, Schedule, Step
from gcond.reproduction import protocol_of
from gcond.testing import example_graph

FILES = [entry for entry in files("gcond.recipes").iterdir() if entry.name.endswith(".toml")]
SIZES = {
    "cora": {35, 70, 140},
    "citeseer": {30, 60, 120},
    "pubmed": {15, 30, 60},
    "ogbn-arxiv": {90, 454, 909},
    "flickr": {44, 223, 446},
    "reddit": {76, 153, 307},
}


OF_NODES = [n for n in recipes.list_recipes() if recipes.load(n).items == "nodes"]
OF_IMAGES = [n for n in recipes.list_recipes() if recipes.load(n).items == "images"]


@pytest.mark.parametrize("name", OF_IMAGES)
def test_every_row_on_images_is_sound(name):
    recipe = recipes.load(name)
    method = recipe.method
    assert name == f"{method.name}/{recipe.dataset}-{recipe.num_nodes}"
    assert recipe.dataset in list_datasets()
    assert isinstance(method, ImageMethod)
    assert not method.pixels.relative
    per_class = recipe.num_nodes // 10
    loops = {1: (1, 0), 10: (10, 50), 50: (50, 10)}[per_class]
    if method.name in ("dc", "dsa", "dcc"):
        assert (method.schedule.outer_steps, method.schedule.inner_steps) == loops
        assert method.pixels == Step(0.1, momentum=0.5)
    if method.name in ("dsa", "dm"):
        assert ("flip" in method.augmentation.strategy) == (recipe.dataset != "mnist")
    assert method.network in (ConvNet(128, depth=3), LeNet())
    assert protocol_of(recipe).name in ("dc-300", "dc-1000", "dsa-1000", "dd-steps")
    if method.name == "dc":
        assert (protocol_of(recipe).name == "dc-1000") == (recipe.dataset == "mnist")
    assert recipe.verified or "unverified" in recipe.published or recipe.reported is None
    assert recipes.find(name.split("/")[0], recipe.dataset, recipe.num_nodes) == recipe


@pytest.mark.parametrize("name", OF_NODES)
def test_every_row_is_sound(name):
    recipe = recipes.load(name)
    assert recipe.name == name
    assert recipe.num_nodes in SIZES[recipe.dataset]
    assert is_named(recipe.dataset)
    assert name.endswith(f"-{recipe.num_nodes}")
    assert isinstance(recipe.method, GraphMethod)
    # The paper's settings, and neither our step choice nor our scale of steps.
    assert recipe.method.selection == Last()
    assert recipe.method.labels == TrainingLabels()
    assert not recipe.method.settle
    assert recipe.method.adjacency.degree is None
    assert isinstance(recipe.method.adjacency, PairwiseMLP)
    for step in (recipe.method.features, recipe.method.structure):
        assert not step.relative
        assert not step.anneal
    assert recipe.setting == (
        "inductive" if recipe.dataset in ("flickr", "reddit") else "transductive"
    )
    assert recipe.normalize == ("standard" if is_big(recipe.dataset) else "row")
    assert recipe.url.startswith("https://arxiv.org/abs/")
    assert recipe.source
    assert recipe.verified or "unverified" in recipe.published or recipe.reported is None
    assert recipe.reported is None or 30 < recipe.reported < 100
    assert recipe.verified == (recipe.spread is not None)
    assert protocol_of(recipe).training.epochs == 600
    assert recipes.find(name.split("/")[0], recipe.dataset, recipe.num_nodes) == recipe


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_a_file_has_no_word_that_nothing_reads(file):
    content = tomllib.loads(file.read_text())
    assert content.keys() <= {
        *("title", "url", "method", "settings", "differs", "group", "row", "items", "protocol")
    }
    words = {
        "dataset",
        "num_nodes",
        "num_images",
        "normalize",
        "setting",
        "training",
        "protocol",
        "note",
        "settings",
    }
    for group in content["group"].values():
        assert group.keys() <= words
    for row in content["row"]:
        assert row.keys() <= words | {"name", "group", "reported", "source", "verified"}
        assert row.get("group") is None or row["group"] in content["group"]
    names = [row["name"] for row in content["row"]]
    assert len(set(names)) == len(names)
    assert content["method"] in gcond.list_methods(content.get("items", "nodes"))


def test_the_published_schedule_of_gcond_is_there():
    recipe = recipes.load("gcond/cora-70")
    assert recipe.method.schedule == Schedule(601, 20, 15)
    assert recipe.method.features.lr == 1e-4
    assert recipe.published == "80.1 ± 0.6"
    assert recipes.load("doscond/cora-70").published == "80.0 (unverified)"
    assert recipes.load("gcond/arxiv-90").training == {"weight_decay": 0.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recipes.load("gcond/cora-71"), "did you mean 'gcond/cora-70'"),
        (lambda: recipes.load("nonsense"), "known: dc/mnist-10"),
        (lambda: recipes.find("gcond", "cora", 71), "there are: cora 35, cora 70"),
        (lambda: recipes.find("centroid", "cora", 70), "there are some for dc, dcc, dd, dm"),
        (lambda: gcond.reproduce("gcond/cora-70", seeds=0), "seeds must be at least 1, got 0"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture
def short(monkeypatch):
    """Recipes with a schedule that a test can wait for."""
    full = recipes.load

    def load(name):
        recipe = full(name)
        method = replace(recipe.method, schedule=Schedule(2, 2, 1))
        return replace(recipe, method=method, num_nodes=9)

    monkeypatch.setattr("gcond.reproduction.recipes.load", load)


def test_reproduce_judges_the_last_step_of_every_seed(short):
    found = gcond.reproduce("gcond/reddit-76", example_graph(), seeds=2, evaluation_seeds=3)
    assert [len(run) for run in found.accuracies] == [3, 3]
    assert found.steps == (4, 4)
    assert found.published == "88.0 ± 1.8"
    table = found.table()
    assert "last of 4 steps" in table
    assert "published 88.0 ± 1.8" in table
    assert f"difference {found.mean - 88.0:+.1f}" in table
    assert json.loads(found.to_json())["mean"] == pytest.approx(found.mean)


@pytest.mark.parametrize("name", ["gcond/arxiv-90", "doscond/flickr-44", "gcond/reddit-76"])
def test_big_graphs_are_reproduced_from_their_raw_files(name, short, tmp_path, capsys):
    g = raw_files.mini()
    raw_files.flickr(tmp_path, g)
    raw_files.reddit(tmp_path, g)
    raw_files.ogb(tmp_path, "ogbn-arxiv", g)
    given = ["--root", str(tmp_path), "--evaluation-seeds", "1", "--json"]
    assert main(["reproduce", name, *given]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == name
    assert found["steps"] == [4]
    assert len(found["accuracies"][0]) == 1


def test_the_command_lists_recipes_and_refuses_unknown_ones(capsys):
    assert main(["reproduce"]) == 0
    assert "gcond/cora-70" in capsys.readouterr().out
    assert main(["reproduce", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gcond/cora-70"] == "80.1 ± 0.6"
    assert main(["reproduce", "gcond/cora-71"]) == 2
    assert "did you mean 'gcond/cora-70'" in capsys.readouterr().err


def test_the_command_runs_a_recipe(short, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "gcond.reproduction.as_task",
        lambda dataset, **given: __import__("gcond.datasets").datasets.as_task(example_graph()),
    )
    out = tmp_path / "cora.json"
    assert main(["reproduce", "gcond/cora-70", "--evaluation-seeds", "1", "--out", str(out)]) == 0
    assert "published 80.1 ± 0.6" in capsys.readouterr().out
    assert json.loads(out.read_text())["recipe"] == "gcond/cora-70"
