from dataclasses import replace

import numpy as np
import pytest
import torch
from in_float64 import float64_task
from stored import stored
from torch_geometric.nn import GAT, GraphSAGE
from torch_geometric.utils import k_hop_subgraph

import gcond
from gcond.datasets import as_task
from gcond.graph.initialise import Selected
from gcond.graph.models import GCN, Convolutions, Module
from gcond.graph.neighbours import FromDisk, InMemory, hop
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.matching import Schedule
from gcond.testing import example_graph

ROWS = torch.tensor([4, 0, 4, 17])
LIGHT = Validator(Training(hidden_channels=16, epochs=20, validate_every=10), models=2)


def drawn(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_fanouts_that_take_everything_give_the_exact_receptive_field(layers, setting):
    task = replace(float64_task(), setting=setting)
    model = Convolutions((16, *[5] * (layers - 1), 3), torch.zeros((), dtype=torch.float64))
    theta = model.draw(drawn())
    exact, _ = GCN(layers, 5).source(task).take(ROWS, torch.float64)
    sampled, counted = (
        GCN(layers, 5, fanouts=(100,) * layers).source(task).take(ROWS, torch.float64, drawn())
    )
    torch.testing.assert_close(
        model(theta, *sampled)[counted], model(theta, *exact), rtol=1e-12, atol=1e-12
    )
    torch.testing.assert_close(
        model.embed(theta, *sampled)[counted], model.embed(theta, *exact), rtol=1e-12, atol=1e-12
    )


def test_the_sum_over_sampled_neighbours_is_unbiased():
    task = float64_task()
    source = GCN(1, fanouts=(3,)).source(task)
    found = [source.take(ROWS, torch.float64, drawn(seed)) for seed in range(1500)]
    mean = torch.stack([inputs[0][counted] for inputs, counted in found]).mean(0)
    exact = GCN(1).source(task).take(ROWS, torch.float64)[0][0]
    assert not torch.allclose(found[0][0][0][found[0][1]], exact, atol=0.1)
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.07)


def test_sampled_subgraphs_are_within_the_hops_of_their_rows():
    task = as_task(example_graph())
    nodes = task.index["train"][ROWS.numpy()]
    source = Module(None, fanouts=(4, 3)).source(task)
    (x, edge_index, weight), counted = source.take(ROWS, torch.float32, drawn())
    assert torch.equal(x[counted], torch.as_tensor(task.x[nodes]))
    assert len(edge_index[0]) <= 3 * 4 + 3 * 4 * 3
    assert (weight == 1).all()
    assert len(torch.unique(edge_index, dim=1).T) == len(edge_index.T)
    reach, _, _, _ = k_hop_subgraph(
        torch.as_tensor(nodes), 2, example_graph().edge_index, num_nodes=240
    )
    inside = {tuple(row) for row in task.x[reach.numpy()].tolist()}
    assert {tuple(row) for row in x.tolist()} <= inside


@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_a_graph_on_disk_has_the_neighbours_of_one_in_memory(tmp_path, setting):
    store = stored(tmp_path / "graph", example_graph())
    disk = as_task(store, setting=setting, normalize="standard")
    memory = as_task(example_graph(), setting=setting, normalize="standard")
    options = {"dtype": torch.float32, "generator": drawn()}
    on_disk, at = GCN(fanouts=(500, 500)).source(disk).take(ROWS, **options)
    in_memory, there = GCN(fanouts=(500, 500)).source(memory).take(ROWS, **options)
    model = Convolutions((16, 5, 3), torch.zeros(()))
    theta = model.draw(drawn())
    torch.testing.assert_close(
        model(theta, *on_disk)[at], model(theta, *in_memory)[there], rtol=1e-4, atol=1e-5
    )


def test_nodes_without_edges_have_themselves_alone():
    from scipy.sparse import csr_array

    graph = InMemory(csr_array((3, 3)), np.eye(3))
    found = hop(graph, np.array([2, 0]), 5, drawn())
    assert found.reach.tolist() == [2, 0]
    assert not len(found.rows)
    assert graph.loops(np.array([1])).tolist() == [1]


@pytest.mark.parametrize("kind", ["gcn", "sage", "gat"])
@pytest.mark.parametrize("on_disk", [False, True])
def test_sampled_matchers_condense(tmp_path, kind, on_disk):
    model = {
        "gcn": GCN(hidden_channels=8, fanouts=(5, 3)),
        "sage": Module(lambda i, o: GraphSAGE(i, 8, 2, o), fanouts=(5, 3)),
        "gat": Module(lambda i, o: GAT(i, 8, 2, o), fanouts=(5, 3)),
    }[kind]
    method = replace(
        gcond.get_method("doscond-x"),
        model=model,
        schedule=Schedule(2),
        init=Selected(),
        validator=LIGHT,
        batch_size=6,
    )
    data = stored(tmp_path / "graph", example_graph()) if on_disk else example_graph()
    first, again = (gcond.condense(data, num_nodes=6, method=method) for _ in range(2))
    assert first.history.steps == 2
    assert torch.equal(first.x, again.x)


@pytest.mark.parametrize("fanouts", [(5,), (5, 0), (1, 2, 3)])
def test_fanouts_are_one_for_each_layer(fanouts):
    with pytest.raises(ValueError, match="2 positive numbers"):
        GCN(fanouts=fanouts)


def test_edges_of_other_splits_weigh_nothing_on_disk(tmp_path):
    store = stored(tmp_path / "graph", example_graph())
    task = as_task(store, setting="inductive")
    graph = FromDisk(task.disk)
    found = hop(graph, task.index["train"], 500, drawn())
    assert (np.asarray(store.split)[found.reach] == 0).all()
