"""One real row: gcond on Cora at 70 nodes beside its published accuracy, and from noise."""

from dataclasses import replace

import pytest

import gcond
from gcond.graph.initialise import Noise
from gcond.matching import Schedule

pytestmark = pytest.mark.slow


def test_gcond_on_cora_reaches_the_published_accuracy(real_data):
    small = gcond.condense("cora", num_nodes=70, root=real_data)
    found = gcond.evaluate(small, "cora", seeds=5, baselines=(), root=real_data)
    # Published: 80.1 ± 0.6 (https://arxiv.org/abs/2110.07580). One seed of ours is within its
    # spread, with the test set's own standard error of about 1.2 points left aside.
    assert found.mean > 79.0
    assert found.std < 2.0
    assert small.history.steps >= 50
    out_of = set(small.edge_index[0].tolist())
    assert len(out_of) == 70


def test_matching_works_from_noise(real_data):
    usual = gcond.get_method("gcond")
    # From noise it takes many and large steps; the defaults are for a good start.
    method = replace(
        usual,
        init=Noise(),
        features=replace(usual.features, lr=0.03),
        schedule=Schedule(epochs=20, outer_steps=20, inner_steps=15),
    )
    start = replace(method, schedule=replace(method.schedule, epochs=0))
    before, after = (
        gcond.evaluate(
            gcond.condense("cora", num_nodes=70, method=each, root=real_data),
            "cora",
            seeds=2,
            baselines=(),
            root=real_data,
        ).mean
        for each in (start, method)
    )
    assert after > before + 20
