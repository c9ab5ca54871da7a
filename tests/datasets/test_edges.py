import numpy as np
import pytest
import scipy.sparse as sp

from gcond.datasets import edges as module
from gcond.datasets.edges import neighbours


def simple(pairs, n):
    adj = sp.coo_array((np.ones(pairs.shape[1]), pairs), shape=(n, n)).tocsr()
    adj = sp.csr_array(((adj + adj.T) > 0).astype(np.float32))
    adj.setdiag(0)
    adj.eliminate_zeros()
    return adj


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 1000])
@pytest.mark.parametrize("in_memory", [1 << 22, 500, 1])
def test_rows_are_the_simple_graph_whatever_the_pieces(n, in_memory, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "IN_MEMORY", in_memory)
    monkeypatch.setattr(module, "CHUNK", 97)
    pairs = np.random.default_rng(n).integers(n, size=(2, 2000))
    pieces = np.split(pairs, [0, 5, 700], 1)
    found = list(neighbours(pieces, n, tmp_path, expected=2000))
    degrees, ends = (np.concatenate(part) for part in zip(*found, strict=True))
    expected = simple(pairs, n)
    expected.sort_indices()
    np.testing.assert_array_equal(degrees, np.diff(expected.indptr))
    np.testing.assert_array_equal(ends, expected.indices)
    assert ends.dtype == np.int32
    assert in_memory > 1000 or n < 64 or len(found) > 3
    assert not list(tmp_path.iterdir())


def test_wrong_nodes_are_named_and_nothing_is_left(tmp_path):
    with pytest.raises(ValueError, match="edges name nodes 0 to 9, but the graph has nodes 0 to 8"):
        list(neighbours([np.array([[0], [9]])], 9, tmp_path, expected=1))
    assert not list(tmp_path.iterdir())
