import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcond.coreset import Centroid, Herding, KCenter, Random
from gcond.coreset.selectors import JITTER, jitter

SELECTORS = [Random(), Herding(), KCenter(), Centroid(restarts=1)]
each_selector = pytest.mark.parametrize("selector", SELECTORS, ids=str)
each_picking = pytest.mark.parametrize("selector", SELECTORS[:3], ids=str)


def blobs(sizes=(20, 15, 10), seed=0, spread=1.0):
    """Gaussian blobs around far corners, one per class, in mixed order."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.cat([torch.full((n,), c) for c, n in enumerate(sizes)])
    y = y[torch.randperm(len(y), generator=generator)]
    x = spread * torch.randn(len(y), 4, generator=generator)
    x[:, 0] += 10.0 * y
    return x, y


@each_selector
@given(counts=st.lists(st.integers(0, 8), min_size=3, max_size=3).filter(any))
def test_counts_are_met_in_class_order(selector, counts):
    x, y = blobs()
    picked = selector.pick(x, y, torch.tensor(counts), seed=0)
    assert picked.y.tolist() == [c for c, n in enumerate(counts) for _ in range(n)]
    assert picked.features.shape == (sum(counts), 4)
    assert torch.equal((picked.features[:, 0] / 10).round().long().clamp(0, 2), picked.y)


@each_selector
def test_the_same_seed_gives_the_same_rows_and_global_generators_stay(selector):
    x, y = blobs()
    before = torch.get_rng_state()
    first, again = (selector.pick(x, y, torch.tensor([4, 3, 2]), seed=5) for _ in range(2))
    assert torch.equal(first.features, again.features)
    assert torch.equal(torch.get_rng_state(), before)


@each_picking
def test_rows_are_distinct_while_the_class_lasts(selector):
    x, y = blobs()
    picked = selector.pick(x, y, torch.tensor([20, 15, 10]), seed=0)
    assert sorted(picked.rows.tolist()) == list(range(45))
    assert torch.equal(picked.features, x[picked.rows])
    assert torch.equal(y[picked.rows], picked.y)


@each_picking
def test_more_than_a_class_has_repeats_its_rows_with_a_warning_and_a_jitter(selector):
    x, y = blobs(sizes=(3, 15, 10))
    with pytest.warns(UserWarning, match=r"exceeds the labelled items of classes \[0\]"):
        picked = selector.pick(x, y, torch.tensor([7, 2, 2]), seed=0)
    first, repeated = picked.rows[:3], picked.rows[3:7]
    assert sorted(first.tolist()) == sorted((y == 0).nonzero().flatten().tolist())
    assert repeated.tolist() == [*first.tolist(), first[0]]
    moved = (picked.features - x[picked.rows]).abs().amax(1)
    assert moved.gt(0).tolist() == [False] * 3 + [True] * 4 + [False] * 4
    assert len(picked.features.unique(dim=0)) == 11


def test_more_centroids_than_rows_repeat_with_a_warning_and_a_jitter():
    x, y = blobs(sizes=(3, 15, 10))
    with pytest.warns(UserWarning, match=r"classes \[0\]"):
        picked = Centroid().pick(x, y, torch.tensor([7, 2, 2]), seed=0)
    near = torch.cdist(picked.features[:7], x[y == 0]).min(1).values
    assert near[:3].max() < 1e-5
    assert near[3:].min() > 0
    assert near.max() < 1
    assert len(picked.features.unique(dim=0)) == 11


@each_selector
def test_a_budget_within_the_classes_gives_no_warning(selector):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selector.pick(*blobs(), torch.tensor([20, 15, 10]), seed=0)


def test_jitter_is_a_twentieth_of_the_root_mean_square_on_marked_rows_only():
    x = 3.0 * torch.randn(400, 50, generator=torch.Generator().manual_seed(0))
    where = torch.arange(400) % 2 == 0
    moved = jitter(x, where, seed=0) - x
    assert not moved[~where].any()
    assert float(moved[where].std()) == pytest.approx(JITTER * 3, rel=0.02)
    assert jitter(x, where & False, seed=0) is x


def mean_error(selector, seed, count=4):
    x, y = blobs(seed=seed)
    picked = selector.pick(x, y, torch.tensor([count] * 3), seed=seed)
    error = [(picked.features[picked.y == c].mean(0) - x[y == c].mean(0)).norm() for c in range(3)]
    return float(sum(error))


def test_herding_is_closer_to_the_class_means_than_random_on_average():
    herding, random = (
        sum(mean_error(selector, seed) for seed in range(20)) for selector in (Herding(), Random())
    )
    assert herding < 0.5 * random


def test_herding_begins_with_the_row_nearest_the_mean_and_balances_it():
    x = torch.tensor([[-3.0], [-1.0], [0.5], [3.5]])  # mean 0
    y = torch.zeros(4, dtype=torch.long)
    picked = Herding().pick(x, y, torch.tensor([2]), seed=0)
    assert picked.rows.tolist() == [2, 1]


def radius(selector, seed, count):
    x, y = blobs(seed=seed)
    picked = selector.pick(x, y, torch.tensor([count, 1, 1]), seed=seed)
    return float(torch.cdist(x[y == 0], picked.features[picked.y == 0]).min(1).values.max())


def test_k_center_covers_better_than_random_and_better_with_more_rows():
    covered = sum(radius(KCenter(), seed, 6) for seed in range(20))
    assert covered < 0.8 * sum(radius(Random(), seed, 6) for seed in range(20))
    radii = [radius(KCenter(), 0, count) for count in range(1, 21)]
    assert radii == sorted(radii, reverse=True)
    assert radii[-1] < 1e-3


def test_k_center_visits_every_cluster_once_before_any_twice():
    centers = torch.tensor([[0.0, 0], [50, 0], [0, 50], [50, 50], [100, 100]])
    x = centers.repeat(6, 1) + torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    y = torch.zeros(30, dtype=torch.long)
    picked = KCenter().pick(x, y, torch.tensor([5]), seed=0)
    assert sorted((picked.rows % 5).tolist()) == [0, 1, 2, 3, 4]


def test_centroids_of_separated_blobs_are_their_means_the_largest_first():
    centers = torch.tensor([[0.0, 0], [50, 0], [0, 50]])
    owner = torch.cat([torch.full((n,), i) for i, n in enumerate((5, 20, 11))])
    x = centers[owner] + torch.randn(36, 2, generator=torch.Generator().manual_seed(0))
    picked = Centroid().pick(x, torch.zeros(36, dtype=torch.long), torch.tensor([3]), seed=0)
    expected = torch.stack([x[owner == i].mean(0) for i in (1, 2, 0)])
    assert picked.rows is None
    assert torch.allclose(picked.features, expected, atol=1e-4)


def test_one_centroid_is_the_class_mean():
    x, y = blobs()
    picked = Centroid().pick(x, y, torch.tensor([1, 1, 1]), seed=0)
    expected = torch.stack([x[y == c].mean(0) for c in range(3)])
    assert torch.allclose(picked.features, expected, atol=1e-6)


def test_random_rows_depend_on_the_seed_and_are_uniform():
    x, y = blobs(sizes=(10, 5, 5))
    picks = [Random().pick(x, y, torch.tensor([3, 1, 1]), seed=s).rows[:3] for s in range(500)]
    share = torch.bincount(torch.cat(picks), minlength=20)[y == 0] / 500
    assert float((share - 0.3).abs().max()) < 0.08


def test_rows_that_are_equal_are_one_cluster_whatever_the_sign_of_their_zeros():
    x = torch.tensor([[0.0, 1.0], [-0.0, 1.0], [2.0, 0.0], [2.0, -0.0]])
    with pytest.warns(UserWarning, match=r"exceeds the labelled items of classes \[0\]"):
        found = Centroid().pick(x, torch.zeros(4, dtype=torch.long), torch.tensor([3]), 0)
    assert len(found.features) == 3
    near = (found.features[:, None] - x[[0, 2]]).abs().amax(-1).min(1).values
    assert (near < 0.5).all()
