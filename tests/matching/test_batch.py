import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from in_float64 import normal

from gcond.matching import Batch, ByClass, Groups
from gcond.matching.batch import targets


def rows(*numbers):
    return torch.tensor(numbers)


def test_padding_has_weight_zero_and_the_default_weight_is_the_mean():
    groups = Groups.of([rows(4, 1, 3), rows(0)], torch.ones(2))
    assert groups.index.shape == (2, 3)
    assert groups.index[0].tolist() == [4, 1, 3]
    assert groups.index[1, 0] == 0
    assert torch.allclose(groups.weight, torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1, 0, 0]]))
    assert not groups.contiguous


def test_given_weights_are_kept():
    groups = Groups.of([rows(0, 2), rows(1)], torch.ones(2), [torch.tensor([0.2, 0.8]), rows(1)])
    assert torch.equal(groups.weight, torch.tensor([[0.2, 0.8], [1, 0]]))


def test_groups_of_equal_size_in_order_are_gathered_as_a_view():
    groups = Groups.of([rows(0, 1), rows(2, 3)], torch.ones(2))
    x = normal(4, 3)
    assert groups.contiguous
    assert groups.gather(x).data_ptr() == x.data_ptr()
    assert torch.equal(groups.gather(x), x[groups.index])


def test_groups_of_the_first_rows_only_gather_and_scatter_like_any_others():
    groups = Groups.of([rows(0, 1), rows(2, 3)], torch.ones(2))
    x = normal(6, 3)
    assert torch.equal(groups.gather(x), x[:4].view(2, 2, 3))
    assert torch.equal(groups.scatter(normal(2, 2, 3), 6)[4:], torch.zeros(2, 3))


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=12),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_scatter_is_the_adjoint_of_gather(labels, width, seed):
    y = torch.tensor(labels)
    members = [(y == c).nonzero().flatten() for c in y.unique()]
    groups = Groups.of(members, torch.ones(len(members)))
    a = normal(len(y), width, seed=seed)
    b = normal(*groups.index.shape, width, seed=seed + 1)
    left = (groups.gather(a) * b).sum()
    right = (a * groups.scatter(b, len(y))).sum()
    assert float(left) == pytest.approx(float(right), abs=1e-12)


def test_pooled_is_the_mean_over_all_rows():
    y = rows(0, 1, 1, 1, 2)
    batch = Batch((normal(5, 2),), y, ByClass().partition(y, rows(1, 3, 1), torch.float64))
    pooled = batch.pooled()
    assert pooled.groups.gather(normal(5)).shape == (1, 5)
    assert torch.equal(pooled.groups.weight, torch.full((1, 5), 0.2, dtype=torch.float64))
    assert torch.equal(pooled.groups.importance, torch.ones(1, dtype=torch.float64))
    assert pooled.y is y


def test_detach_cuts_the_inputs_off_and_keeps_their_values():
    x = normal(3, 2).requires_grad_()
    y = rows(0, 1, 1)
    batch = Batch((2 * x,), y, ByClass().partition(y, rows(1, 2), torch.float64))
    (cut,) = batch.detach().inputs
    assert batch.inputs[0].requires_grad
    assert not cut.requires_grad
    assert torch.equal(cut, 2 * x)


def test_targets_are_one_hot_or_pass_through():
    hard = targets(rows(2, 0), 3, torch.float64)
    assert hard.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert hard.dtype == torch.float64
    soft = torch.tensor([[0.3, 0.7]])
    assert torch.equal(targets(soft, 2, torch.float32), soft)
    assert targets(soft, 2, torch.float64).dtype == torch.float64
