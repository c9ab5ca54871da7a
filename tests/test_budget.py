"""Sizes: every rule of the documented denominator, rounding and allocation."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gcond.budget import allocate, size_of


@pytest.mark.parametrize(
    ("total", "ratio", "expected"),
    [(2708, 0.026, 70), (2708, 0.01, 27), (1797, 0.05, 90), (19717, 0.01, 197), (100, 0.001, 7)],
)
def test_ratio_counts_items_of_the_real_set(total, ratio, expected):
    assert size_of(total, [1] * 7, ratio=ratio) == expected


def test_half_is_rounded_up_and_default_is_one_percent():
    assert size_of(250, [1, 1], ratio=0.01) == 3
    assert size_of(1000, [1, 1]) == 10


def test_other_sizes():
    assert size_of(2708, [20] * 7, num_items=70) == 70
    assert size_of(2708, [20] * 7, per_class=3) == 21


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"ratio": 0.1, "num_items": 70}, ["one size", "ratio=0.1", "num_nodes=70"]),
        ({"num_items": 3}, ["num_nodes=3", "7 classes", "num_nodes=7"]),
        ({"num_items": 7.5}, ["num_nodes", "7.5"]),
        ({"num_items": True}, ["num_nodes", "True"]),
        ({"per_class": 0}, ["per_class", "0"]),
        ({"ratio": 0}, ["ratio", "0", "2708"]),
        ({"ratio": 1.2}, ["ratio", "1.2"]),
        ({"ratio": "0.1"}, ["ratio", "0.1"]),
        ({"ratio": float("nan")}, ["ratio", "nan"]),
    ],
)
def test_bad_sizes_are_refused_by_name(sizes, words):
    with pytest.raises(ValueError, match=r".") as caught:
        size_of(2708, [20] * 7, **sizes)
    for word in words:
        assert word in str(caught.value)


counts = st.lists(st.integers(1, 5000), min_size=2, max_size=20)


@given(counts, st.integers(0, 500), st.booleans())
def test_allocation_sums_to_the_budget_and_keeps_every_class(train, extra, balanced):
    budget = len(train) + extra
    got = allocate(budget, train, balanced=balanced)
    assert sum(got) == budget
    assert min(got) >= 1


@given(counts, st.integers(0, 500))
def test_allocation_follows_the_class_distribution(train, extra):
    budget = len(train) + extra
    got = allocate(budget, train)
    for count, size in zip(got, train, strict=True):
        share = budget * size / sum(train)
        assert count <= max(1, math.ceil(share))
    ordered = sorted(zip(train, got, strict=True))
    assert all(a[1] <= b[1] for a, b in itertools.pairwise(ordered) if a[0] < b[0])


@given(counts, st.integers(0, 200))
def test_balanced_counts_differ_by_at_most_one(train, extra):
    got = allocate(len(train) + extra, train, balanced=True)
    assert max(got) - min(got) <= 1
