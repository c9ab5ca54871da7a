from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from in_float64 import normal

from gcond.graph import receptive
from gcond.graph.propagation import normalise_dense
from gcond.graph.receptive import Hops
from gcond.graph.training import gradients, initial
from gcond.matching import targets


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_reaches_the_neighbours_of_its_rows_and_no_more(task, setting, split):
    task = replace(task, setting=setting)
    a_hat, x, rows = task.graph(split)
    view = receptive.of_split(task, split)
    inner, outer = view.inner.to_dense(), view.outer.to_dense()
    assert np.allclose(outer @ inner, (a_hat @ (a_hat @ x))[rows], atol=1e-5)
    assert bool((outer != 0).any(0).all())
    assert torch.equal(view.y, task.labels(split))


def test_a_synthetic_graph_is_seen_from_all_its_nodes():
    upper = torch.sigmoid(normal(5, 5)).triu(1)
    x, adj, y = normal(5, 3, seed=1), upper + upper.T, torch.arange(5)
    view = receptive.of_graph(x, adj, y)
    assert torch.equal(view.outer, normalise_dense(adj))
    assert torch.equal(view.inner, normalise_dense(adj) @ x)
    bare = receptive.of_graph(x, None, y)
    assert bare.inner is x
    assert torch.equal(bare.outer, torch.eye(5, dtype=torch.float64))


@pytest.mark.parametrize(("below", "layout"), [(0.0, torch.strided), (2.0, torch.sparse_csr)])
def test_the_share_of_non_zeros_decides_the_layout_not_the_numbers(
    monkeypatch, task, below, layout
):
    expected = receptive.of_split(task, "val").outer.to_dense()
    monkeypatch.setattr(receptive, "SPARSE_BELOW", below)
    view = receptive.of_split(task, "val")
    assert view.outer.layout == layout
    assert torch.equal(view.outer.to_dense(), expected)
    assert torch.equal(view.outer_t.to_dense(), expected.T)
    assert torch.equal(view.inner_t.to_dense(), view.inner.to_dense().T)


def test_sparse_features_of_many_neighbours_stay_a_product_with_the_same_results(monkeypatch, task):
    words = np.zeros_like(task.x)
    words[np.arange(len(words)), np.arange(len(words)) % words.shape[1]] = 1  # one of each node
    task = replace(task, x=sp.csr_array(words))
    whole = receptive.of_split(task, "train")
    monkeypatch.setattr(receptive, "MANY", 0)
    monkeypatch.setattr(receptive, "FEWER", 0)
    product = receptive.of_split(task, "train")
    assert isinstance(product.inner, receptive.Product)
    assert not isinstance(whole.inner, receptive.Product)
    assert product.inner.shape == whole.inner.shape
    assert len(product.inner) == len(whole.inner)
    for a, b in ((product.inner, whole.inner), (product.inner_t, whole.inner_t)):
        columns = torch.eye(a.shape[1])
        assert torch.allclose(a @ columns, b @ columns, atol=1e-6)
    y = targets(whole.y, 3, torch.float32)
    weights = initial(task.num_features, 3, 8, [0, 1])
    for a, b in zip(gradients(product, weights, y), gradients(whole, weights, y), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("hops", [Hops(0, 0), Hops(2, 0), Hops(0, 3), Hops(1, 4, 0.2)], ids=str)
def test_other_propagations_of_a_split_and_of_a_synthetic_graph(task, hops):
    a_hat, x, rows = task.graph("val")
    dense, after = a_hat.toarray(), np.eye(len(x))
    for _ in range(hops.after):
        after = (1 - hops.alpha) * after @ dense + hops.alpha * np.eye(len(x))
    expected = after @ np.linalg.matrix_power(dense, hops.before) @ x
    view = receptive.of_split(task, "val", hops)
    assert np.allclose(view.outer.to_dense() @ view.inner.to_dense(), expected[rows], atol=1e-5)

    adj = torch.as_tensor(task.adj.toarray())
    small = receptive.of_graph(torch.as_tensor(x), adj, torch.arange(len(x)), hops)
    assert np.allclose(small.outer @ small.inner, expected, atol=1e-5)
