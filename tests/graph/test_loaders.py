from dataclasses import replace

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GraphSAGE
from torch_geometric.utils import k_hop_subgraph

import gcond
from gcond.datasets import as_task
from gcond.graph.initialise import Selected
from gcond.graph.loaders import Loaded
from gcond.graph.models import Module
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.matching import ByClass, Schedule
from gcond.testing import example_graph

LIGHT = Validator(Training(hidden_channels=16, epochs=20, validate_every=10), models=2)
COUNTS = torch.tensor([2, 2, 2])


class Neighbourhoods:
    """Batches as a neighbour loader yields them: seeds first, then what they see."""

    def __init__(self, data, size):
        self.data, self.size = data, size

    def __iter__(self):
        data = self.data
        for seeds in data.train_mask.nonzero().flatten().split(self.size):
            nodes, _, _, _ = k_hop_subgraph(seeds, 2, data.edge_index, num_nodes=data.num_nodes)
            rest = nodes[~torch.isin(nodes, seeds)]
            nodes = torch.cat([seeds, rest])
            yield Data(
                x=data.x[nodes],
                y=data.y[nodes],
                edge_index=_induced(nodes, data),
                batch_size=len(seeds),
            )


def _induced(nodes, data):
    place = torch.full((data.num_nodes,), -1)
    place[nodes] = torch.arange(len(nodes))
    index = place[data.edge_index]
    return index[:, (index >= 0).all(0)]


def loaded(loader, data):
    return Loaded(lambda: loader, as_task(data).preprocess, COUNTS, ByClass(), None)


def test_batches_are_put_together_until_every_class_is_there():
    data = example_graph()
    batch = loaded(Neighbourhoods(data, 1), data).real(None)
    y = batch.y.argmax(1)
    assert set(y.tolist()) == {0, 1, 2}
    assert (y.diff() >= 0).all()
    assert len(batch.rows) == len(y)
    x, edge_index, weight = batch.inputs
    assert edge_index.max() < len(x)
    assert (weight == 1).all()


def test_the_loss_of_exact_neighbourhoods_is_that_of_the_whole_graph():
    data = example_graph()
    task, net = as_task(data), GraphSAGE(16, 4, 2, 3).eval()
    found = loaded(Neighbourhoods(data, 60), data).real(None)
    logits = net(found.inputs[0], found.inputs[1])[found.rows]
    whole = net(torch.as_tensor(task.x), data.edge_index)
    nodes = task.index["train"][:60]
    order = torch.argsort(data.y[nodes], stable=True)
    torch.testing.assert_close(logits, whole[nodes][order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("marks", ["mask", "all"])
def test_plain_batches_count_their_training_nodes(marks):
    data = example_graph()
    given = Data(x=data.x, y=data.y, edge_index=data.edge_index)
    if marks == "mask":
        given.train_mask = data.train_mask
    batch = loaded([given], data).real(None)
    assert len(batch.y) == (int(data.train_mask.sum()) if marks == "mask" else 240)


def test_a_loader_condenses():
    data = example_graph()
    model = Module(lambda i, o: GraphSAGE(i, 8, 2, o), loader=lambda: Neighbourhoods(data, 20))
    method = replace(
        gcond.get_method("doscond-x"),
        model=model,
        schedule=Schedule(3),
        init=Selected(),
        validator=LIGHT,
    )
    assert gcond.condense(data, num_nodes=6, method=method).history.steps == 3


def test_a_class_that_never_comes_is_named():
    data = example_graph()
    only = Data(x=data.x, y=data.y * 0, edge_index=data.edge_index)
    with pytest.raises(ValueError, match=r"no labelled node of the classes \[1, 2\]"):
        loaded([only], data).real(None)
    with pytest.raises(ValueError, match=r"classes \[0, 1, 2\]"):
        loaded([], data).real(None)
