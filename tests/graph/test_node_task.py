from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from gcond.graph.propagation import normalise


def test_the_training_graph_of_an_inductive_task_is_induced_by_its_nodes(task):
    inductive = replace(task, setting="inductive")
    for split in ("train", "val", "test"):
        nodes = task.index[split]
        a_hat, x, rows = inductive.graph(split)
        expected = normalise(task.adj[nodes][:, nodes])
        assert np.array_equal(a_hat.toarray(), expected.toarray())
        assert np.array_equal(x, task.x[nodes])
        assert rows.tolist() == list(range(len(nodes)))
    assert inductive.num_nodes == len(task.index["train"])


def test_all_splits_of_a_transductive_task_see_the_whole_graph(task):
    for split in ("train", "val", "test"):
        a_hat, x, rows = task.graph(split)
        assert a_hat.shape == (60, 60)
        assert x is task.x
        assert np.array_equal(rows, task.index[split])
    assert task.num_nodes == 60


def test_features_of_a_split_do_not_see_other_splits_when_inductive(task):
    inductive = replace(task, setting="inductive")
    changed = inductive.x.copy()
    changed[task.index["test"]] += 100
    other = replace(inductive, x=changed)
    assert np.array_equal(other.features("train", 2), inductive.features("train", 2))
    whole = replace(task, x=changed)
    assert not np.allclose(whole.features("train", 2), task.features("train", 2))


def test_labels_and_counts_are_those_of_the_split(task):
    y = task.labels("train")
    assert y.dtype == torch.long
    assert np.array_equal(y, task.y[task.index["train"]])
    assert task.train_counts == torch.bincount(y, minlength=3).tolist()


def test_the_feature_scale_is_the_root_mean_square_of_dense_and_sparse_features(task):
    x = task.x * (task.x > 0)
    expected = float(np.sqrt((x.astype(np.float64) ** 2).mean()))
    for layout in (np.array, sp.csr_array):
        assert replace(task, x=layout(x)).feature_scale == pytest.approx(expected)
    assert replace(task, x=0 * x).feature_scale == 1


def test_bytes_count_sparse_matrices_as_they_are_stored(task):
    adj = task.adj
    stored = adj.data.nbytes + adj.indices.nbytes + adj.indptr.nbytes
    assert task.nbytes == task.x.nbytes + stored
    assert replace(task, x=sp.csr_array(0 * task.x)).nbytes < task.nbytes


def test_the_repr_says_what_it_is(task):
    assert repr(task) == "NodeTask(graph, 60 nodes, 30/15/15 train/val/test)"
