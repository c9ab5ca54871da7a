"""Every method on images keeps the contract."""

from dataclasses import replace

import pytest

from gcond.image.method import ImageMethod
from gcond.image.networks import ConvNet
from gcond.matching import Schedule, Step
from gcond.methods import get_method, list_methods
from gcond.testing import check_method


def shortened(method):
    """A learned method with a small network and fewer steps."""
    if not isinstance(method, ImageMethod):
        return method
    walks = method.schedule.inner_steps > 0
    schedule = Schedule(6, 4, 2) if walks else Schedule(30)
    # Few steps must be long ones.
    pixels = method.pixels if method.pixels.momentum else Step(0.1, relative=True, anneal=True)
    return replace(method, schedule=schedule, pixels=pixels, network=ConvNet(12), batch_size=16)


@pytest.mark.parametrize("name", list_methods("images"))
def test_every_method_on_images_keeps_the_contract(name):
    check_method(shortened(get_method(name, "images")), num_nodes=3, items="images")
