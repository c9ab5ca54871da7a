"""Bags, whitening and edges from cosines: each against its formula written out."""

import numpy as np
import pytest
import torch

from gcond.datasets import as_task
from gcond.graph.adjacency import Cosine
from gcond.graph.bags import Bags
from gcond.graph.initialise import Selected, settled
from gcond.graph.labels import Taught
from gcond.graph.propagation import normalise_dense, to_tensor
from gcond.graph.whitening import Whitened, principal
from gcond.testing import example_graph

COUNTS = torch.tensor([4, 2, 2])


@pytest.fixture
def big():
    return as_task(example_graph(num_nodes=240))


def test_bags_that_cut_a_class_once_average_to_its_mean(big):
    parts = 4
    found = Bags(parts, num_layers=3, alpha=0.2).start(big, torch.tensor([parts, 1, 1]), 0)
    rows = to_tensor(big.features("train", 3, 0.2), torch.float32)
    members = rows[big.labels("train") == 0]
    sizes = torch.tensor([len(part) for part in torch.arange(len(members)).tensor_split(parts)])
    mean = (found.features[:parts] * sizes[:, None]).sum(0) / len(members)
    assert torch.allclose(mean, members.mean(0), atol=1e-5)
    assert found.soft is None


def test_one_bag_of_a_teacher_is_the_weighted_mean_of_its_pool(big):
    told = Taught(soft=True).speak(big, 0)
    found = Bags(1, num_layers=2, alpha=0).start(told, torch.tensor([1, 1, 1]), 0)
    rows = to_tensor(told.features("train", 2), torch.float32)
    for c in range(3):
        pool = torch.as_tensor(told.y == c)
        weight = torch.as_tensor(told.trust)[pool]
        weight = weight / weight.sum()
        assert torch.allclose(found.features[c], weight @ rows[pool], atol=1e-5)
        assert torch.allclose(found.soft[c], weight @ torch.as_tensor(told.soft)[pool], atol=1e-5)


def test_bags_are_a_function_of_the_seed_and_repeat_with_a_warning(big):
    first, again, other = (Bags().start(big, COUNTS, seed).features for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.warns(UserWarning, match="the budget exceeds the labelled items"):
        many = Bags(1).start(big, torch.tensor([2, 1, 1]), 0).features
    assert not torch.equal(many[0], many[1])


def test_principal_directions_are_those_of_the_propagated_features(big):
    everyone = np.arange(big.num_nodes)
    z = as_task(example_graph(num_nodes=240))
    z.index["train"] = everyone
    rows = to_tensor(z.features("train", 2), torch.float64)
    mean, directions, variance = principal(big, 2)
    assert torch.allclose(mean.double(), rows.mean(0), atol=1e-5)
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / len(rows)
    assert torch.allclose(variance.double().sum(), covariance.trace(), rtol=1e-4)
    image = directions.double() @ covariance
    assert torch.allclose(image, variance.double()[:, None] * directions.double(), atol=1e-3)


def test_whitening_is_the_ridge_of_the_covariance_at_the_same_norm(big):
    plain = Bags(num_layers=2, alpha=0).start(big, COUNTS, 0).features.double()
    strength = 0.5
    found = Whitened(Bags(num_layers=2, alpha=0), strength).start(big, COUNTS, 0).features
    mean, directions, variance = (t.double() for t in principal(big, 2))
    covariance = directions.T @ (variance[:, None] * directions)
    floor = strength * variance.sum() / 50
    centred = plain - mean
    ridge = torch.linalg.solve(covariance / floor + torch.eye(16, dtype=torch.float64), centred.T).T
    expected = mean + ridge * centred.norm() / ridge.norm()
    assert torch.allclose(found.double(), expected, atol=1e-4)


@pytest.mark.parametrize("threshold", [-0.5, 0.0, 0.5])
def test_edges_from_cosines_cost_nothing_at_the_start(big, threshold):
    x = Selected().start(big, COUNTS, 0).features
    structure = Cosine(threshold).start(x, torch.Generator())
    adj = structure(x)
    assert torch.equal(adj, adj.T)
    assert not adj.diagonal().any()
    assert (adj > 0).any()
    assert adj.sum(1).max() < 1.5
    power = torch.linalg.matrix_power(normalise_dense(adj), 2)
    assert torch.allclose(power @ settled(x, structure, 2), x, atol=1e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bags(0), "parts must be at least 1, got 0"),
        (lambda: Whitened(Bags(), 0.0), "strength must be positive, got 0.0"),
        (lambda: Cosine(threshold=1.0), "threshold must be from -1 to below 1"),
        (lambda: Cosine(weight=1.0), "weight must be between 0 and 1"),
    ],
)
def test_settings_without_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
