"""The first block in one piece against its layers one after the other, in float64."""

import pytest
import torch
from in_float64 import normal
from torch import nn

from gcond.image import first_block
from gcond.image.first_block import fits
from gcond.image.layers import Blocks
from gcond.image.networks import ConvNet

SHAPES = [(1, 8, 8), (3, 8, 6), (1, 28, 28)]


@pytest.fixture(autouse=True)
def in_small_parts(monkeypatch):
    """Any number of images, two at a time."""
    monkeypatch.setattr(first_block, "LEAST", 0)
    monkeypatch.setattr(first_block, "AT_ONCE", 2 * 4 * 8 * 8)


def both(shape, depth=1):
    """Blocks whose parameters are nothing special, and the layers that they are made of."""
    joined = ConvNet(width=4, depth=depth).features(shape).double()
    with torch.no_grad():
        for i, parameter in enumerate(joined.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=i))
    assert isinstance(joined, Blocks)
    return joined, nn.Sequential(*joined)


def derivatives(module, x):
    """First ones, recorded and not, and second ones along a direction, by all there is."""
    by = [*module.parameters(), x]
    weight = normal(*module(x).shape, seed=90)

    def loss():
        seen = module(x) * weight
        return seen.sum() + seen.square().sum()

    first = torch.autograd.grad(loss(), by)
    recorded = torch.autograd.grad(loss(), by, create_graph=True)
    along = [normal(*t.shape, seed=50 + i) for i, t in enumerate(by)]
    return [*first, *recorded, *torch.autograd.grad(recorded, by, along)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("depth", [1, 2])
def test_values_and_both_derivatives_are_those_of_the_layers(shape, depth):
    x = normal(5, *shape, seed=7).requires_grad_()
    joined, layers = both(shape, depth)
    assert float((joined(x) - layers(x)).detach().abs().max()) < 1e-12
    for found, wanted in zip(derivatives(joined, x), derivatives(layers, x), strict=True):
        assert float((found - wanted).detach().abs().max()) < 1e-10


def test_parameters_alone_need_no_derivative_by_images():
    x = normal(5, 1, 8, 8)
    joined, layers = both((1, 8, 8))
    for found, wanted in zip(
        *(torch.autograd.grad(m(x).square().sum(), list(m.parameters())) for m in (joined, layers)),
        strict=True,
    ):
        assert float((found - wanted).abs().max()) < 1e-10


def test_it_is_the_form_that_is_taken(monkeypatch):
    joined, _ = both((1, 8, 8))
    x, asked = normal(2, 1, 8, 8), []
    usual = first_block._Block.apply
    monkeypatch.setattr(
        first_block._Block, "apply", lambda *given: asked.append(1) or usual(*given)
    )
    joined(x)
    monkeypatch.setattr(first_block, "LEAST", 10**6)
    joined(x)
    assert len(asked) == 1


def test_what_it_does_not_fit_is_left_to_the_layers():
    conv = nn.Conv2d(1, 4, 3, padding=1)
    assert fits(torch.zeros(2, 1, 8, 8), conv)
    assert not fits(torch.zeros(2, 1, 7, 8), conv)
    assert not fits(torch.zeros(2, 1, 8, 8, device="meta"), conv)
    assert not fits(torch.zeros(2, 8, 8, 8), nn.Conv2d(8, 4, 3, padding=1))
    x = normal(3, 1, 9, 9)
    joined, layers = both((1, 9, 9))
    assert torch.equal(joined(x), layers(x))


def test_transforms_of_torch_see_the_layers():
    joined, layers = both((1, 8, 8))
    x = normal(3, 2, 1, 8, 8)
    found = torch.func.vmap(joined)(x)
    assert torch.allclose(found, torch.stack([layers(part) for part in x]), atol=1e-12)


@pytest.mark.parametrize("other", [{"norm": "none"}, {"activation": "swish"}, {"pooling": "max"}])
def test_other_convnets_are_layers(other):
    assert not isinstance(ConvNet(width=4, depth=1, **other).features((1, 8, 8)), Blocks)
