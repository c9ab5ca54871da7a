import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gcond.matching import ByClass, Together

GROUPINGS = [ByClass("max"), ByClass("share"), ByClass("equal"), Together(True), Together(False)]


@pytest.mark.parametrize("grouping", GROUPINGS, ids=str)
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_weights_of_each_group_sum_to_one(grouping, labels):
    y = torch.tensor(labels)
    groups = grouping.partition(y, torch.bincount(y, minlength=5), torch.float64)
    assert torch.allclose(groups.weight.sum(1), torch.ones(1, dtype=torch.float64), atol=1e-12)
    assert bool((groups.importance > 0).all())


@pytest.mark.parametrize(
    ("importance", "expected"),
    [("max", [0.5, 1.0, 0.25]), ("share", [2 / 7, 4 / 7, 1 / 7]), ("equal", [1.0, 1.0, 1.0])],
)
def test_importance_counts_synthetic_items_not_rows(importance, expected):
    y = torch.tensor([0, 1, 2, 2, 2, 2, 2])
    groups = ByClass(importance).partition(y, torch.tensor([2, 4, 1]), torch.float64)
    assert groups.importance.tolist() == pytest.approx(expected)


def test_every_row_is_in_the_group_of_its_class():
    y = torch.tensor([2, 0, 1, 0, 2, 0])
    groups = ByClass().partition(y, torch.tensor([1, 1, 1]), torch.float32)
    for c, (index, weight) in enumerate(zip(groups.index, groups.weight, strict=True)):
        assert index[weight > 0].tolist() == (y == c).nonzero().flatten().tolist()


def test_classes_without_synthetic_items_form_no_group():
    y = torch.tensor([0, 2, 2])
    groups = ByClass().partition(y, torch.tensor([1, 0, 3]), torch.float32)
    assert groups.importance.tolist() == pytest.approx([1 / 3, 1])


def test_together_balanced_gives_every_class_the_same_weight():
    y = torch.tensor([0, 0, 0, 1, 2, 2])
    groups = Together().partition(y, torch.tensor([3, 1, 2]), torch.float64)
    of_class = torch.zeros(3, dtype=torch.float64).index_add(0, y, groups.weight[0])
    assert of_class.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_together_unbalanced_is_the_mean_over_rows():
    y = torch.tensor([0, 0, 0, 1])
    groups = Together(balanced=False).partition(y, torch.tensor([3, 1]), torch.float64)
    assert groups.weight.tolist() == [[0.25] * 4]
    assert groups.contiguous
