import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch_geometric.data import Data
from torch_geometric.transforms import NormalizeFeatures

import gcond
from gcond.graph.preprocess import Preprocess, fit
from gcond.testing import example_graph

TRAIN = np.array([0, 2, 3])


def counts():
    x = np.random.default_rng(0).poisson(0.7, (6, 5)).astype(np.float32)
    x[4] = 0
    return x


def measurements():
    x = np.random.default_rng(1).normal(3, 2, (6, 5)).astype(np.float32)
    x[:, 2] = 7
    return x


@pytest.mark.parametrize("layout", [np.array, sp.csr_array], ids=["dense", "sparse"])
def test_auto_is_row_for_non_negative_features_and_standard_for_others(layout):
    assert fit("auto", layout(counts()), TRAIN).kind == "row"
    assert fit("auto", layout(counts() - 1), TRAIN).kind == "standard"


@pytest.mark.parametrize("kind", ["row", "standard", "none"])
def test_a_kind_that_is_named_is_taken(kind):
    assert fit(kind, counts(), TRAIN).kind == kind


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"unknown normalisation 'rows'.*'auto', 'row'"):
        fit("rows", counts(), TRAIN)


def test_row_equals_pyg_and_keeps_empty_rows():
    found = fit("row", counts(), TRAIN)(counts())
    expected = NormalizeFeatures()(Data(x=torch.tensor(counts()))).x
    assert torch.allclose(torch.tensor(found), expected, atol=1e-6)
    assert np.allclose(found.sum(1), [1, 1, 1, 1, 0, 1])


def test_row_divides_by_absolute_values():
    found = Preprocess("row")(np.array([[-1.0, 3.0]]))
    assert found.tolist() == [[-0.25, 0.75]]


@pytest.mark.parametrize("kind", ["row", "none"])
def test_sparse_features_stay_sparse_and_get_the_same_numbers(kind):
    prepared = fit(kind, sp.csr_array(counts()), TRAIN)
    found = prepared(sp.csr_array(counts()))
    assert sp.issparse(found)
    assert found.format == "csr"
    assert np.allclose(found.toarray(), prepared(counts()), atol=1e-6)


@pytest.mark.parametrize("layout", [np.array, sp.csr_array], ids=["dense", "sparse"])
def test_standard_is_fitted_on_the_training_rows_only(layout):
    x = measurements()
    prepared = fit("standard", layout(x), TRAIN)
    train = prepared(layout(x))[TRAIN]
    constant = np.arange(5) == 2
    assert np.allclose(train.mean(0), 0, atol=1e-5)
    assert np.allclose(train.std(0)[~constant], 1, atol=1e-5)
    assert np.allclose(prepared(layout(x))[:, constant], 0)
    changed = x.copy()
    changed[[1, 4, 5]] += 100
    assert fit("standard", changed, TRAIN) == fit("standard", x, TRAIN)


@pytest.mark.parametrize("kind", ["row", "standard", "none"])
@pytest.mark.parametrize("layout", [np.array, sp.csr_array], ids=["dense", "sparse"])
def test_the_input_is_not_changed_and_the_type_is_kept(kind, layout):
    x = layout(counts())
    found = fit(kind, x, TRAIN)(x)
    assert np.array_equal(x.toarray() if sp.issparse(x) else x, counts())
    assert found.dtype == np.float32


def test_the_long_statistics_are_not_part_of_the_repr():
    assert repr(fit("standard", measurements(), TRAIN)) == "Preprocess(kind='standard', scale=1.0)"


def test_auto_lengthens_short_rows_and_leaves_others_as_they_are():
    rng = np.random.default_rng(0)
    dense, sparse = np.ones((20, 400), np.float32), np.eye(20, dtype=np.float32)
    fitted = fit("auto", dense, np.arange(10))
    assert fitted.kind == "row"
    norms = np.linalg.norm(fitted(dense), axis=1)
    assert np.allclose(norms, 0.15, atol=1e-6)
    assert fit("auto", sparse, np.arange(10)) == Preprocess("row")
    assert fit("row", dense, np.arange(10)) == Preprocess("row")
    csr = sp.csr_array(dense * (rng.random(dense.shape) < 0.8))
    again = fit("auto", csr, np.arange(20))
    assert again.scale > 1
    assert np.allclose(again(csr).toarray(), again(csr.toarray()))
    assert fit(again, csr, np.arange(20)) is again


def test_a_result_remembers_the_scale_of_its_features(tmp_path):
    data = example_graph()
    data.x = torch.rand(len(data.x), 500)
    small = gcond.condense(data, num_nodes=6, method="random")
    assert small.source.preprocess.scale > 1
    small.save(tmp_path / "a.safetensors")
    back = gcond.Condensed.load(tmp_path / "a.safetensors")
    assert back.source.preprocess == small.source.preprocess
    prepared = back.prepare(data).x
    assert float(prepared.square().sum(1).mean().sqrt()) == pytest.approx(0.15, rel=0.05)
    assert gcond.evaluate(back, data, seeds=1, baselines=()).rows
