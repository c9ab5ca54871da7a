"""Item by item and in chunks against one batch and double backward, in float64."""

import pytest
import torch
from in_float64 import normal
from torch import nn
from torch.nn.functional import cross_entropy

from gcond.image.network_model import NetworkModel
from gcond.image.networks import ConvNet
from gcond.matching import (
    AngleAndMagnitude,
    Batch,
    ByClass,
    ByClassAndTogether,
    Chunked,
    CosinePerUnit,
    Embeddings,
    Full,
    Functional,
    Gradients,
    ItemwiseGradient,
    Linear,
    SquaredL2,
    Together,
    WarmUp,
    targets,
)
from gcond.matching.mixture import Mixed

LIKE = torch.zeros((), dtype=torch.float64)
MODEL = NetworkModel(ConvNet(3, depth=1), (2, 8, 8), 3, LIKE)
CLASSES = torch.tensor([0, 0, 0, 1, 2, 2])
COUNTS = torch.bincount(CLASSES)

each_memory = pytest.mark.parametrize(
    "memory", [Full(), Chunked(1), Chunked(2), Chunked(2, again=True)], ids=str
)
each_distance = pytest.mark.parametrize(
    "distance", [CosinePerUnit(), AngleAndMagnitude(), SquaredL2()], ids=str
)
each_grouping = pytest.mark.parametrize(
    "grouping",
    [ByClass(), Together(), ByClassAndTogether(), ByClassAndTogether(weight=2.0)],
    ids=str,
)


def batch_of(seed, grouping, classes=CLASSES):
    groups = grouping.partition(classes, COUNTS, torch.float64)
    return Batch(
        (normal(len(classes), 2, 8, 8, seed=seed),), targets(classes, 3, LIKE.dtype), groups
    )


def theta_of(model, seed=0):
    return model.draw(torch.Generator().manual_seed(seed))


def plain(theta, x, members):
    """Gradients of each group, one batch each, recorded for a second derivative."""
    found = [
        torch.autograd.grad(
            cross_entropy(MODEL(theta, x[rows]), CLASSES[rows]), theta, create_graph=True
        )
        for rows in members
    ]
    return [torch.stack(parts) for parts in zip(*found, strict=True)]


def matched(signal, distance, grouping):
    """Value and derivative by the images, as the loop takes them."""
    real, synthetic = batch_of(5, grouping), batch_of(1, grouping)
    theta = theta_of(MODEL)
    target = signal.measure(theta, real)
    signature, pullback = signal.trace(theta, synthetic)
    value, cotangent = distance(signature, target, MODEL.units, synthetic.groups.importance)
    return value, pullback(cotangent)[0]


@each_memory
@each_distance
def test_class_gradients_and_the_way_back_equal_double_backward(memory, distance):
    members = [(c == CLASSES).nonzero().flatten() for c in range(3)]
    theta = tuple(t.requires_grad_() for t in theta_of(MODEL))
    x = batch_of(1, ByClass()).inputs[0].requires_grad_()
    target = [t.detach() for t in plain(theta, batch_of(5, ByClass()).inputs[0], members)]
    importance = batch_of(1, ByClass()).groups.importance
    expected, _ = distance(plain(theta, x, members), target, MODEL.units, importance)
    (pull,) = torch.autograd.grad(expected, x)
    value, found = matched(ItemwiseGradient(MODEL, memory), distance, ByClass())
    assert float(value) == pytest.approx(float(expected), abs=1e-10)
    assert float((found - pull).abs().max()) < 1e-10


@each_memory
@each_grouping
def test_all_groupings_equal_the_vectorised_path(memory, grouping):
    value, found = matched(Mixed(ItemwiseGradient(MODEL, memory)), CosinePerUnit(), grouping)
    slow = Mixed(Gradients().of(Blind()))
    expected, pull = matched(slow, CosinePerUnit(), grouping)
    assert type(slow.signal).__name__ == "FunctionalGradient"
    assert float(value) == pytest.approx(float(expected), abs=1e-10)
    assert float((found - pull).abs().max()) < 1e-10


class Blind:
    """The same model, which does not say that its items do not see each other."""

    units = MODEL.units

    def __call__(self, theta, *inputs):
        return MODEL(theta, *inputs)


def test_the_second_level_is_the_gradient_of_the_mean_loss_of_the_classes():
    signal, batch = ItemwiseGradient(MODEL), batch_of(1, ByClassAndTogether())
    both = Mixed(signal).measure(theta_of(MODEL), batch)
    together = signal.measure(theta_of(MODEL), batch_of(1, Together()))
    assert batch.groups.importance.tolist() == [1, 1, 1, 3]
    for two, one in zip(both, together, strict=True):
        assert torch.allclose(two[-1], one[0], atol=1e-12, rtol=0)


def test_a_warm_up_changes_its_groups_with_the_epoch_and_with_the_step():
    batch = batch_of(1, WarmUp(epochs=3, outer_steps=2))
    first, then = batch_of(1, ByClass("equal")).groups, batch_of(1, Together()).groups
    for epoch, outer, wanted in ((0, 0, first), (2, 1, first), (2, 2, then), (3, 0, then)):
        groups = batch.at(epoch, outer).groups
        assert torch.equal(groups.index, wanted.index)
        assert torch.equal(groups.weight, wanted.weight)
    assert batch.at(0, 0) is batch


def test_a_module_that_says_so_is_taken_item_by_item():
    def factory():
        return nn.Sequential(nn.Flatten(), nn.Linear(128, 4), nn.Tanh(), nn.Linear(4, 3))

    apart, blind = (Functional(factory, LIKE, itemwise=flag) for flag in (True, False))
    assert isinstance(Gradients().of(apart), ItemwiseGradient)
    assert not isinstance(Gradients().of(blind), ItemwiseGradient)
    theta, batch = theta_of(apart), batch_of(1, ByClass())
    pairs = zip(*(Gradients().of(m).measure(theta, batch) for m in (apart, blind)), strict=True)
    assert all(torch.allclose(a, b, atol=1e-12, rtol=0) for a, b in pairs)
    assert apart.embed(theta, *batch.inputs).shape == (6, 4)


@each_memory
def test_mean_embeddings_equal_a_loop_over_classes(memory):
    signal, theta = Embeddings(memory).of(MODEL), theta_of(MODEL)
    real, synthetic = batch_of(5, ByClass()), batch_of(1, ByClass())
    x = synthetic.inputs[0].clone().requires_grad_()

    def means(images):
        rows = MODEL.embed(theta, images)
        return torch.stack([rows[c == CLASSES].mean(0) for c in range(3)])

    expected = (
        synthetic.groups.importance[:, None] * (means(x) - means(real.inputs[0])).square()
    ).sum()
    (pull,) = torch.autograd.grad(expected, x)
    signature, pullback = signal.trace(theta, synthetic)
    value, cotangent = SquaredL2()(
        signature, signal.measure(theta, real), (None,), synthetic.groups.importance
    )
    assert float(value) == pytest.approx(float(expected), abs=1e-10)
    assert float((pullback(cotangent)[0] - pull).abs().max()) < 1e-10


def test_embeddings_of_softmax_regression_are_its_rows_in_closed_form():
    model, classes = Linear(4, 3, LIKE), torch.tensor([2, 0, 1, 2, 0])
    groups = ByClass().partition(classes, torch.bincount(classes), LIKE.dtype)
    batch = Batch((normal(7, 4),), classes, groups, rows=torch.tensor([0, 2, 3, 5, 6]))
    signal = Embeddings().of(model)
    signature, pullback = signal.trace(theta_of(model), batch)
    counted = batch.inputs[0][batch.rows]
    expected = torch.stack([counted[classes == c].mean(0) for c in range(3)])
    assert torch.allclose(signature[0], expected, atol=1e-12)
    x = batch.inputs[0].clone().requires_grad_()
    kept = torch.stack([x[batch.rows][classes == c].mean(0) for c in range(3)])
    cotangent = normal(3, 4, seed=3)
    (pull,) = torch.autograd.grad(kept, x, cotangent)
    assert torch.allclose(pullback((cotangent,))[0], pull, atol=1e-12)


def test_a_model_without_embeddings_is_refused():
    with pytest.raises(TypeError, match="shows no embeddings"):
        Embeddings().of(Blind())


def test_a_gpu_takes_more_items_at_once_than_a_cache_would_hold():
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    assert (Full().at_once(cpu), Full().at_once(gpu)) == (None, None)
    assert (Chunked(16).at_once(cpu), Chunked(16).at_once(gpu)) == (16, 256)


def test_items_of_a_chunk_are_at_least_one():
    with pytest.raises(ValueError, match="items must be at least 1"):
        Chunked(0)


def test_parameters_that_a_distance_leaves_out_change_nothing():
    signal, batch = ItemwiseGradient(MODEL), batch_of(1, ByClass())
    signature, pullback = signal.trace(theta_of(MODEL), batch)
    nothing = tuple(torch.zeros_like(g) for g in signature)
    assert not bool(pullback(nothing)[0].any())
    assert not bool(batch.inputs[0].requires_grad)
