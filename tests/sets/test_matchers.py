"""Further matching models of graph sets."""

from dataclasses import replace

import pytest
import torch
from torch_geometric.nn import GCNConv, GINConv, global_mean_pool

import gcond
from gcond.graph.sets.matchers import PooledSGC, SetModule
from gcond.graph.sets.models import PooledGCN
from gcond.graph.sets.structure import Unlearned
from gcond.matching import CosinePerUnit, Fixed, FunctionalGradient, Last, Schedule, Step
from gcond.testing import example_graphs


class Weighted(torch.nn.Module):
    """The pooling network in PyG's words."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = GCNConv(inputs, 8)
        self.head = torch.nn.Linear(8, outputs)

    def forward(self, x, edge_index, edge_weight, batch):
        return self.head(global_mean_pool(self.conv(x, edge_index, edge_weight).relu(), batch))


class Unweighted(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = GINConv(torch.nn.Linear(inputs, 8))
        self.head = torch.nn.Linear(8, outputs)

    def forward(self, x, edge_index, batch):
        return self.head(global_mean_pool(self.conv(x, edge_index).relu(), batch))


MATCHERS = [PooledSGC(), SetModule(Weighted), SetModule(Unweighted, weighted=False)]


@pytest.mark.parametrize("matcher", MATCHERS, ids=["sgc", "module", "unweighted"])
def test_every_matcher_learns(matcher):
    method = replace(
        gcond.get_method("doscond", "graphs"),
        model=matcher,
        stream=Fixed(),
        features=Step(0.01, relative=True),
        adjacency=Unlearned(),
        schedule=Schedule(8),
        selection=Last(),
        distance=CosinePerUnit(),
        batch_size=20,
    )
    graphs = example_graphs()
    small = gcond.condense(graphs, per_class=1, method=method)
    assert small.history.losses[-1] < small.history.losses[0]


def test_both_sides_of_a_module_are_those_of_the_pooling_network():
    task = gcond.datasets.as_set_task(example_graphs())
    numbers = task.numbers("train")[:5]
    graphs = task.graphs.take(numbers)
    x, adj, mask = graphs.dense(task.encoding(graphs.x))
    d = task.num_features
    pooled, module = PooledGCN(1, 8), SetModule(Weighted)
    mine, theirs = pooled.of(d, 3, x, "softmax"), module.of(d, 3, x, "softmax")
    theta = mine.draw(torch.Generator().manual_seed(0))
    found = mine(theta, *pooled.view(x, adj, mask))
    assert torch.allclose(found, mine(theta, *pooled.real(task, numbers)), atol=1e-5)
    by_name = dict(theirs.module.module.named_parameters())
    order = {"conv.lin.weight": theta[0].T, "conv.bias": theta[1]}
    order |= {"head.weight": theta[2].T, "head.bias": theta[3]}
    same = tuple(order[name] for name in by_name)
    assert torch.allclose(found, theirs(same, *module.view(x, adj, mask)), atol=1e-5)
    assert torch.allclose(found, theirs(same, *module.real(task, numbers)), atol=1e-5)
    assert isinstance(FunctionalGradient(theirs), FunctionalGradient)


def test_pooled_rows_are_the_same_on_both_sides():
    task = gcond.datasets.as_set_task(example_graphs())
    numbers = task.numbers("train")[:5]
    graphs = task.graphs.take(numbers)
    view = PooledSGC(3).view(*graphs.dense(task.encoding(graphs.x)))
    assert torch.allclose(view[0], PooledSGC(3).real(task, numbers)[0], atol=1e-5)


def test_several_labels_are_refused_by_matchers_that_cannot():
    with pytest.raises(ValueError, match="one label per graph"):
        PooledSGC().of(3, 2, torch.empty(0), "sigmoid")
