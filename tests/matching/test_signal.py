"""Three ways to a signature and back: closed form, torch.func, and a loop over groups."""

from itertools import product

import pytest
import torch
from in_float64 import normal
from torch.nn.functional import log_softmax, one_hot

from gcond.graph.models import Convolutions
from gcond.graph.propagation import normalise_dense
from gcond.matching import (
    MLP,
    Batch,
    ByClass,
    CosinePerUnit,
    FlatCosine,
    Functional,
    FunctionalGradient,
    Gradients,
    Linear,
    RelativeSquaredL2,
    SquaredL2,
    Together,
)
from gcond.matching.signal import LinearGradient, MLPGradient

LIKE = torch.zeros((), dtype=torch.float64)
WIDTH, CLASSES = 5, 3
LAYOUTS = {"balanced": [0, 0, 0, 1, 1, 1, 2, 2, 2], "unbalanced": [2, 0, 1, 0, 2, 0, 1, 0]}
GROUPINGS = [ByClass("max"), ByClass("share"), ByClass("equal"), Together(True), Together(False)]
DISTANCES = [CosinePerUnit(), FlatCosine(), SquaredL2(), RelativeSquaredL2()]
CLOSED = {
    LinearGradient: Linear(WIDTH, CLASSES, LIKE),
    MLPGradient: MLP(WIDTH, 7, CLASSES, LIKE),
}

each_closed = pytest.mark.parametrize("closed", CLOSED, ids=lambda form: form.__name__)
each_layout = pytest.mark.parametrize("layout", LAYOUTS)
each_grouping = pytest.mark.parametrize("grouping", GROUPINGS, ids=str)
each_labels = pytest.mark.parametrize("labels", ["hard", "soft"])
each_distance = pytest.mark.parametrize("distance", DISTANCES, ids=str)


def batch_of(layout, grouping, labels="hard", seed=0):
    classes = torch.tensor(LAYOUTS[layout])
    counts = torch.bincount(classes)
    soft = (2 * normal(len(classes), CLASSES, seed=seed + 1)).softmax(-1)
    return Batch(
        (normal(len(classes), WIDTH, seed=seed),),
        classes if labels == "hard" else soft,
        grouping.partition(classes, counts, torch.float64),
    )


def draw(model, seed=0):
    return model.draw(torch.Generator().manual_seed(seed))


def members_of(layout, grouping):
    """Rows and weights of each group, from the definition of the grouping."""
    classes = torch.tensor(LAYOUTS[layout])
    sizes = torch.bincount(classes).double()
    if isinstance(grouping, ByClass):
        return [((classes == c).nonzero().flatten(), 1 / sizes[c]) for c in range(CLASSES)]
    everything = torch.arange(len(classes))
    if grouping.balanced:
        return [(everything, 1 / (CLASSES * sizes[classes]))]
    return [(everything, 1 / len(classes))]


def looped(logits, theta, y, members):
    """Gradients of each group's loss, one call of autograd after the other."""
    soft = one_hot(y, CLASSES).double() if y.dim() == 1 else y
    each = -(soft * log_softmax(logits, -1)).sum(-1)
    found = [
        torch.autograd.grad((weight * each[rows]).sum(), theta, create_graph=True)
        for rows, weight in members
    ]
    return tuple(torch.stack(parts) for parts in zip(*found, strict=True))


def leaves_of(tensors):
    return tuple(t.detach().clone().requires_grad_(t.is_floating_point()) for t in tensors)


def assert_close(found, expected, tolerance=1e-10):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a, b, atol=tolerance, rtol=0), (a - b).abs().max()


@each_closed
@each_layout
@each_grouping
@each_labels
def test_three_ways_give_the_same_signature(closed, layout, grouping, labels):
    model, batch = CLOSED[closed], batch_of(layout, grouping, labels)
    theta = leaves_of(draw(model))
    members = members_of(layout, grouping)
    expected = looped(model(theta, *batch.inputs), theta, batch.y, members)
    for signal in (closed(model), FunctionalGradient(model)):
        assert_close(signal.measure(draw(model), batch), expected)
        assert_close(signal.trace(draw(model), batch)[0], expected)


@each_closed
@each_layout
@each_grouping
@each_labels
@each_distance
def test_three_ways_give_the_same_cotangent(closed, layout, grouping, labels, distance):
    model, batch = CLOSED[closed], batch_of(layout, grouping, labels)
    importance = batch.groups.importance
    target = closed(model).measure(draw(model), batch_of(layout, grouping, labels, seed=7))

    theta, inputs = leaves_of(draw(model)), leaves_of(batch.inputs)
    signature = looped(model(theta, *inputs), theta, batch.y, members_of(layout, grouping))
    value, _ = distance(signature, target, model.units, importance)
    expected = torch.autograd.grad(value, inputs)
    for signal in (closed(model), FunctionalGradient(model)):
        signature, pullback = signal.trace(draw(model), batch)
        found, cotangent = distance(signature, target, model.units, importance)
        assert float(found) == pytest.approx(value.item(), abs=1e-10)
        assert_close(pullback(cotangent), expected)


@each_closed
def test_rows_that_count_are_respected_by_every_way(closed):
    model, full = CLOSED[closed], batch_of("balanced", ByClass())
    rows = torch.tensor([8, 3, 0, 1, 5])
    groups = ByClass().partition(full.y[rows], torch.tensor([2, 2, 1]), torch.float64)
    some = Batch(full.inputs, full.y[rows], groups, rows)
    taken = Batch((full.inputs[0][rows],), full.y[rows], groups)
    cotangent = tuple(normal(3, *t.shape, seed=5) for t in draw(model))
    expected, pullback = closed(model).trace(draw(model), taken)
    back = torch.zeros_like(full.inputs[0]).index_add(0, rows, *pullback(cotangent))
    for signal in (FunctionalGradient(model), closed(model)):
        found, pullback = signal.trace(draw(model), some)
        assert_close(found, expected)
        assert_close(pullback(cotangent), [back])


@each_closed
def test_the_closed_form_is_chosen_by_the_type_of_the_model(closed):
    model = CLOSED[closed]
    assert Gradients().of(model) == closed(model)
    assert isinstance(Gradients(closed_form=False).of(model), FunctionalGradient)
    assert isinstance(Gradients().of(Convolutions((2, 3), LIKE)), FunctionalGradient)


@pytest.mark.parametrize("way", [LinearGradient, FunctionalGradient], ids=lambda w: w.__name__)
def test_a_signal_records_nothing_for_the_caller(way):
    model, batch = CLOSED[LinearGradient], batch_of("balanced", ByClass())
    x = batch.inputs[0].requires_grad_()
    signature, pullback = way(model).trace(draw(model), batch)
    (cotangent,) = pullback(signature)
    assert not any(t.requires_grad for t in (*signature, cotangent))
    assert not any(t.requires_grad for t in way(model).measure(draw(model), batch))
    assert x.grad is None


def graph_of_six():
    adj = torch.sigmoid(normal(6, 6, seed=3))
    adj = (adj + adj.T) / 2
    return normal(6, WIDTH), adj - torch.diag(adj.diagonal())


@each_distance
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_graph_convolutions_equal_a_double_backward_loop(layers, distance):
    x, adj = graph_of_six()
    y = torch.tensor([0, 2, 1, 0, 1, 0])
    groups = ByClass().partition(y, torch.tensor([3, 2, 1]), torch.float64)
    members = [((y == c).nonzero().flatten(), 1 / int((y == c).sum())) for c in range(3)]
    model = Convolutions((WIDTH, *[4] * (layers - 1), CLASSES), LIKE)
    target = tuple(normal(3, *t.shape, seed=5) for t in draw(model))

    theta, (x1, a1) = leaves_of(draw(model)), leaves_of((x, adj))
    a_hat = normalise_dense(a1)
    hidden = x1
    for layer in range(layers):
        hidden = a_hat @ (torch.relu(hidden) if layer else hidden) @ theta[2 * layer]
        hidden = hidden + theta[2 * layer + 1]
    signature = looped(hidden, theta, y, members)
    value, _ = distance(signature, target, model.units, groups.importance)
    expected = torch.autograd.grad(value, (x1, a1))

    x2, a2 = leaves_of((x, adj))
    a_hat = normalise_dense(a2)
    inputs = (a_hat @ x2, *[a_hat] * (layers - 1))
    found, pullback = FunctionalGradient(model).trace(draw(model), Batch(inputs, y, groups))
    assert_close(found, signature)
    _, cotangent = distance(found, target, model.units, groups.importance)
    assert_close(torch.autograd.grad(inputs, (x2, a2), pullback(cotangent)), expected)


class WholeInput(torch.nn.Module):
    """A module whose loss does not depend on its second input."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(WIDTH, CLASSES)

    def forward(self, x, unused, index):
        return self.linear(x[index])


def test_inputs_without_influence_and_integer_inputs_get_zero():
    model = Functional(WholeInput, LIKE)
    batch = batch_of("balanced", ByClass())
    inputs = (batch.inputs[0], normal(2), torch.arange(9))
    signature, pullback = FunctionalGradient(model).trace(
        draw(model), Batch(inputs, batch.y, batch.groups)
    )
    x, unused, index = pullback(signature)
    assert float(x.abs().max()) > 0
    assert torch.equal(unused, torch.zeros_like(inputs[1]))
    assert torch.equal(index, torch.zeros_like(inputs[2]))


def awake(theta):
    """Larger biases: no hidden unit is silent on a whole group, where its gradient would be zero
    and a cosine has no derivative."""
    return tuple(t + 2 if t.dim() == 1 else t for t in theta)


TINY = list(product([1, 2], [CosinePerUnit(), FlatCosine()]))


def tiny(layers):
    """Model, parameters, graph, labels, groups and target of a case that gradcheck can bear."""
    model = Convolutions((2, *[3] * (layers - 1), 2), LIKE)
    theta = awake(draw(model))
    y = torch.tensor([0, 1, 0])
    groups = ByClass().partition(y, torch.tensor([2, 1]), torch.float64)
    upper = torch.sigmoid(normal(3, 3, seed=3)).triu(1)
    target = tuple(normal(2, *t.shape, seed=5) for t in draw(model))
    return model, theta, normal(3, 2), upper + upper.T, y, groups, target


def view(x, adj, layers):
    a_hat = normalise_dense(adj)
    return (a_hat @ x, *[a_hat] * (layers - 1))


@pytest.mark.parametrize(("layers", "distance"), TINY, ids=str)
def test_the_way_back_passes_gradcheck(layers, distance):
    model, theta, x, adj, y, groups, target = tiny(layers)

    class Objective(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            signature, pullback = FunctionalGradient(model).trace(theta, Batch(inputs, y, groups))
            value, cotangent = distance(signature, target, model.units, groups.importance)
            ctx.gradients = pullback(cotangent)
            return value

        @staticmethod
        def backward(ctx, upstream):
            return tuple(upstream * g for g in ctx.gradients)

    leaves = leaves_of((x, adj))
    assert torch.autograd.gradcheck(lambda x, a: Objective.apply(*view(x, a, layers)), leaves)


@pytest.mark.parametrize(("layers", "distance"), TINY, ids=str)
def test_the_composed_objective_passes_gradgradcheck(layers, distance):
    model, theta, x, adj, y, groups, target = tiny(layers)
    signal = FunctionalGradient(model)

    def objective(x, adj):
        inputs = view(x, adj, layers)
        signature = signal._gradients(theta, inputs, Batch(inputs, y, groups))
        return distance(signature, target, model.units, groups.importance)[0]

    leaves = leaves_of((x, adj))
    assert torch.autograd.gradcheck(objective, leaves)
    assert torch.autograd.gradgradcheck(objective, leaves)


@each_closed
@each_grouping
@pytest.mark.parametrize(
    "distance", [CosinePerUnit(0), FlatCosine(0), SquaredL2(), RelativeSquaredL2()], ids=str
)
def test_the_objective_is_zero_where_synthetic_equals_real(closed, grouping, distance):
    model, batch = CLOSED[closed], batch_of("unbalanced", grouping)
    signal, theta = closed(model), awake(draw(model))
    signature, pullback = signal.trace(theta, batch)
    target = signal.measure(theta, batch)
    value, cotangent = distance(signature, target, model.units, batch.groups.importance)
    assert abs(float(value)) < 1e-12
    assert float(pullback(cotangent)[0].abs().max()) < 1e-12


@each_closed
@each_grouping
def test_the_objective_does_not_depend_on_the_order_of_nodes(closed, grouping):
    model, batch = CLOSED[closed], batch_of("unbalanced", grouping)
    order = torch.tensor([3, 7, 0, 5, 1, 2, 6, 4])
    y = batch.y[order]
    groups = grouping.partition(y, torch.bincount(y), torch.float64)
    permuted = Batch((batch.inputs[0][order],), y, groups)
    target = tuple(normal(len(batch.groups.index), *t.shape, seed=5) for t in draw(model))

    found = []
    for given in (batch, permuted):
        signature, pullback = closed(model).trace(draw(model), given)
        value, cotangent = CosinePerUnit()(signature, target, model.units, batch.groups.importance)
        found.append((value, pullback(cotangent)[0]))
    (value, x), (other, moved) = found
    assert float(value) == pytest.approx(float(other), abs=1e-12)
    assert_close([moved], [x[order]])
