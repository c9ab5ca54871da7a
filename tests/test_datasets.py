"""The way in: names, PyG objects, and what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import gcond
from gcond.datasets import as_task, load_dataset


def test_digits_need_no_files_and_have_a_stratified_split():
    data = load_dataset("digits")
    assert data.num_nodes == 1797
    assert torch.bincount(data.y[data.train_mask]).tolist() == [20] * 10
    assert torch.bincount(data.y[data.val_mask]).tolist() == [30] * 10
    together = data.train_mask.long() + data.val_mask.long() + data.test_mask.long()
    assert bool((together == 1).all())
    assert data.is_undirected()
    assert torch.equal(load_dataset("digits").train_mask, data.train_mask)


@pytest.mark.parametrize(
    ("name", "nodes", "edges", "features", "classes"),
    [
        ("cora", 2708, 5278, 1433, 7),
        ("citeseer", 3327, 4552, 3703, 6),
        ("pubmed", 19717, 44324, 500, 3),
    ],
)
def test_planetoid_by_name_from_a_root(real_data, name, nodes, edges, features, classes):
    task = as_task(name, root=real_data)
    assert task.x.shape == (nodes, features)
    assert task.num_classes == classes
    assert task.train_counts == [20] * classes
    assert [len(task.index[s]) for s in ("val", "test")] == [500, 1000]
    upper = sp.triu(task.adj, 1)
    assert upper.nnz == edges


def test_the_root_comes_from_the_argument_then_the_environment(real_data, monkeypatch, tmp_path):
    monkeypatch.setenv("GCOND_ROOT", str(real_data))
    assert load_dataset("cora").num_nodes == 2708
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(FileNotFoundError, match=r"ind\.cora\.\*") as caught:
        load_dataset("cora", root=tmp_path)
    assert "github.com/kimiyoung/planetoid" in str(caught.value)


def test_planetoid_files_are_read_in_place(real_data):
    before = {path.name for path in (real_data / "planetoid" / "Cora").iterdir()}
    load_dataset("cora", root=real_data)
    assert {path.name for path in (real_data / "planetoid" / "Cora").iterdir()} == before


def test_data_and_single_graph_dataset_give_the_same_task(example):
    one, other = as_task(example), as_task([example])
    assert one.fingerprint == other.fingerprint
    assert np.array_equal(one.x, other.x)


def test_the_callers_data_is_not_changed(example):
    before = {key: value.clone() for key, value in example.to_dict().items()}
    task = as_task(example, normalize="row")
    assert not np.allclose(task.x, example.x.numpy())
    for key, value in before.items():
        assert torch.equal(example[key], value)


def test_labels_that_are_not_contiguous_keep_their_names(example):
    example.y = example.y * 10 + 5
    small = gcond.condense(example, num_nodes=6, method="random")
    assert small.source.label_names == (5, 15, 25)
    assert set(small.data.y.tolist()) == {5, 15, 25}


def test_sparse_features_stay_sparse(example):
    example.x = torch.relu(example.x - 6)
    assert sp.issparse(as_task(example).x)
    dense = as_task(example)
    example.x = example.x.to_sparse_csr()
    assert abs(as_task(example).x - dense.x).max() < 1e-7


def test_inductive_graphs_are_induced_by_their_nodes(example):
    task = as_task(example, setting="inductive")
    assert task.num_nodes == int(example.train_mask.sum())
    a_hat, x, rows = task.graph("train")
    assert a_hat.shape == (task.num_nodes, task.num_nodes)
    assert np.array_equal(x[rows], task.x[task.index["train"]])


def test_masks_with_several_columns_take_the_chosen_split(example):
    example.train_mask = torch.stack([example.train_mask, example.val_mask], 1)
    example.val_mask = torch.stack([example.val_mask, example.train_mask[:, 0]], 1)
    one = as_task(example, split=1)
    assert np.array_equal(one.index["train"], example.train_mask[:, 1].nonzero().flatten().numpy())
    with pytest.raises(ValueError, match="split=2, but the masks have 2 columns"):
        as_task(example, split=2)


def test_without_validation_nodes_the_last_step_is_kept(example):
    del example.val_mask
    with pytest.warns(UserWarning, match="validation"):
        small = gcond.condense(example, num_nodes=6, method="doscond-x")
    assert small.history.selected_step == small.history.steps > 0
