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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(found, str):
            import timm

            made: nn.Module = timm.create_model(found, in_chans=shape[0], num_classes=num_classes)
            return made
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
    if _in_timm(model):
        return model
    raise ValueError(
        f"unknown network {model!r}; {meant(model, [*NETWORKS, *VARIANTS])}known: "
        f"{', '.join(NETWORKS)}, variants as {', '.join(list(VARIANTS)[:3])}, and with timm "
        "installed the names of timm.list_models()"
    )


def _in_timm(name: str) -> bool:
    try:
        import timm
    except ImportError:
        return False
    return bool(timm.is_model(name))
