"""Named datasets read from miniature files in the exact raw formats of their collections."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import gcond
from gcond.datasets import as_task, list_datasets

N, D, C = 400, 12, 4


@pytest.fixture
def graph():
    rng = np.random.default_rng(0)
    y = np.arange(N) % C
    x = sp.csr_matrix((rng.random((N, D)) < 0.3).astype(np.float32))
    ends = rng.integers(N, size=(2, 1200))
    adj = sp.csr_matrix((np.ones(1200, dtype=np.float32), ends), shape=(N, N))
    return x, adj, y


def shchur(path, x, adj, y):
    """The format of https://github.com/shchur/gnn-benchmark."""
    path.parent.mkdir(parents=True)
    fields = {"labels": y}
    for name, matrix in (("attr", x), ("adj", adj)):
        for part in ("data", "indices", "indptr", "shape"):
            fields[f"{name}_{part}"] = np.asarray(getattr(matrix, part))
    np.savez(path, **fields)


SHCHUR = {
    "amazon-computers": "amazon/Computers/raw/amazon_electronics_computers.npz",
    "amazon-photo": "amazon/Photo/raw/amazon_electronics_photo.npz",
    "coauthor-cs": "coauthor/CS/raw/ms_academic_cs.npz",
    "coauthor-physics": "coauthor/Physics/raw/ms_academic_phy.npz",
}


@pytest.mark.parametrize("name", SHCHUR)
def test_amazon_and_coauthor_get_seeded_splits(name, graph, tmp_path):
    shchur(tmp_path / SHCHUR[name], *graph)
    zero, one, again = (as_task(name, root=tmp_path, split=s) for s in (0, 1, 0))
    assert zero.train_counts == [20] * C
    assert [len(zero.index[s]) for s in ("train", "val", "test")] == [80, 120, 200]
    assert zero.fingerprint == again.fingerprint != one.fingerprint
    assert (zero.split, one.split) == (0, 1)
    with pytest.raises(ValueError, match="split=10, but the masks have 10 columns"):
        as_task(name, root=tmp_path, split=10)
    small = gcond.condense(name, num_nodes=8, method="random", split=1, root=tmp_path)
    assert gcond.evaluate(small, seeds=1, baselines=(), root=tmp_path).mean >= 0


@pytest.mark.parametrize(
    "name", ["roman-empire", "amazon-ratings", "minesweeper", "tolokers", "questions"]
)
def test_heterophilous_graphs_bring_ten_splits(name, graph, tmp_path):
    x, adj, y = graph
    title = name.replace("-", "_")
    path = tmp_path / "heterophilous" / title / "raw" / f"{title}.npz"
    path.parent.mkdir(parents=True)
    drawn = np.stack([np.random.default_rng(s).permutation(np.arange(N) % 4) for s in range(10)])
    np.savez(
        path,
        node_features=x.toarray(),
        node_labels=y,
        edges=np.stack(adj.nonzero()).T,
        train_masks=drawn < 2,
        val_masks=drawn == 2,
        test_masks=drawn == 3,
    )
    task = as_task(name, root=tmp_path, split=7)
    assert np.array_equal(task.index["train"], np.flatnonzero(drawn[7] < 2))
    assert np.array_equal(task.index["test"], np.flatnonzero(drawn[7] == 3))
    assert (task.adj != task.adj.T).nnz == 0


def test_wikics_has_twenty_splits_and_one_test_set(graph, tmp_path):
    x, adj, y = graph
    path = tmp_path / "wikics" / "raw" / "data.json"
    path.parent.mkdir(parents=True)
    drawn = np.stack(
        [np.random.default_rng(s).permutation(np.arange(N - 100) % 4) for s in range(20)]
    )
    rest = np.zeros((20, 100), dtype=bool)
    marks = [np.concatenate([drawn == k, rest], 1).tolist() for k in range(3)]
    content = {
        "features": x.toarray().tolist(),
        "labels": y.tolist(),
        "links": [adj[i].indices.tolist() for i in range(N)],
        "train_masks": marks[0],
        "val_masks": marks[1],
        "stopping_masks": marks[2],
        "test_mask": [i >= N - 100 for i in range(N)],
    }
    path.write_text(json.dumps(content))
    task = as_task("wikics", root=tmp_path, split=19)
    assert np.array_equal(task.index["train"], np.flatnonzero(drawn[19] == 0))
    assert task.index["test"].tolist() == list(range(N - 100, N))


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("coauthor-physics", "coauthor/Physics/raw/ms_academic_phy.npz"),
        ("wikics", "wikics/raw/data.json"),
        ("roman-empire", "heterophilous/roman_empire/raw/roman_empire.npz"),
    ],
)
def test_without_network_the_error_names_the_file_and_its_source(name, file, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(FileNotFoundError, match="could not be downloaded from https://") as caught:
        as_task(name, root=tmp_path)
    assert str(tmp_path / file) in str(caught.value)


def test_every_name_is_listed_with_what_it_is():
    # Graphs with labelled nodes, big ones, generated ones, sets of graphs, images.
    assert len(list_datasets()) == 14 + 5 + 4 + 15 + 4
    assert all(text for text in list_datasets().values())
    assert torch.is_tensor(gcond.load_dataset("digits").x)
