from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from in_float64 import float64_task, normal

from gcond.graph import sources
from gcond.graph.models import GCN, SGC, Convolutions, Module
from gcond.graph.propagation import normalise, propagate

ROWS = torch.tensor([4, 0, 4, 17])


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_neighbourhoods_give_the_logits_of_the_whole_graph(layers, setting):
    task = replace(float64_task(), setting=setting)
    model = Convolutions((16, *[5] * (layers - 1), 3), torch.zeros((), dtype=torch.float64))
    theta = model.draw(torch.Generator().manual_seed(0))
    inputs, counted = GCN(layers, 5).source(task).take(ROWS, torch.float64)
    assert counted is None

    a_hat, x, nodes = task.graph("train")
    whole = torch.tensor(a_hat.toarray())
    everything = model(theta, whole @ torch.tensor(x), *[whole] * (layers - 1))
    expected = everything[torch.tensor(nodes)[ROWS]]
    assert torch.allclose(model(theta, *inputs), expected, atol=1e-12)
    assert len(inputs[0]) < task.num_nodes or layers > 1


def test_propagated_rows_are_those_of_the_training_nodes():
    task = float64_task()
    (found,), counted = SGC(2).source(task).take(ROWS, torch.float64)
    everything = propagate(normalise(task.adj), task.x, 2)
    assert counted is None
    assert np.allclose(found, everything[task.index["train"]][ROWS], atol=1e-12)


def test_rows_too_large_to_be_kept_dense_are_densified_by_batch(monkeypatch):
    z = sp.random_array((30, 7), density=0.3, format="csr", rng=np.random.default_rng(0))
    (kept,), _ = sources.Rows(lambda: z).take(ROWS, torch.float32)
    monkeypatch.setattr(sources, "DENSE_BYTES", 10)
    (by_batch,), _ = sources.Rows(lambda: z).take(ROWS, torch.float32)
    assert torch.equal(kept, by_batch)
    assert np.allclose(kept, z.toarray()[ROWS], atol=1e-6)


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_the_whole_graph_comes_in_the_form_of_pyg(setting):
    task = replace(float64_task(), setting=setting)
    (x, edge_index, edge_weight), counted = Module(None).source(task).take(ROWS, torch.float64)
    train = torch.tensor(task.index["train"])
    adj = torch.zeros(len(x), len(x), dtype=torch.float64)
    adj[edge_index[1], edge_index[0]] = edge_weight
    expected = torch.tensor(task.adj.toarray())
    if setting == "inductive":
        expected = expected[train][:, train]
        assert torch.equal(counted, ROWS)
    else:
        assert torch.equal(counted, train[ROWS])
    assert torch.equal(adj, expected)
    assert torch.allclose(x[counted], torch.tensor(task.x)[train[ROWS]], atol=1e-6)


def test_directed_edges_keep_their_direction():
    task = float64_task()
    keep = sp.triu(task.adj, format="csr")
    task = replace(task, adj=keep)
    (x, edge_index, edge_weight), _ = Module(None).source(task).take(ROWS, torch.float64)
    signal = normal(len(x))
    gathered = torch.zeros(len(x), dtype=torch.float64)
    gathered.index_add_(0, edge_index[1], edge_weight * signal[edge_index[0]])
    assert np.allclose(gathered, keep @ signal.numpy(), atol=1e-12)
