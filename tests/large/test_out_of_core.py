import os
import signal
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from stored import stored

from gcond.graph.large import plan
from gcond.graph.large.edges import Edges, neighbour_sums
from gcond.graph.large.propagation import Plan, Propagation
from gcond.graph.preprocess import fit
from gcond.graph.propagation import normalise, propagate
from gcond.testing import example_graph

PLENTY = 2**33


@pytest.fixture
def store(tmp_path):
    return stored(tmp_path / "graph", example_graph(), unlabelled=30)


@pytest.fixture
def narrow(monkeypatch):
    """Several blocks of columns and several pieces of edges, however small the graph."""
    monkeypatch.setattr(plan, "WIDEST", 3)
    of = Plan.of
    monkeypatch.setattr(Plan, "of", lambda *a: Plan(of(*a).width, edges=300, rows=50, chunk=70))


def adjacency(store, within=False):
    n = store.num_nodes
    ones = np.ones(store.num_edges)
    adj = sp.csr_array((ones, np.asarray(store.indices), np.asarray(store.indptr)), (n, n))
    if not within:
        return adj
    split = np.asarray(store.split)
    coo = adj.tocoo()
    same = (split[coo.row] == split[coo.col]) & (split[coo.row] >= 0)
    return sp.coo_array((coo.data[same], (coo.row[same], coo.col[same])), (n, n)).tocsr()


def job(store, **options):
    preprocess = fit("standard", np.asarray(store.x), store.rows("train"))
    return Propagation(store, preprocess, 2, **options)


def read(file):
    return file.read(0, file.shape[0])


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("which", ["labelled", "all"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("float16", 5e-3)])
def test_blocks_of_columns_and_rows_equal_one_sparse_product(
    store, narrow, tmp_path, within, which, precision, tolerance
):
    work = job(store, within=within, which=which, precision=precision)
    found = work.run(tmp_path / "cache", PLENTY)
    a_hat = normalise(adjacency(store, within))
    x = work.preprocess(np.asarray(store.x)).astype(np.float64)
    assert len(work.rows) == (240 if which == "all" else 210)
    for hops in (1, 2):
        assert found[f"hop{hops}"].dtype == precision
        expected = propagate(a_hat, x, hops, work.rows)
        np.testing.assert_allclose(read(found[f"hop{hops}"]), expected, atol=tolerance)


def test_rows_that_nothing_needs_are_left_out(tmp_path):
    """A path with one labelled end: two hops see three nodes of it."""
    data = example_graph(60)
    n = torch.arange(59)
    data.edge_index = torch.cat([torch.stack([n, n + 1]), torch.stack([n + 1, n])], 1)
    for i, name in enumerate(("train_mask", "val_mask", "test_mask")):
        data[name] = torch.arange(60) == (0 if i == 0 else 60)
    store = stored(tmp_path / "path", data)
    work = job(store)
    reach = Edges.of(store).reach(np.asarray(store.split) >= 0, 100)
    assert reach.nonzero()[0].tolist() == [0, 1]
    found = work.run(tmp_path / "cache", PLENTY)
    x = work.preprocess(np.asarray(store.x))
    expected = propagate(normalise(adjacency(store)), x, 2, work.rows)
    np.testing.assert_allclose(read(found["hop2"]), expected, atol=1e-6)


def test_sums_of_neighbours_equal_a_csr_product_to_rounding(store):
    u = torch.randn(store.num_nodes, 5, dtype=torch.float64)
    piece = next(Edges.of(store).pieces(None, 10**6, 10**6))
    expected = adjacency(store) @ u.numpy()
    np.testing.assert_allclose(neighbour_sums(piece, u).numpy(), expected, rtol=1e-12, atol=1e-12)


def test_the_normalisation_is_never_stored(store):
    scale = Edges.of(store).scale()
    full = normalise(adjacency(store))
    np.testing.assert_allclose(full.diagonal(), scale**2, rtol=1e-6)


def interrupted(store, cache, share, error=KeyboardInterrupt):
    def stop(done):
        if done > share:
            raise error

    with pytest.raises(error):
        job(store).run(cache, PLENTY, stop)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.95])
def test_an_interrupted_propagation_continues_with_the_same_result(store, narrow, tmp_path, share):
    every, told = [], []
    whole = job(store).run(tmp_path / "whole", PLENTY, every.append)
    interrupted(store, tmp_path / "cut", share)
    found = job(store).run(tmp_path / "cut", PLENTY, told.append)
    for name, file in whole.items():
        assert read(file).tobytes() == read(found[name]).tobytes()
    # No more than one of six blocks was lost; those that were skipped are told of, too.
    assert len(told) <= (1 - share + 1 / 6) * len(every) + 6
    assert [path.suffix for path in (tmp_path / "cut").iterdir()].count(".work") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
def test_a_killed_propagation_continues_with_the_same_result(store, narrow, tmp_path):
    whole = job(store).run(tmp_path / "whole", PLENTY)
    child = os.fork()
    if not child:
        job(store).run(
            tmp_path / "cut",
            PLENTY,
            lambda done: os.kill(os.getpid(), signal.SIGKILL) if done > 0.6 else None,
        )
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    found = job(store).run(tmp_path / "cut", PLENTY)
    assert read(found["hop2"]).tobytes() == read(whole["hop2"]).tobytes()


def test_a_block_that_was_damaged_while_nobody_looked_is_computed_again(store, narrow, tmp_path):
    whole = job(store).run(tmp_path / "whole", PLENTY)
    interrupted(store, tmp_path / "cut", 0.6)
    block = next((tmp_path / "cut").glob("*.work/hop2.0.npy"))
    block.write_bytes(block.read_bytes()[:-4])
    found = job(store).run(tmp_path / "cut", PLENTY)
    assert read(found["hop2"]).tobytes() == read(whole["hop2"]).tobytes()


def test_what_is_in_the_cache_is_not_computed_again(store, tmp_path):
    job(store).run(tmp_path, PLENTY)
    told = []
    found = job(store).run(tmp_path, PLENTY, told.append)
    assert not told
    assert set(found) == {"hop1", "hop2"}


@pytest.mark.parametrize("damage", ["cut", "changed", "swapped"])
def test_a_damaged_cache_is_noticed_and_computed_again(store, tmp_path, damage, caplog):
    found = job(store).run(tmp_path, PLENTY)
    path, content = Path(found["hop2"].path), read(found["hop2"]).tobytes()
    file = path.read_bytes()
    if damage == "cut":
        path.write_bytes(file[:-4])
    elif damage == "changed":
        path.write_bytes(file[:-1] + bytes([file[-1] ^ 1]))
    else:
        path.write_bytes((path.parent / "hop1.npy").read_bytes())
    again = job(store).run(tmp_path, PLENTY)
    assert read(again["hop2"]).tobytes() == content
    assert "it is computed again" in caplog.text


def test_other_features_edges_or_settings_have_another_place(tmp_path):
    one = stored(tmp_path / "one", example_graph())
    two = stored(tmp_path / "two", example_graph(seed=1))
    keys = [job(one).key, job(two).key, job(one, within=True).key, job(one, which="all").key]
    keys += [job(one, precision="float16").key]
    assert len({str(key) for key in keys}) == len(keys)


def test_a_budget_that_is_too_small_says_what_is_needed(store, tmp_path):
    with pytest.raises(MemoryError, match=r"too little to propagate 240 nodes.*give memory=\d+"):
        job(store).run(tmp_path, 10**6)


def test_sums_that_overflow_half_precision_are_refused(tmp_path):
    data = example_graph()
    data.x = data.x * 0 + 6e4
    store = stored(tmp_path / "large", data)
    preprocess = fit("none", np.asarray(store.x), store.rows("train"))
    with pytest.raises(FloatingPointError, match="propagate in float32"):
        Propagation(store, preprocess, 2, precision="float16").run(tmp_path, PLENTY)


def test_a_wide_budget_takes_wide_blocks_and_a_small_one_narrow_ones(tmp_path):
    store = stored(tmp_path / "graph", example_graph())
    assert Plan.of(job(store), PLENTY).width == 16
    assert Plan.of(job(store), PLENTY).blocks(16) == [range(16)]
    assert Plan(5, 1, 1, 1).blocks(16)[-1] == range(15, 16)
