from dataclasses import replace

import numpy as np
import pytest
import torch
from stored import stored

import gcond
from gcond.budget import allocate
from gcond.datasets import as_task
from gcond.graph.bags import Bags
from gcond.graph.initialise import BestOf, Noise, Selected
from gcond.graph.large.fitting import fitted
from gcond.graph.preprocess import fit
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.graph.whitening import Whitened, principal
from gcond.matching import Schedule
from gcond.testing import example_graph


@pytest.fixture
def pair(tmp_path):
    """The same graph on disk and in memory."""
    return stored(tmp_path / "graph", example_graph()), example_graph()


def rows(task, split, hops):
    return np.asarray(task.features(split, hops))


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_a_task_on_disk_has_the_rows_of_one_in_memory(pair, setting):
    disk, memory = (as_task(each, setting=setting, normalize="standard") for each in pair)
    assert disk.num_nodes == memory.num_nodes
    assert disk.train_counts == memory.train_counts
    assert disk.num_features == memory.num_features
    for split in ("train", "val", "test"):
        for hops in (0, 1, 2, 3):
            np.testing.assert_allclose(
                rows(disk, split, hops), rows(memory, split, hops), atol=1e-5
            )
        assert (disk.labels(split) == memory.labels(split)).all()
    assert disk.feature_scale == pytest.approx(memory.feature_scale)
    nodes = np.array([5, 3, 3, 100, 7, 0])
    between = disk.between(nodes).toarray(), memory.between(nodes).toarray()
    np.testing.assert_array_equal(*between)


@pytest.mark.parametrize("kind", ["auto", "row", "standard", "none"])
@pytest.mark.parametrize("negative", [True, False])
def test_preprocessing_is_fitted_as_in_memory(tmp_path, kind, negative, monkeypatch):
    monkeypatch.setattr("gcond.graph.large.fitting.PIECE", 5000)
    data = example_graph()
    data.x = data.x if negative else data.x.abs()
    data.x[:, 2] = 1
    store = stored(tmp_path / "graph", data)
    found, expected = fitted(kind, store), fit(kind, data.x.numpy(), store.rows("train"))
    assert found.kind == expected.kind
    assert found.scale == pytest.approx(expected.scale, rel=1e-9)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-9)
    np.testing.assert_allclose(found.std, expected.std, rtol=1e-9)


LIGHT = Validator(Training(hidden_channels=16, epochs=20, validate_every=10), models=2)


@pytest.mark.parametrize("method", ["gcond", "gcond-x", "doscond"])
@pytest.mark.parametrize("fits", [True, False], ids=["in memory", "batch by batch"])
def test_matching_on_rows_from_disk_is_matching_on_those_in_memory(pair, method, fits, monkeypatch):
    monkeypatch.setattr("gcond.graph.large.disk.SHARE", 4 if fits else 10**9)
    chosen = replace(
        gcond.get_method(method),
        init=Selected(),
        schedule=Schedule(4, 2, 1),
        validator=LIGHT,
        batch_size=20,
    )
    disk, memory = (
        gcond.condense(each, num_nodes=9, method=chosen, normalize="standard") for each in pair
    )
    np.testing.assert_allclose(disk.history.losses, memory.history.losses, rtol=1e-3)
    assert disk.source.num_nodes == memory.source.num_nodes
    assert disk.history.scores


@pytest.mark.parametrize("method", ["random", "centroid", "herding"])
def test_selectors_pick_the_same(pair, method):
    disk, memory = (
        gcond.condense(each, num_nodes=9, method=method, normalize="standard") for each in pair
    )
    np.testing.assert_allclose(disk.x, memory.x, atol=1e-4)
    assert (disk.edge_index == memory.edge_index).all()


def test_starts_that_would_propagate_anew_are_left_out(pair):
    disk, memory = map(as_task, pair)
    far = Selected(num_layers=10, alpha=0.1)
    assert far.affordable(memory)
    assert not far.affordable(disk)
    assert Selected().affordable(disk)
    assert Noise().affordable(disk)
    assert BestOf((far, Selected())).affordable(disk)
    assert not BestOf((far,)).affordable(disk)


@pytest.mark.parametrize("method", ["bags", "gcond"])
def test_what_needs_the_whole_graph_says_so(pair, method):
    chosen = gcond.get_method(method)
    if method == "gcond":
        chosen = replace(chosen, model=gcond.graph.models.GCN(), init=Selected())
    with pytest.raises(ValueError, match="graph is kept on disk, and this needs the whole graph"):
        gcond.condense(pair[0], num_nodes=9, method=chosen)


def test_a_folder_is_a_dataset(pair):
    small = gcond.condense(str(pair[0].folder), num_nodes=9, method="centroid", memory="2GB")
    assert small.num_nodes == 9
    assert (pair[0].folder.with_name("graph.cache")).is_dir()
    with pytest.raises(ValueError, match="such as '4GB'"):
        gcond.condense(pair[0].folder, num_nodes=9, memory="much")


def test_a_bar_shows_the_propagation(pair, capsys):
    gcond.condense(pair[0], num_nodes=9, method="centroid", progress=True)
    assert "propagating" in capsys.readouterr().err
    told = []
    as_task(pair[1]).reporting(told.append).features("train", 2)
    assert not told


def test_whitening_on_disk_is_by_the_covariance_of_the_training_rows(pair):
    disk = as_task(pair[0], setting="inductive", normalize="standard")
    z = rows(disk, "train", 2).astype(np.float64)
    mean, directions, variance = (t.numpy() for t in principal(disk, 2))
    np.testing.assert_allclose(mean, z.mean(0), atol=1e-5)
    covariance = np.cov(z.T, bias=True)
    np.testing.assert_allclose(directions.T * variance @ directions, covariance, atol=1e-4)
    assert (np.diff(variance) <= 0).all()
    start = Whitened(Bags(num_layers=2, alpha=0))
    assert start.affordable(disk)
    assert not Whitened(Bags()).affordable(disk)
    assert not Whitened(Bags(num_layers=2, alpha=0), num_layers=3).affordable(disk)
    # In the inductive setting the training graph has no other nodes: memory and disk agree.
    counts = torch.tensor(allocate(12, disk.train_counts))
    memory = as_task(pair[1], setting="inductive", normalize="standard")
    apart = [start.start(task, counts, 0).features for task in (disk, memory)]
    np.testing.assert_allclose(*apart, atol=1e-3)
