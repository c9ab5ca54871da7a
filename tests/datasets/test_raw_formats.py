"""Big graphs read from miniature files of every raw format, beside PyG's and OGB's own loaders."""

import shutil
import sys

import numpy as np
import pytest
import raw_files
import torch
from raw_files import mini

import gcond
from gcond.datasets import NodeData, as_task, load_dataset, pack
from gcond.graph.store import Store

WRITERS = {
    "flickr": raw_files.flickr,
    "reddit": raw_files.reddit,
    "ogbn-arxiv": lambda root, g: raw_files.ogb(root, "ogbn-arxiv", g),
    "ogbn-products": lambda root, g: raw_files.ogb(root, "ogbn-products", g),
    "ogbn-papers100M": raw_files.papers,
}


@pytest.fixture(scope="module")
def g():
    return mini()


@pytest.fixture(params=WRITERS)
def written(request, g, tmp_path):
    """Name and root of each of the datasets."""
    return request.param, WRITERS[request.param](tmp_path, g)


def theirs(name, root, monkeypatch):
    """What PyG's or OGB's own loader makes of a copy of the same files."""
    copy = root.parent / f"{root.name}-copy"
    shutil.copytree(root, copy)
    if not name.startswith("ogbn"):
        import torch_geometric.datasets

        return getattr(torch_geometric.datasets, name.capitalize())(str(copy / name.capitalize()))[
            0
        ]
    monkeypatch.setitem(sys.modules, "outdated", None)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("OGB asks"))
    load = torch.load  # OGB opens its own cache in a way that torch has come to refuse
    monkeypatch.setattr(torch, "load", lambda path: load(path, weights_only=False))
    from ogb.nodeproppred import PygNodePropPredDataset

    dataset = PygNodePropPredDataset(name, root=str(copy / "ogb"))
    data, split = dataset[0], dataset.get_idx_split()
    for ours, part in (("train", "train"), ("val", "valid"), ("test", "test")):
        mask = torch.zeros(data.num_nodes, dtype=torch.bool)
        mask[torch.as_tensor(split[part])] = True
        data[f"{ours}_mask"] = mask
    data.y = torch.where(data.y.isnan(), -1, data.y).long().squeeze(1)
    return data


def test_as_published_it_is_what_pyg_and_ogb_load(written, monkeypatch, capsys):
    name, root = written
    ours = load_dataset(name, root, edges="published")
    before = sorted(root.rglob("*"))
    data = theirs(name, root, monkeypatch)
    for field in ("x", "edge_index", "y", "train_mask", "val_mask", "test_mask"):
        assert torch.equal(ours[field], data[field]), field
        assert ours[field].dtype == data[field].dtype, field
    assert sorted(root.rglob("*")) == before  # nothing is written beside the raw files


def test_simple_edges_are_pygs_to_undirected_without_loops(written, monkeypatch):
    from torch_geometric.utils import remove_self_loops, to_undirected

    name, root = written
    published = load_dataset(name, root, edges="published").edge_index
    expected = remove_self_loops(to_undirected(published))[0]
    assert torch.equal(load_dataset(name, root).edge_index, expected)


def test_a_name_a_data_and_a_store_give_the_same_task(written, g):
    name, root = written
    by_name = as_task(name, root=root)
    inductive = name in ("flickr", "reddit")
    assert by_name.setting == ("inductive" if inductive else "transductive")
    assert by_name.preprocess.kind == "standard"
    train = load_dataset(name, root).x[by_name.index["train"]].double()
    np.testing.assert_allclose(by_name.preprocess.mean, train.mean(0), atol=1e-6)
    np.testing.assert_allclose(by_name.preprocess.std, train.std(0, correction=0), atol=1e-6)
    assert (by_name.adj != g.simple).nnz == 0
    assert np.array_equal(by_name.index["val"], np.flatnonzero(g.role == 1))
    by_data = as_task(load_dataset(name, root), setting=by_name.setting, normalize="standard")
    assert by_data.fingerprint == by_name.fingerprint
    store = pack(name, root)
    assert store.folder == root / "stores" / name.lower()
    shutil.rmtree(root / "ogb" if name.startswith("ogb") else root / name.capitalize())
    for again in (as_task(name, root=root), as_task(store.folder), as_task(str(store.folder))):
        assert again.fingerprint == by_name.fingerprint
        assert (again.setting, again.preprocess.kind) == (by_name.setting, "standard")
        np.testing.assert_allclose(again.preprocess.std, by_name.preprocess.std, rtol=1e-6)
        assert as_task(NodeData.from_store(store)).fingerprint == by_name.fingerprint
    assert torch.equal(load_dataset(name, root).edge_index, by_data_edges(by_name))


def by_data_edges(task):
    coo = task.adj.tocoo()
    return torch.as_tensor(np.stack([coo.row, coo.col])).long()


def test_condense_takes_the_name_and_its_usual_setting(written):
    name, root = written
    small = gcond.condense(name, num_nodes=8, method="random", root=root)
    task = as_task(name, root=root)
    assert small.source.setting == task.setting
    assert small.source.num_nodes == task.num_nodes
    assert gcond.evaluate(small, seeds=1, baselines=(), root=root).mean >= 0
    other = "transductive" if task.setting == "inductive" else "inductive"
    said = as_task(name, root=root, setting=other, normalize="none")
    assert (said.setting, said.preprocess.kind) == (other, "none")


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("fortran", [True, False])
def test_papers_are_read_however_their_arrays_are_stored(g, tmp_path, compressed, fortran):
    raw_files.papers(
        tmp_path, g, compressed=compressed, fortran=fortran, numpy_split=compressed == fortran
    )
    task = as_task("ogbn-papers100M", root=tmp_path)
    assert (task.adj != g.simple).nnz == 0
    np.testing.assert_array_equal(load_dataset("ogbn-papers100m", tmp_path).x, g.x)
    assert (load_dataset("ogbn-papers100m", tmp_path).y[g.role < 0] == -1).all()


def test_packing_in_half_precision(g, tmp_path):
    raw_files.reddit(tmp_path, g, compressed=False)
    store = pack("reddit", tmp_path, folder=tmp_path / "half", x_dtype=np.float16)
    assert Store.open(tmp_path / "half").digest == store.digest
    np.testing.assert_allclose(store.x, g.x, atol=2e-3)
    with pytest.raises(FileExistsError, match="is there already"):
        pack("reddit", tmp_path, folder=tmp_path / "half")
    with pytest.raises(ValueError, match="did you mean 'reddit'"):
        pack("redit", tmp_path)


MISSING = {
    "flickr": "Flickr/raw",
    "reddit": "Reddit/raw",
    "ogbn-arxiv": "ogb/ogbn_arxiv/raw/edge.csv.gz",
    "ogbn-products": "ogb/ogbn_products/raw/edge.csv.gz",
    "ogbn-papers100M": "ogb/ogbn_papers100M/raw/data.npz",
}


@pytest.mark.parametrize("name", MISSING)
def test_without_network_the_error_says_which_files_go_where(name, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(FileNotFoundError, match="could not be downloaded from") as caught:
        as_task(name, root=tmp_path)
    assert str(tmp_path / MISSING[name]) in str(caught.value)
    if name == "flickr":
        assert "adj_full.npz, feats.npy, class_map.json, role.json" in str(caught.value)


def test_files_that_do_not_fit_are_refused(g, tmp_path):
    raw = raw_files.flickr(tmp_path, g) / "Flickr" / "raw"
    np.save(raw / "feats.npy", g.x[:-1])
    with pytest.raises(ValueError, match="is for 80 nodes, the features for 79"):
        as_task("flickr", root=tmp_path)
    top = raw_files.ogb(tmp_path, "ogbn-arxiv", g) / "ogb" / "ogbn_arxiv"
    raw_files._table(top / "split" / "time" / "test.csv.gz", [[80]])
    with pytest.raises(ValueError, match="names node 80, the graph has 80 nodes"):
        as_task("ogbn-arxiv", root=tmp_path)
    raw_files._table(top / "split" / "time" / "test.csv.gz", [[0]])
    with pytest.raises(ValueError, match="overlap"):
        as_task("ogbn-arxiv", root=tmp_path)
    (top / "raw" / "node-feat.csv.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"node-feat\.csv\.gz is missing; get http"):
        as_task("ogbn-arxiv", root=tmp_path)


def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(g, tmp_path, monkeypatch):
    raw_files.reddit(tmp_path, g)
    monkeypatch.setattr("os.sysconf", lambda name: 10)
    with pytest.raises(ValueError, match="reddit takes about 0 GB in memory"):
        as_task("reddit", root=tmp_path)


def test_real_labels_and_splits_of_arxiv(real_data, g, tmp_path):
    """The real tables that are there, with made-up edges and features beside them."""
    partial = real_data / "ogb" / "ogbn_arxiv_partial"
    if not partial.exists():
        pytest.skip("no ogbn_arxiv_partial")
    top = tmp_path / "ogbn_arxiv"
    shutil.copytree(partial, top)
    n = 169_343
    raw_files._table(top / "raw" / "edge.csv.gz", np.stack([np.arange(n - 1), np.arange(1, n)], 1))
    raw_files._table(top / "raw" / "node-feat.csv.gz", np.arange(n)[:, None] % 7)
    task = as_task("ogbn-arxiv", root=tmp_path)
    assert [len(task.index[s]) for s in ("train", "val", "test")] == [90_941, 29_799, 48_603]
    from gcond.datasets.generated import SHAPES

    assert tuple(task.train_counts) == SHAPES["arxiv-like"].counts[0]
