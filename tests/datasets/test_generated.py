from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

import gcond
from gcond.datasets import SHAPES, Shape, as_task, generate, generated, list_datasets, load_dataset
from gcond.datasets import block_model as blocks
from gcond.datasets.block_model import BlockModel
from gcond.graph.store import Store


@pytest.mark.parametrize("name", SHAPES)
def test_sizes_are_those_of_the_real_graphs(name):
    shape = SHAPES[name]
    found = shape.num_nodes, shape.num_edges, shape.num_features, shape.num_classes
    assert (
        found
        == {
            "flickr-like": (89_250, 899_756, 500, 7),
            "arxiv-like": (169_343, 2_315_598, 128, 40),
            "reddit-like": (232_965, 114_615_892, 602, 41),
            "products-like": (2_449_029, 123_718_280, 100, 47),
        }[name]
    )
    assert name in list_datasets()


@pytest.mark.parametrize("name", SHAPES)
def test_a_generated_graph_is_what_its_shape_says(name, tmp_path):
    store = generate(name, tmp_path, num_nodes=3000)
    shape = SHAPES[name]
    assert store.folder == tmp_path / "stores" / f"{name}-3000"
    assert (store.num_nodes, store.num_features) == (3000, shape.num_features)
    counts, edges = shape.scaled(3000)
    assert abs(store.num_edges / edges - 1) < 0.03
    assert edges == round(3000 * min(shape.num_edges / shape.num_nodes, 3000 / 32))
    adj = sp.csr_array((np.ones(store.num_edges), store.indices, store.indptr), shape=(3000, 3000))
    assert (adj != adj.T).nnz == 0
    for number, split in enumerate(counts):
        rows = np.flatnonzero(store.split == number)
        assert np.bincount(store.y[rows], minlength=shape.num_classes).tolist() == split
    assert store.about["setting"] == shape.setting


def test_arxiv_like_has_the_class_counts_of_arxiv():
    train = SHAPES["arxiv-like"].counts[0]
    assert sum(train) == 90_941
    assert (train[16], train[28], train[12]) == (9998, 16284, 21)


def test_homophily_noise_and_degrees_are_as_asked(tmp_path):
    shape = Shape(((4000, 2000), (500, 500), (1500, 1500)), 100_000, 16, homophily=0.7)
    shape = replace(shape, label_noise=0.2, topics=2, tail=1e-3)
    store = generated.write("mine", tmp_path / "mine", shape=shape)
    adj = sp.csr_array((np.ones(store.num_edges), store.indices, store.indptr))
    degrees = np.diff(store.indptr)
    assert abs(store.num_edges / 100_000 - 1) < 0.02
    assert degrees.max() > 8 * degrees.mean()
    means = np.stack([np.asarray(store.x)[store.y == c].mean(0) for c in range(2)])
    away = np.linalg.norm(means[0] - means[1]) / np.sqrt(2 * 16)
    assert 0.5 * shape.class_spread < away < 3 * shape.class_spread
    rows = np.repeat(np.arange(store.num_nodes), degrees)
    same = (store.y[rows] == store.y[adj.indices]).mean()
    clean = replace(shape, label_noise=0.0)
    store = generated.write("clean", tmp_path / "clean", shape=clean)
    rows = np.repeat(np.arange(store.num_nodes), np.diff(store.indptr))
    exact = (store.y[rows] == store.y[store.indices]).mean()
    assert abs(exact - 0.7) < 0.03
    assert same < exact - 0.05


def test_the_same_seed_gives_the_same_files_whatever_is_in_memory(tmp_path, monkeypatch):
    a = generate("arxiv-like", tmp_path, num_nodes=2000)
    monkeypatch.setattr("gcond.datasets.edges.IN_MEMORY", 1000)
    b = generate("arxiv-like-2000", folder=tmp_path / "b")
    assert a.digest == b.digest
    c = generate("arxiv-like", tmp_path, num_nodes=2000, seed=1)
    assert c.folder.name == "arxiv-like-2000-seed1"
    assert c.digest != a.digest
    half = generate("arxiv-like-2000", folder=tmp_path / "half", x_dtype=np.float16)
    np.testing.assert_allclose(half.x, a.x, atol=2e-3)
    np.testing.assert_array_equal(half.indices, a.indices)


def test_the_number_of_draws_foresees_duplicates_and_loops():
    rng = np.random.default_rng(0)
    mixing = rng.random((3, 3)) + 2 * np.eye(3)
    mixing = (mixing + mixing.T) / (mixing + mixing.T).sum()
    model = BlockModel(rng.permutation(90), np.array([50, 30, 10]), mixing, 1e-2)
    many = model.draws(1500, [0])
    assert many > 2000  # of 4005 pairs
    pairs = np.sort(np.concatenate(list(model.edges(many, [1])), 1), 0)
    distinct = np.unique(pairs[:, pairs[0] != pairs[1]], axis=1).shape[1]
    assert abs(distinct / 1500 - 1) < 0.05
    with pytest.raises(ValueError, match="do not fit between 90 nodes"):
        model.draws(5000, [0])


def test_ranks_follow_the_power_law(monkeypatch):
    model = BlockModel(np.arange(1000), np.array([1000]), np.ones((1, 1)), 1e-4)
    drawn = np.concatenate([part.ravel() for part in model.edges(400_000, [0])])
    found = np.bincount(drawn, minlength=1000) / len(drawn)
    expected = model._share(np.arange(1000), np.full(1000, 1000))
    assert expected.sum() == pytest.approx(1)
    np.testing.assert_allclose(found[[0, 1, 10, 100]], expected[[0, 1, 10, 100]], rtol=0.1)
    assert expected[10] / expected[100] == pytest.approx((100.5 / 10.5) ** 0.5, rel=0.02)
    assert blocks.CHUNK == 1 << 20  # a part of what a seed means


@pytest.mark.parametrize(
    ("name", "parts", "spelled"),
    [
        ("arxiv-like", ("arxiv-like", None, 0), "arxiv-like"),
        ("Arxiv-Like-169343", ("arxiv-like", 169_343, 0), "arxiv-like"),
        ("reddit-like-500-seed3", ("reddit-like", 500, 3), "reddit-like-500-seed3"),
        ("reddit-like-seed3", ("reddit-like", None, 3), "reddit-like-seed3"),
    ],
)
def test_names_say_size_and_seed(name, parts, spelled):
    assert generated.parse(name) == parts
    assert generated.spelled(*parts) == spelled


def test_other_names_and_sizes_are_refused(tmp_path):
    assert generated.parse("arxiv-like-x") is None
    with pytest.raises(ValueError, match="did you mean 'arxiv-like'"):
        generate("arxiv-lik", tmp_path)
    with pytest.raises(ValueError, match="the least is 120"):
        generate("arxiv-like", tmp_path, num_nodes=100)
    assert not list(tmp_path.iterdir())
    generate("flickr-like", tmp_path, num_nodes=100)
    with pytest.raises(FileExistsError, match="flickr-like-100 is there already"):
        generate("flickr-like", tmp_path, num_nodes=100)
    assert generate("flickr-like-100", tmp_path, overwrite=True).num_nodes == 100


def test_a_name_is_a_dataset_generated_where_it_is_not_there(tmp_path, caplog):
    caplog.set_level("INFO", "gcond")
    small = gcond.condense("flickr-like-600", num_nodes=14, method="random", root=tmp_path)
    folder = tmp_path / "stores" / "flickr-like-600"
    assert f"generating flickr-like-600 in {folder}" in caplog.text
    assert small.source.setting == "inductive"
    assert small.source.name == "flickr-like-600"
    assert gcond.evaluate(small, seeds=1, baselines=(), root=tmp_path).mean > 0
    in_memory = as_task(load_dataset("flickr-like-600", tmp_path))
    assert in_memory.fingerprint == small.source.fingerprint
    assert load_dataset("flickr-like-600", tmp_path).num_features == 500
    by_folder = gcond.condense(folder, num_nodes=14, method="random")
    assert by_folder.source == small.source
    assert as_task(Store.open(folder)).preprocess.kind == "standard"
    with pytest.raises(ValueError, match="split=1, but flickr-like-600 has one split"):
        as_task(folder, split=1)
    with pytest.raises(FileNotFoundError, match="holds no graph"):
        gcond.condense(tmp_path)


def test_a_root_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("gcond.datasets.big._writable", lambda folder: "home" in str(folder))
    monkeypatch.setattr("gcond.datasets.big._home", lambda: tmp_path / "home")
    as_task("flickr-like-300", root=tmp_path / "shared")
    assert (tmp_path / "home" / "stores" / "flickr-like-300").is_dir()
    assert not (tmp_path / "shared").exists()
