"""Networks that judge images: ours by name or value, those of timm, and modules of the user's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gcond.image.layers import Shape
from gcond.image.network_model import build
from gcond.image.networks import NETWORKS, VARIANTS, Network
from gcond.matching import generator_for
from gcond.matching.randomness import seeded
from gcond.spelling import meant

Factory = Callable[[int, int], nn.Module]
ImageModel = str | Network | nn.Module | Factory


def fresh(model: ImageModel, shape: Shape, num_classes: int, seed: int) -> nn.Module:
    """A network with parameters drawn for a seed, or a copy of the module that was given; torch's
    generators are left as they are."""
    found = named(model)
    if isinstance(found, nn.Module):
        return copy.deepcopy(found)
    if hasattr(found, "features"):
        return build(found, shape, num_classes, generator_for(seed, "validation"))
    with seeded(seed):
        if isinstance(found, str):
            return _from_timm(found, shape, num_classes)
        assert callable(found)
        built = found(shape[0], num_classes)
        assert isinstance(built, nn.Module)
        return built


def named(model: ImageModel) -> Any:
    """The network of that name; the name of a timm model, where timm is installed, and what is no
    name pass through.

    Raises:
        ValueError: The name is unknown.
    """
    if not isinstance(model, str):
        return model
    known = {name.lower(): network for name, network in {**NETWORKS, **VARIANTS}.items()}
    if model.lower() in known:
        return known[model.lower()]
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch raises the latter
        absent = f"timm cannot be imported here ({error})"
    else:
        if timm.is_model(model):
            return model
        absent = f"timm {timm.__version__} has no such model"
    raise ValueError(
        f"unknown network {model!r}; {meant(model, [*NETWORKS, *VARIANTS])}known: "
        f"{', '.join(NETWORKS)}, variants as {', '.join(list(VARIANTS)[:3])}, and the names of "
        f"timm.list_models(); {absent}"
    )


def _from_timm(name: str, shape: Shape, num_classes: int) -> nn.Module:
    """A model of timm, shown two images so that one that cannot take them says so at once."""
    import timm

    made: nn.Module = timm.create_model(name, in_chans=shape[0], num_classes=num_classes)
    try:
        with torch.no_grad():
            made.eval()(torch.zeros(2, *shape))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"{name} of timm cannot take images of {shape[1]} x {shape[2]} pixels ({error}); "
            "choose a convolutional network such as 'resnet26', or one of gcond.image.networks"
        ) from error
    return made
