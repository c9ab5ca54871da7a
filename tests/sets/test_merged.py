"""Equal nodes as one row: the same values and derivatives, and nothing merged that differs."""

import pytest
import torch

from gcond.graph.sets import material, merged
from gcond.graph.sets.material import Batches, Material
from gcond.graph.sets.merged import Merged, merge, pieces
from gcond.graph.sets.models import PooledGCN, PooledGradient
from gcond.graph.sets.network import BlockDiagonal, logits_of
from gcond.graph.sets.packed import Blocks, Packed, packed
from gcond.graph.sets.training import SetTraining, train
from gcond.matching import Batch, ByClass

LAYERS = 3


def rings(count=8, weights=None):
    """Rings with a tail, of few kinds of nodes: most of them look alike."""
    rows, edges = [], []
    for number in range(count):
        size, tail = 5 + number % 2, number % 3
        ring = [(i, (i + 1) % size) for i in range(size)]
        chain = [(size + i - 1 if i else 0, size + i) for i in range(tail)]
        kinds = torch.zeros(size + tail, dtype=torch.long)
        kinds[size:] = 1
        rows.append(torch.nn.functional.one_hot(kinds, 3).double())
        edges.append(torch.tensor(ring + chain).T)
    graphs = packed(rows, edges)
    weight = graphs.edge_weight.double() if weights is None else weights(graphs.edge_index)
    return Packed(graphs.x, graphs.ptr, graphs.edge_index, weight)


def measured(graphs, y, pooling="mean"):
    model = PooledGCN(LAYERS, hidden_channels=7, pooling=pooling).of(3, 2, graphs.x, "softmax")
    theta = model.draw(torch.Generator().manual_seed(0))
    groups = ByClass().partition(y, torch.bincount(y), torch.float64)
    signal = PooledGradient(model)
    return signal, signal.measure(theta, Batch(Blocks.of(graphs, graphs.x, pooling), y, groups))


@pytest.mark.parametrize("pooling", ["mean", "sum"])
def test_merged_nodes_give_the_gradients_of_all_nodes(monkeypatch, pooling):
    graphs, y = rings(), torch.tensor([0] * 4 + [1] * 4)
    signal, found = measured(graphs, y, pooling)
    kinds = {type(piece.graphs) for _, group in signal._seen for own in group for piece in own}
    assert kinds == {Merged}
    monkeypatch.setattr(merged, "SHARE", 0.0)
    signal, plain = measured(graphs, y, pooling)
    kinds = {type(piece.graphs) for _, group in signal._seen for own in group for piece in own}
    assert kinds == {BlockDiagonal}
    for a, b in zip(found, plain, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-13)


def test_a_ring_is_one_row_and_its_tail_splits_it_layer_by_layer():
    ring = torch.tensor([(i, (i + 1) % 9) for i in range(9)]).T
    alike = packed([torch.ones(9, 1)], [ring])
    x, graphs = merge(Blocks.of(alike, alike.x, "mean"), LAYERS)
    assert x.shape[1] == 1
    assert [c.shape for c in graphs.carries] == [(1, 1), (1, 1)]
    tail = torch.cat([ring, torch.tensor([[0], [9]])], 1)
    tailed = packed([torch.ones(10, 1)], [tail])
    # In a ring of nine with a tail one step sees the degrees, and each further one a step more.
    blocks = Blocks.of(tailed, tailed.x, "mean")
    x, graphs = merge(blocks, 2)
    assert x.shape[1] == 4  # tail, where it hangs, next to that, elsewhere
    assert graphs.carries[0].shape == (5, 4)


def test_weights_of_edges_tell_nodes_apart():
    def weights(edge_index):
        low = edge_index.min(0).values
        return torch.where(low % 5 == 0, 0.2, 1.0).double()

    graphs, y = rings(weights=weights), torch.tensor([0] * 4 + [1] * 4)
    _, found = measured(graphs, y)
    _, other = measured(rings(), y)
    assert not torch.allclose(found[0], other[0], atol=1e-6, rtol=1e-3)
    model = PooledGCN(LAYERS, 7).of(3, 2, graphs.x, "softmax")
    theta = model.draw(torch.Generator().manual_seed(0))
    blocks = Blocks.of(graphs, graphs.x, "mean")
    (piece,) = pieces(blocks, LAYERS)
    stacked = tuple(t[None] if t.dim() == 2 else t[None, None] for t in theta)
    wanted = model(theta, *blocks)
    assert torch.allclose(logits_of(stacked, piece.graphs, piece.x)[0], wanted, atol=1e-13)


def test_graphs_whose_nodes_all_differ_stay_as_they_are(monkeypatch):
    graphs = rings()
    rows = torch.randn(graphs.x.shape, generator=torch.Generator().manual_seed(0)).double()
    blocks = Blocks.of(graphs, rows, "mean")
    assert merge(blocks, LAYERS) is None
    monkeypatch.setattr(merged, "NODES", 10)
    found = pieces(blocks, LAYERS)
    assert len(found) > 2
    covered = torch.cat([torch.arange(len(graphs))[piece.where] for piece in found])
    assert covered.tolist() == list(range(len(graphs)))


def test_numbers_that_meet_by_chance_merge_nothing(monkeypatch):
    graphs = rings()
    blocks = Blocks.of(graphs, graphs.x, "mean")
    assert merge(blocks, LAYERS) is not None
    monkeypatch.setattr(merged, "_scrambled", torch.zeros_like)
    assert merge(blocks, LAYERS) is None
    # The first rows are told apart here, so that only edges meet by chance.
    monkeypatch.setattr(
        merged, "_hashed", lambda x: (x * torch.arange(1, 4)).sum(1).mul(1e6).long()
    )
    assert merge(blocks, LAYERS) is None


@pytest.mark.parametrize("several", [False, True])
def test_training_on_merged_nodes_is_training_on_all_nodes(monkeypatch, several):
    graphs = rings()
    rows = Packed(graphs.x.float(), graphs.ptr, graphs.edge_index, graphs.edge_weight.float())
    y = torch.tensor([0] * 4 + [1] * 4)
    if several:
        y = torch.tensor([[0.0, 1.0], [1.0, torch.nan]]).repeat(4, 1)
    given = Material(rows, lambda x: x, y, 2)
    training = SetTraining(hidden_channels=7, epochs=5)
    monkeypatch.setattr(material, "DENSE", 0)  # or a set of this size would be padded
    (part,) = Batches(given, training, 0).fixed
    assert isinstance(part[1], Merged)
    found, _, _ = train(given, [0, 1], training)
    monkeypatch.setattr(merged, "SHARE", 0.0)
    monkeypatch.setattr(merged, "NODES", 20)
    assert len(Batches(given, training, 0).fixed) > 1
    plain, _, _ = train(given, [0, 1], training)
    monkeypatch.setattr(material, "DENSE", 2**18)
    padded, _, _ = train(given, [0, 1], training)
    for a, b, c in zip(found, plain, padded, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
        assert torch.allclose(a, c, atol=1e-5)
