"""Networks that judge images, by name."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from gcond.evaluation.image_models import fresh, named


def one_that_needs(side):
    """Stands in for timm with one model, for images of so many pixels."""

    def create_model(name, in_chans, num_classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * side * side, num_classes))

    return SimpleNamespace(
        is_model=lambda name: name == "net", create_model=create_model, __version__="0"
    )


def test_a_model_of_timm_is_built_for_the_images_and_the_seed(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", one_that_needs(8))
    first, again, other = (fresh("net", (1, 8, 8), 10, seed) for seed in (0, 0, 1))
    assert first(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
    assert torch.equal(first[1].weight, again[1].weight)
    assert not torch.equal(first[1].weight, other[1].weight)


def test_a_model_of_timm_that_cannot_take_the_images_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", one_that_needs(28))
    with pytest.raises(ValueError, match=r"net of timm cannot take images of 8 x 8 pixels"):
        fresh("net", (1, 8, 8), 10, 0)


def test_an_unknown_name_says_what_timm_had_to_say(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", one_that_needs(8))
    with pytest.raises(ValueError, match=r"did you mean 'ConvNet'.*timm 0 has no such model"):
        named("ConvNot")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match="timm cannot be imported here"):
        named("resnet26")


@pytest.mark.parametrize("side", [8, 28])
def test_models_of_timm_take_small_images(side):
    try:
        import timm  # noqa: F401
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"timm cannot be imported: {error}")
    module = fresh("resnet26", (1, side, side), 3, 0)
    assert module(torch.zeros(2, 1, side, side)).shape == (2, 3)
