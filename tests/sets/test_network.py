"""The pooling network: its closed form against autograd, sparse against padded."""

from dataclasses import replace

import pytest
import torch

from gcond.graph.sets import shelves
from gcond.graph.sets.encoding import fit
from gcond.graph.sets.models import PooledConvolutions, PooledGCN, PooledGradient
from gcond.graph.sets.network import BlockDiagonal, Padded, logits_of
from gcond.graph.sets.packed import Blocks, Packed, operator, packed
from gcond.matching import Batch, ByClass, FunctionalGradient, Gradients, Together


def some_graphs(count=6, seed=0, columns=5):
    generator = torch.Generator().manual_seed(seed)
    rows, edges = [], []
    for number in range(count):
        n = 3 + number % 4
        rows.append(torch.randn(n, columns, generator=generator).double())
        edges.append(torch.randint(n, (2, 2 * n), generator=generator))
    graphs = packed(rows, edges)
    return Packed(graphs.x, graphs.ptr, graphs.edge_index, graphs.edge_weight.double())


Y = torch.tensor([0, 0, 0, 1, 1, 1])


def both(grouping=None, pooling="mean"):
    """The same graphs padded and sparse, as batches."""
    graphs = some_graphs()
    groups = (grouping or ByClass()).partition(Y, torch.tensor([3, 3]), torch.float64)
    matcher = PooledGCN(num_layers=3, hidden_channels=7, pooling=pooling)
    x, adj, mask = graphs.dense()
    padded = Batch(matcher.view(x, adj.double(), mask), Y, groups)
    return matcher, padded, Batch(Blocks.of(graphs, graphs.x, pooling), Y, groups)


@pytest.mark.parametrize("pooling", ["mean", "sum"])
@pytest.mark.parametrize("grouping", [ByClass(), Together()])
def test_the_closed_form_equals_autograd_padded_and_sparse(grouping, pooling):
    matcher, padded, sparse = both(grouping, pooling)
    model = matcher.of(5, 2, padded.inputs[0], "softmax")
    theta = model.draw(torch.Generator().manual_seed(0))
    plain = FunctionalGradient(model)
    closed = Gradients().of(model)
    assert isinstance(closed, PooledGradient)
    wanted, back = plain.trace(theta, padded)
    found, pullback = closed.trace(theta, padded)
    for a, b, c in zip(wanted, found, closed.measure(theta, sparse), strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-12)
        assert torch.allclose(a, c, rtol=0, atol=1e-12)
    cotangent = tuple(torch.randn(g.shape, dtype=g.dtype) for g in wanted)
    (x, a_hat), (x_too, a_too) = back(cotangent)[:2], pullback(cotangent)[:2]
    assert torch.allclose(x, x_too, rtol=0, atol=1e-12)
    # The closed form uses that the matrix is symmetric: what moves it symmetrically agrees.
    assert torch.allclose(a_hat + a_hat.mT, a_too + a_too.mT, rtol=0, atol=1e-12)


@pytest.mark.parametrize("counts", [[6, 6], [8, 4]])
def test_shelves_of_one_size_each_change_nothing(monkeypatch, counts):
    graphs = some_graphs(count=12)
    y = torch.repeat_interleave(torch.arange(2), torch.tensor(counts))
    groups = ByClass().partition(y, torch.tensor(counts), torch.float64)
    matcher = PooledGCN(hidden_channels=7)
    x, adj, mask = graphs.dense()
    batch = Batch(matcher.view(x, adj.double(), mask), y, groups)
    model = matcher.of(5, 2, x, "softmax")
    theta, closed = model.draw(torch.Generator().manual_seed(0)), PooledGradient(model)
    wanted, back = closed.trace(theta, batch)
    assert not shelves.shelves(batch.inputs[2], groups)

    monkeypatch.setattr(shelves, "LARGE", 0)
    of = shelves.shelves(batch.inputs[2], groups)
    assert [shelf.size for shelf in of] == [6, 4, 3]
    found, pullback = closed.trace(theta, batch)
    cotangent = tuple(torch.randn(g.shape, dtype=g.dtype) for g in wanted)
    exists = mask[:, :, None] & mask[:, None]  # nothing learns an edge into padding
    (rows, edges, _), (rows_too, edges_too, _) = back(cotangent), pullback(cotangent)
    pairs = [*zip(wanted, found, strict=True), (rows, rows_too)]
    for a, b in [*pairs, (edges[exists], edges_too[exists])]:
        assert torch.allclose(a, b, rtol=0, atol=1e-12)


def test_the_way_to_edges_that_do_not_learn_is_left_out():
    matcher, padded, _ = both()
    model = matcher.of(5, 2, padded.inputs[0], "softmax")
    theta, closed = model.draw(torch.Generator().manual_seed(0)), PooledGradient(model)
    signature, back = closed.trace(theta, padded)
    rows, edges, _ = back(signature)
    x, *others = padded.inputs
    learning = replace(padded, inputs=(x.clone().requires_grad_(), *others))
    rows_too, none, _ = closed.trace(theta, learning)[1](signature)
    assert torch.allclose(rows_too, rows, rtol=0, atol=1e-12)
    assert edges.any()
    assert not none.any()


def test_the_way_back_passes_gradcheck():
    matcher, padded, _ = both()
    model = matcher.of(5, 2, padded.inputs[0], "softmax")
    theta = model.draw(torch.Generator().manual_seed(1))
    closed = PooledGradient(model)

    def signature(x, a_hat):
        return closed._padded(theta, (x, a_hat, padded.inputs[2]), padded)

    leaves = [t.clone().requires_grad_() for t in padded.inputs[:2]]
    assert torch.autograd.gradcheck(signature, leaves)


def test_several_labels_ignore_what_is_not_known():
    matcher, padded, _ = both(Together(balanced=False))
    model = matcher.of(5, 3, padded.inputs[0], "sigmoid")
    theta = tuple(t.requires_grad_() for t in model.draw(torch.Generator().manual_seed(0)))
    y = torch.randint(2, (6, 3), generator=torch.Generator().manual_seed(2)).double()
    y[0, 1] = y[3, 2] = torch.nan
    found = PooledGradient(model).measure(theta, Batch(padded.inputs, y, padded.groups))
    logits, known = model(theta, *padded.inputs), ~y.isnan()
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[known], y[known], reduction="sum"
    )
    wanted = torch.autograd.grad(loss / y.numel(), theta)
    for a, b in zip(wanted, found, strict=True):
        assert torch.allclose(a, b[0], atol=1e-12)


def test_the_operator_is_pygs():
    from torch_geometric.nn.conv.gcn_conv import gcn_norm

    graphs = some_graphs()
    edge_index, weight = gcn_norm(graphs.edge_index, None, len(graphs.x))
    wanted = torch.zeros(len(graphs.x), len(graphs.x))
    wanted[edge_index[1], edge_index[0]] = weight
    assert torch.allclose(operator(graphs).to_dense().float(), wanted, atol=1e-6)


def test_pieces_and_stacked_models_change_nothing():
    graphs = some_graphs()
    blocks = Blocks.of(graphs, graphs.x, "mean")
    model = PooledConvolutions((5, 7, 7, 2), graphs.x)
    thetas = [model.draw(torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    whole = [model(theta, *blocks) for theta in thetas]
    pieces = blocks.pieces(6)
    assert len(pieces) > 2
    cut = torch.cat([model(thetas[0], *part) for _, part in pieces])
    assert torch.allclose(cut, whole[0], atol=1e-12)
    stacked = tuple(
        torch.stack([t if t.dim() == 2 else t[None] for t in pair])
        for pair in zip(*thetas, strict=True)
    )
    x, adj, mask = graphs.dense()
    inputs = PooledGCN().view(x, adj.double(), mask)
    padded = Padded(inputs[1][None], inputs[2][None].double())
    together = logits_of(stacked, padded, inputs[0].flatten(0, 1)[None])
    sparse = logits_of(stacked, BlockDiagonal(blocks.a_hat, blocks.pool), blocks.x[None])
    for number, logits in enumerate(whole):
        assert torch.allclose(together[number], logits, atol=1e-6)
        assert torch.allclose(sparse[number], logits, atol=1e-12)


def test_batches_are_index_arithmetic():
    graphs = some_graphs()
    taken = graphs.take(torch.tensor([4, 1, 4]))
    assert taken.sizes.tolist() == graphs.sizes[[4, 1, 4]].tolist()
    for position, number in enumerate((4, 1, 4)):
        for a, b in zip(taken.graph(position), graphs.graph(number), strict=True):
            assert torch.equal(a, b)


def test_encodings_give_back_what_they_were_given():
    codes = torch.tensor([[6, 0, 1], [8, 0, 2], [6, 0, 5], [7, 0, 1]])
    encoding = fit("auto", codes, torch.arange(4))
    assert encoding.kind == "one-hot"
    assert encoding.width == 6  # the constant column has none
    assert torch.equal(encoding.decode(encoding(codes)), codes)
    assert encoding(torch.tensor([[9, 0, 1]])).sum() == 1  # a value not seen before
    indicator = torch.eye(4)[[0, 2, 2]]
    encoding = fit("auto", indicator, torch.arange(3))
    assert encoding.width == 2
    assert torch.equal(encoding.decode(encoding(indicator)), indicator)
    numbers = torch.randn(9, 2)
    encoding = fit("auto", numbers, torch.arange(9))
    assert encoding.kind == "standard"
    assert torch.allclose(encoding.decode(encoding(numbers)), numbers, atol=1e-6)
    assert fit("none", codes, torch.arange(4))(codes).tolist() == codes.float().tolist()
    with pytest.raises(ValueError, match="one-hot"):
        fit("one-hot", numbers, torch.arange(9))
    with pytest.raises(ValueError, match="unknown normalisation 'row'"):
        fit("row", numbers, torch.arange(9))
