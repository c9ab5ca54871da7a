import pytest
import torch
from in_float64 import normal
from torch import nn

from gcond.matching import MLP, Functional, Linear

LIKE = torch.zeros((), dtype=torch.float64)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def net():
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))


MODELS = [Linear(4, 3, LIKE), MLP(4, 6, 3, LIKE), Functional(net, LIKE)]
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@each_model
def test_parameters_are_a_function_of_the_generator(model):
    first, same, other = (model.draw(generator(seed)) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))
    assert all(t.dtype == torch.float64 and not t.requires_grad for t in first)


@each_model
def test_drawing_leaves_the_global_generator_alone(model):
    before = torch.get_rng_state()
    model.draw(generator())
    assert torch.equal(torch.get_rng_state(), before)


@each_model
def test_there_is_one_unit_axis_for_each_parameter_and_none_for_biases(model):
    theta = model.draw(generator())
    assert len(model.units) == len(theta)
    for unit, tensor in zip(model.units, theta, strict=True):
        assert (unit is None) == (tensor.dim() == 1)


def test_parameters_are_uniform_within_one_over_root_fan_in():
    weight, bias = Linear(400, 50, LIKE).draw(generator())
    assert weight.shape == (400, 50)
    assert 0.99 / 20 < float(weight.abs().max()) <= 1 / 20
    assert float(bias.abs().max()) <= 1 / 20
    _, _, second, _ = MLP(4, 100, 5, LIKE).draw(generator())
    assert 0.08 < float(second.abs().max()) <= 0.1


def test_mlp_equals_torch_modules():
    w1, b1, w2, b2 = theta = MODELS[1].draw(generator())
    x = normal(7, 4)
    hidden = torch.relu(nn.functional.linear(x, w1.T, b1))
    assert torch.allclose(MODELS[1](theta, x), nn.functional.linear(hidden, w2.T, b2))


def test_functional_is_the_module_in_evaluation_mode_with_given_parameters():
    model = Functional(net, LIKE)
    theta, x = model.draw(generator()), normal(7, 4)
    module = net().double().eval()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), theta, strict=True):
            parameter.copy_(value)
    assert torch.equal(model(theta, x), module(x))
    assert model.units == (-2, None, -2, None)


def test_functional_never_changes_its_own_module():
    model = Functional(net, LIKE)
    before = [p.detach().clone() for p in model.module.parameters()]
    model(model.draw(generator(3)), normal(7, 4))
    assert all(torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True))


def test_functional_adapts_the_call():
    model = Functional(net, LIKE, call=lambda module, x, scale: scale * module(x))
    plain = Functional(net, LIKE)
    theta, x = model.draw(generator()), normal(7, 4)
    assert torch.allclose(model(theta, x, LIKE + 2), 2 * plain(theta, x))


def test_convolution_kernels_have_their_units_in_front():
    model = Functional(lambda: nn.Conv2d(3, 8, 5), LIKE)
    assert model.units == (-4, None)
