"""The way in: names, PyG objects, and what is refused."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data

import gcond
from gcond.datasets import as_task, load_dataset
from gcond.testing import example_graph


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


def test_adj_t_as_torch_csr_equals_edge_index(example):
    n = example.num_nodes
    row, col = example.edge_index
    adj_t = torch.sparse_coo_tensor(
        torch.stack([col, row]), torch.ones(len(row)), (n, n)
    ).to_sparse_csr()
    other = example.clone()
    del other.edge_index
    other.adj_t = adj_t
    assert as_task(other).fingerprint == as_task(example).fingerprint


def test_adj_t_as_torch_sparse_equals_edge_index(example):
    torch_sparse = pytest.importorskip("torch_sparse", reason="torch-sparse is not installed")
    row, col = example.edge_index
    other = example.clone()
    del other.edge_index
    other.adj_t = torch_sparse.SparseTensor(row=col, col=row, sparse_sizes=(example.num_nodes,) * 2)
    assert as_task(other).fingerprint == as_task(example).fingerprint


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


def broken(**changes):
    data = example_graph()
    for key, value in changes.items():
        data[key] = value(data) if callable(value) else value
    return data


def _without(name):
    data = example_graph()
    del data[name]
    return data


BAD = {
    "no x": (lambda: _without("x"), "no x"),
    "no y": (lambda: _without("y"), "no y"),
    "no edges field": (lambda: _without("edge_index"), "edge_index"),
    "no train mask": (lambda: _without("train_mask"), "train_mask"),
    "no test mask": (lambda: _without("test_mask"), "test_mask"),
    "flat x": (lambda: broken(x=lambda d: d.x[:, 0]), r"x must have shape"),
    "nan": (lambda: broken(x=lambda d: d.x.log()), "NaN or infinite"),
    "edge shape": (lambda: broken(edge_index=lambda d: d.edge_index.T), r"\[2, E\]"),
    "edge dtype": (lambda: broken(edge_index=lambda d: d.edge_index.float()), "integers"),
    "edge range": (lambda: broken(edge_index=lambda d: d.edge_index + 200), "0 to 239"),
    "weights": (lambda: broken(edge_weight=torch.ones(3)), "3 entries"),
    "negative weights": (
        lambda: broken(edge_weight=lambda d: -torch.ones(d.num_edges)),
        "not negative",
    ),
    "labels": (lambda: broken(y=lambda d: d.y[:5]), "one label for each"),
    "mask shape": (lambda: broken(train_mask=torch.ones(5, dtype=torch.bool)), "train_mask"),
    "mask dtype": (lambda: broken(train_mask=lambda d: d.train_mask.long()), "boolean"),
    "overlap": (lambda: broken(val_mask=lambda d: d.train_mask), "must not overlap"),
    "empty": (lambda: broken(train_mask=lambda d: d.train_mask & False), "marks no node"),
    "absent class": (
        lambda: broken(train_mask=lambda d: d.train_mask & (d.y != 1)),
        r"classes \[1\] have no training node",
    ),
    "unlabelled": (lambda: broken(y=lambda d: d.y - 1), "no label"),
    "fractions": (lambda: broken(y=lambda d: d.y + 0.5), "class numbers"),
    "one class": (lambda: broken(y=lambda d: d.y * 0), "one class only"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_graphs_are_refused_before_any_work(case):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        as_task(make())


def test_other_refusals(example):
    with pytest.raises(ValueError, match="did you mean 'cora'"):
        load_dataset("coora")
    with pytest.raises(TypeError, match="dict"):
        as_task({})
    with pytest.raises(ValueError, match="2 graphs"):
        as_task([example, example])
    with pytest.raises(ValueError, match="'sideways'"):
        as_task(example, setting="sideways")
    with pytest.raises(ValueError, match="unknown normalisation 'l2'"):
        as_task(example, normalize="l2")
    assert isinstance(example, Data)
