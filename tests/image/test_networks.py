"""The papers' networks: sizes, shapes, initialisation, and the functional form."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gcond.image.layers import Halving
from gcond.image.network_model import NetworkModel, blank, build
from gcond.image.networks import MLP, NETWORKS, ConvNet

GREY, COLOUR, SMALL = (1, 28, 28), (3, 32, 32), (1, 8, 8)


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_convnet_has_the_papers_number_of_parameters() -> None:
    assert size(blank(ConvNet(), COLOUR, 10)) == 320_010
    assert size(blank(ConvNet(), GREY, 10)) == 317_706


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("shape", [GREY, COLOUR, SMALL])
def test_every_network_takes_every_shape(name: str, shape: tuple[int, int, int]) -> None:
    module = build(NETWORKS[name], shape, 7, gen())
    x = torch.randn(2, *shape, generator=gen(1))
    assert module(x).shape == (2, 7)
    assert bool(torch.isfinite(module(x)).all())
    assert torch.equal(module.head(module.embed(x)), module(x))


def test_a_convnet_on_28_pixels_sees_a_map_of_32() -> None:
    assert build(ConvNet(width=8), GREY, 10, gen()).embed(torch.zeros(1, *GREY)).shape == (1, 128)


@pytest.mark.parametrize("norm", ["none", "instance", "group", "layer", "batch"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "swish", "sigmoid"])
def test_variants_of_a_convnet(norm, activation) -> None:  # type: ignore[no-untyped-def]
    net = ConvNet(width=8, depth=2, norm=norm, pooling="max", activation=activation)
    assert build(net, SMALL, 3, gen())(torch.randn(4, *SMALL)).shape == (4, 3)


def test_instance_normalisation_is_that_of_each_channel() -> None:
    features = ConvNet(width=4, depth=1, pooling="none").features(SMALL)
    x = torch.randn(2, 4, 8, 8)
    norm = next(m for m in features.modules() if isinstance(m, nn.GroupNorm))
    assert torch.allclose(norm(x), nn.functional.instance_norm(x), atol=1e-6)


def test_parameters_are_drawn_as_torch_draws_them() -> None:
    ours = build(ConvNet(), COLOUR, 10, gen())
    for part in ours.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            fresh = type(part)(**_arguments(part))
            assert abs(float((part.weight.std() / fresh.weight.std()).detach()) - 1) < 0.05
            assert float(part.weight.abs().max()) <= part.weight[0].numel() ** -0.5
        if isinstance(part, nn.GroupNorm):
            assert bool((part.weight == 1).all())
            assert bool((part.bias == 0).all())


def _arguments(part: nn.Conv2d | nn.Linear) -> dict[str, int]:
    if isinstance(part, nn.Linear):
        return {"in_features": part.in_features, "out_features": part.out_features}
    return {"in_channels": part.in_channels, "out_channels": part.out_channels, "kernel_size": 3}


def test_drawing_is_a_function_of_the_generator_and_leaves_torchs_alone() -> None:
    before = torch.random.get_rng_state()
    one, two, other = (build(ConvNet(width=8), GREY, 10, gen(s)) for s in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    first, second, third = (
        torch.cat([p.flatten() for p in m.parameters()]) for m in (one, two, other)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_functional_form_is_the_module(name: str) -> None:
    shape = SMALL if name in ("VGG11", "ResNet18", "AlexNet") else GREY
    module = build(NETWORKS[name], shape, 5, gen()).eval()
    model = NetworkModel(NETWORKS[name], shape, 5, torch.empty(0))
    theta, x = model.draw(gen()), torch.randn(3, *shape)
    assert torch.equal(model(theta, x), module(x))
    assert torch.equal(model.embed(theta, x), module.embed(x))
    assert len(model.units) == len(theta)
    assert all((u is None) == (p.dim() < 2) for u, p in zip(model.units, theta, strict=True))


def test_the_functional_form_takes_float64_and_two_derivatives() -> None:
    model = NetworkModel(MLP(4), SMALL, 3, torch.empty(0, dtype=torch.float64))
    theta = tuple(p.requires_grad_() for p in model.draw(gen()))
    x = torch.randn(2, *SMALL, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(model(theta, x).square().sum(), theta[0], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), x)
    assert bool((second != 0).any())


def test_batch_normalisation_normalises_by_the_batch_it_is_shown() -> None:
    net = ConvNet(width=4, norm="batch")
    model, x = NetworkModel(net, SMALL, 3, torch.empty(0)), torch.randn(6, *SMALL)
    theta = model.draw(gen())
    module = build(net, SMALL, 3, gen()).train()
    assert not model.itemwise
    assert torch.equal(model(theta, x), module(x))
    assert not torch.allclose(model(theta, x)[:3], model(theta, x[:3]))


@pytest.mark.parametrize("shape", [(3, 2, 8, 6), (2, 1, 5, 4)])
def test_means_of_squares_are_those_of_torch(shape) -> None:  # type: ignore[no-untyped-def]
    x = torch.randn(*shape, dtype=torch.float64, requires_grad=True)
    found, wanted = Halving()(x), nn.functional.avg_pool2d(x, 2)
    seed = torch.randn_like(found)
    (ours,), (theirs,) = (torch.autograd.grad(y, x, seed) for y in (found, wanted))
    assert torch.allclose(found, wanted, atol=1e-15)
    assert torch.allclose(ours, theirs, atol=1e-15)


def test_the_functional_form_leaves_the_module_as_it_was() -> None:
    model = NetworkModel(ConvNet(width=4), SMALL, 3, torch.empty(0))
    before = list(model.module.parameters())
    with pytest.raises(RuntimeError):
        model(model.draw(gen()), torch.zeros(1, 7, 8, 8))
    assert all(a is b for a, b in zip(before, model.module.parameters(), strict=True))


def test_a_network_too_deep_for_its_images_says_so() -> None:
    with pytest.raises(ValueError, match="choose a depth of at most 3"):
        blank(ConvNet(depth=4), SMALL, 10)
