from dataclasses import replace

import pytest
import torch
import torch_geometric.nn
from in_float64 import float64_task, normal
from torch.nn.functional import cross_entropy

from gcond.datasets import as_task
from gcond.graph import dropout, receptive
from gcond.graph.receptive import Receptive
from gcond.graph.training import Training, gradients, initial, logits, score, train

SEEDS = (3, 0, 7)
SHORT = Training(hidden_channels=8, epochs=20, lr=0.02, validate_every=5)


def in_float64(task, split):
    """The real graph seen from a split, dense and in float64."""
    a_hat, x, rows = task.graph(split)
    whole = torch.tensor(a_hat.toarray())
    return Receptive(whole @ torch.tensor(x), whole[torch.tensor(rows)], task.labels(split))


def in_pyg(task):
    coo = task.adj.tocoo()
    edge_index = torch.stack([torch.tensor(coo.col), torch.tensor(coo.row)]).long()
    return torch.tensor(task.x), edge_index, torch.tensor(coo.data)


def gcn_of_pyg(seed, hidden=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return torch_geometric.nn.GCN(16, hidden, 2, 3)


def stacked(modules, what):
    """Parameters or gradients of PyG modules in the layout of the batched training."""
    tensors = [{n: what(p) for n, p in module.named_parameters()} for module in modules]
    return (
        torch.stack([t["convs.0.lin.weight"].T for t in tensors], 1),
        torch.stack([t["convs.0.bias"] for t in tensors]),
        torch.stack([t["convs.1.lin.weight"].T for t in tensors]),
        torch.stack([t["convs.1.bias"] for t in tensors]),
    )


def assert_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a, b, atol=tolerance, rtol=0), (a - b).abs().max()


def test_initial_parameters_are_those_of_pyg_and_leave_its_generator_alone():
    before = torch.get_rng_state()
    found = initial(16, 3, 8, SEEDS)
    assert torch.equal(torch.get_rng_state(), before)
    expected = stacked([gcn_of_pyg(seed) for seed in SEEDS], lambda p: p.detach())
    assert_close(found, expected, 0)


def test_logits_and_gradients_equal_those_of_pyg():
    task = float64_task()
    modules = [gcn_of_pyg(seed).double() for seed in SEEDS]
    view, y = in_float64(task, "train"), task.labels("train")
    weights = tuple(w.double().requires_grad_() for w in initial(16, 3, 8, SEEDS))
    found = logits(view, weights)

    x, edge_index, edge_weight = in_pyg(task)
    rows = torch.tensor(task.index["train"])
    out = [module(x, edge_index, edge_weight=edge_weight)[rows] for module in modules]
    assert_close([found], [torch.stack(out)], 1e-10)

    sum(cross_entropy(o, y) for o in found).backward()
    sum(cross_entropy(o, y) for o in out).backward()
    expected = stacked(modules, lambda p: p.grad)
    assert_close([w.grad for w in weights], expected, 1e-10)
    one_hot = torch.nn.functional.one_hot(y, 3).double()
    assert_close(gradients(view, tuple(w.detach() for w in weights), one_hot), expected, 1e-10)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_csr], ids=str)
def test_gradients_with_dropout_and_soft_labels_equal_those_of_autograd(layout):
    view = in_float64(float64_task(), "train")
    y = normal(len(view.y), 3, seed=2).softmax(-1)
    mask = 2 * (normal(len(view.inner), 3, 8, seed=3) > 0).double()
    weights = tuple(w.double().requires_grad_() for w in initial(16, 3, 8, SEEDS))
    loss = -(y * logits(view, weights, mask).log_softmax(-1)).sum(-1).mean(1)
    expected = torch.autograd.grad(loss.sum(), weights)
    if layout == torch.sparse_csr:
        view = Receptive(view.inner.to_sparse_csr(), view.outer.to_sparse_csr(), view.y)
    found = gradients(view, tuple(w.detach() for w in weights), y, mask)
    assert_close(found, expected, 1e-10)


def test_the_views_of_a_split_give_pyg_logits_from_sparse_and_dense_matrices(monkeypatch, example):
    task = as_task(example)
    x, edge_index, edge_weight = in_pyg(task)
    rows = torch.tensor(task.index["val"])
    expected = gcn_of_pyg(0)(x, edge_index, edge_weight=edge_weight)[rows]
    for below, layout in ((0.0, torch.strided), (2.0, torch.sparse_csr)):
        monkeypatch.setattr(receptive, "SPARSE_BELOW", below)
        view = receptive.of_split(task, "val")
        assert view.outer.layout == layout
        assert_close(logits(view, initial(16, 3, 8, [0])), expected[None], 1e-5)


def test_a_dropout_mask_is_applied_to_hidden_units():
    view = in_float64(float64_task(), "train")
    weights = tuple(w.double() for w in initial(16, 3, 8, [0]))
    mask = torch.zeros(len(view.inner), 1, 8, dtype=torch.float64)
    assert_close(logits(view, weights, mask), weights[3].expand(1, len(view.y), 3), 1e-12)
    assert_close(logits(view, weights, mask + 1), logits(view, weights), 1e-12)


@pytest.mark.parametrize("p", [0.0, 0.5])
@pytest.mark.parametrize("validated", [True, False])
def test_training_many_seeds_equals_training_each_alone(p, validated):
    task = float64_task()
    view = in_float64(task, "train")
    val = in_float64(task, "val") if validated else None
    training = replace(SHORT, dropout=p)
    weights, accuracy, loss = train(view, 3, SEEDS, training, val)
    assert weights[0].dtype == torch.float64
    for i, seed in enumerate(SEEDS):
        alone, its_accuracy, its_loss = train(view, 3, [seed], training, val)
        together = (weights[0][:, i : i + 1], *(w[i : i + 1] for w in weights[1:]))
        assert_close(together, alone, 1e-10)
        assert_close([accuracy[i], loss[i]], [its_accuracy[0], its_loss[0]], 1e-10)


@pytest.mark.parametrize("keep", [True, False])
def test_masks_are_the_same_again_after_a_rewind_and_only_kept_ones_are_not_drawn_anew(
    keep, monkeypatch
):
    monkeypatch.setattr(dropout, "AT_ONCE", 2 * len(SEEDS) * 6 * 8)  # two epochs at a time
    masks, like = dropout.Masks(SEEDS, [0.25] * len(SEEDS), 6, 8, keep), torch.zeros(1)
    masks.rewind()
    first = [masks.draw(like).clone() for _ in range(3)]
    masks.rewind()
    drawn = len(masks.ahead)
    again = [masks.draw(like).clone() for _ in range(5)]
    assert drawn == (4 if keep else 0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=False))
    assert not torch.equal(again[3], again[4])
    assert torch.cat(again).unique().tolist() == pytest.approx([0, 4 / 3])


def test_training_with_kept_masks_equals_training_without():
    view, training = in_float64(float64_task(), "train"), replace(SHORT, dropout=0.5)
    expected = train(view, 3, SEEDS, training)[0]
    rows, hidden = len(view.inner), training.hidden_channels
    masks = dropout.Masks(SEEDS, [0.5] * len(SEEDS), rows, hidden, keep=True)
    for _ in range(2):
        assert_close(train(view, 3, SEEDS, training, masks=masks)[0], expected, 1e-12)


def trained_by_pyg(task):
    """Weights after 5, 10, 15 and 20 epochs of a plain loop for each seed, without dropout."""
    x, edge_index, edge_weight = in_pyg(task)
    rows, y = torch.tensor(task.index["train"]), task.labels("train")
    modules = [gcn_of_pyg(seed).double() for seed in SEEDS]
    optimizers, kept = [], []
    for epoch in range(20):
        if epoch in (0, 10):
            lr = 0.02 if epoch == 0 else 0.002
            optimizers = [torch.optim.Adam(m.parameters(), lr, weight_decay=5e-4) for m in modules]
        for module, optimizer in zip(modules, optimizers, strict=True):
            optimizer.zero_grad()
            out = module(x, edge_index, edge_weight=edge_weight)
            cross_entropy(out[rows], y).backward()
            optimizer.step()
        if epoch % 5 == 4:
            kept.append(stacked(modules, lambda p: p.detach().clone()))
    return kept


def test_20_steps_equal_20_steps_of_pyg():
    task = float64_task()
    found, _, _ = train(in_float64(task, "train"), 3, SEEDS, replace(SHORT, dropout=0.0))
    expected = trained_by_pyg(task)
    assert_close(found, expected[-1], 1e-6)
    assert float((expected[-1][0] - expected[0][0]).abs().max()) > 0.05


def test_each_model_keeps_its_best_validated_epoch_and_the_earliest_of_equals():
    task = float64_task()
    view, val = in_float64(task, "train"), in_float64(task, "val")
    found, accuracy, loss = train(view, 3, SEEDS, replace(SHORT, dropout=0.0), val)
    epochs = trained_by_pyg(task)
    scores = torch.stack([score(val, weights)[0] for weights in epochs])
    best = scores.max(0).values
    for i in range(len(SEEDS)):
        earliest = epochs[int((scores[:, i] == best[i]).nonzero()[0])]
        assert_close([found[0][:, i]], [earliest[0][:, i]], 1e-6)
        assert_close([w[i] for w in found[1:]], [w[i] for w in earliest[1:]], 1e-6)
    assert_close([accuracy, loss], score(val, found), 1e-12)
    assert_close([accuracy], [best], 0)


def test_a_given_start_replaces_the_one_that_is_drawn():
    view = in_float64(float64_task(), "train")
    start = tuple(w.double() for w in initial(16, 3, 8, SEEDS))
    before = [w.clone() for w in start]
    given, _, _ = train(view, 3, SEEDS, SHORT, start=start)
    drawn, _, _ = train(view, 3, SEEDS, SHORT)
    assert_close(given, drawn, 0)
    assert_close(start, before, 0)


def test_training_learns_and_leaves_the_global_generator_alone():
    view = in_float64(float64_task(), "train")
    before = torch.get_rng_state()
    weights, _, _ = train(view, 3, SEEDS, replace(SHORT, epochs=100))
    assert torch.equal(torch.get_rng_state(), before)
    assert float(score(view, weights)[0].min()) > 0.9


def test_soft_labels_that_are_one_hot_train_like_classes():
    view = in_float64(float64_task(), "train")
    soft = replace(view, y=torch.nn.functional.one_hot(view.y, 3).double())
    hard, _, _ = train(view, 3, SEEDS, SHORT)
    found, _, _ = train(soft, 3, SEEDS, SHORT)
    assert_close(found, hard, 1e-12)


def test_score_is_accuracy_and_mean_cross_entropy():
    view = in_float64(float64_task(), "test")
    weights = tuple(normal(*w.shape, seed=i) for i, w in enumerate(initial(16, 3, 8, SEEDS)))
    accuracy, loss = score(view, weights)
    for out, a, value in zip(logits(view, weights), accuracy, loss, strict=True):
        assert float(a) == pytest.approx(float((out.argmax(-1) == view.y).double().mean()))
        assert float(value) == pytest.approx(float(cross_entropy(out, view.y)))


def test_models_with_decay_and_dropout_of_their_own_equal_each_alone():
    task = float64_task()
    view, val = in_float64(task, "train"), in_float64(task, "val")
    each = [
        replace(SHORT, weight_decay=decay, dropout=p)
        for decay, p in ((0.0, 0.5), (5e-3, 0.0), (0.1, 0.8))
    ]
    weights, accuracy, loss = train(view, 3, SEEDS, each, val)
    for i, (seed, training) in enumerate(zip(SEEDS, each, strict=True)):
        alone, its_accuracy, its_loss = train(view, 3, [seed], training, val)
        assert accuracy[i] == its_accuracy[0]
        assert torch.isclose(loss[i], its_loss[0], atol=1e-10)
        found = (weights[0][:, i : i + 1], *(w[i : i + 1] for w in weights[1:]))
        assert_close(found, alone, 1e-10)


def test_models_of_other_shapes_cannot_be_trained_together():
    view = in_float64(float64_task(), "train")
    with pytest.raises(ValueError, match="share all but weight_decay, dropout"):
        train(view, 3, [0, 1], [SHORT, replace(SHORT, lr=0.1)])
