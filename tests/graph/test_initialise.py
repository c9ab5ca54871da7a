from dataclasses import dataclass

import pytest
import torch
from in_float64 import normal

from gcond.coreset import Centroid, Herding, KCenter, Random
from gcond.graph.adjacency import FreeLogits, Identity, PairwiseMLP
from gcond.graph.initialise import BestOf, Noise, Selected, settled
from gcond.graph.propagation import normalise_dense, to_tensor
from gcond.matching import Score

COUNTS = torch.tensor([3, 2, 2])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_noise_has_the_scale_of_the_real_features(task):
    found = Noise().start(task, torch.tensor([200, 100, 100]), seed=0).features
    assert found.shape == (400, 16)
    assert float(found.square().mean().sqrt()) == pytest.approx(task.feature_scale, rel=0.05)
    assert float(found.mean()) == pytest.approx(0, abs=0.05 * task.feature_scale)


@pytest.mark.parametrize("init", [Noise(), Selected(Random()), Selected(Centroid())], ids=str)
def test_a_start_is_a_function_of_the_seed(task, init):
    first, again, other = (init.start(task, COUNTS, seed).features for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.dtype == torch.float32


@pytest.mark.parametrize(("features_of", "hops"), [("raw", 0), ("propagated", 3)])
@pytest.mark.parametrize("selector", [Random(), Herding(), KCenter()], ids=str)
def test_selected_rows_are_rows_of_the_training_nodes_in_class_order(
    task, features_of, hops, selector
):
    picked = Selected(selector, features_of, num_layers=3).pick(task, COUNTS, seed=0)
    rows = to_tensor(task.features("train", hops), torch.float32)
    assert torch.equal(picked.features, rows[picked.rows])
    assert torch.equal(task.labels("train")[picked.rows], torch.tensor([0, 0, 0, 1, 1, 2, 2]))


@dataclass
class Judge:
    """Prefers the features that are nearest a wish."""

    wish: torch.Tensor

    def score(self, x, adj, y):
        assert adj is None
        assert y.tolist() == [0, 0, 0, 1, 1, 2, 2]
        return Score(-float((x - self.wish).abs().sum()), 0.0)


def test_best_of_takes_the_candidate_with_the_best_score(task):
    candidates = (Selected(), Selected(num_layers=1), Selected(Random(), "raw"))
    for wished in candidates:
        x = wished.start(task, COUNTS, 0).features
        assert torch.equal(BestOf(candidates).start(task, COUNTS, 0, Judge(x)).features, x)


def test_best_of_takes_the_first_candidate_where_nothing_can_be_scored(task):
    class Silent:
        def score(self, x, adj, y):
            return None

    first = Selected().start(task, COUNTS, 0).features
    for validation in (None, Silent()):
        assert torch.equal(BestOf().start(task, COUNTS, 0, validation).features, first)


@pytest.mark.parametrize("hops", [1, 2])
def test_settled_features_are_undone_by_propagation(hops):
    x = normal(6, 4)
    structure = FreeLogits(degree=0.5).start(x, generator())
    found = settled(x, structure, hops)
    a_hat = normalise_dense(structure(found).detach())
    assert not torch.allclose(found, x, atol=0.1)
    assert torch.allclose(torch.linalg.matrix_power(a_hat, hops) @ found, x, atol=1e-10)


def test_features_settle_on_a_structure_that_depends_on_them():
    x = normal(10, 4)
    structure = PairwiseMLP(hidden_channels=32, degree=0.5).start(x, generator())

    def lost(features):
        a_hat = normalise_dense(structure(features).detach())
        return float((a_hat @ a_hat @ features - x).square().mean())

    assert lost(settled(x, structure, 2)) < 0.1 * lost(x)


def test_without_edges_or_a_safe_way_back_features_stay():
    x = normal(6, 4)
    assert settled(x, Identity().start(x, generator()), 2) is x
    # Two nodes with an edge of weight one have the same propagated features: not to be undone.
    twins = torch.zeros(6, 6, dtype=torch.float64)
    twins[0, 1] = twins[1, 0] = 1
    assert settled(x, lambda _: twins, 2) is x
