import json
import shutil

import numpy as np
import pytest

from gcond.graph.store import Store, StoreError, StoreWriter, is_store

DEGREES = np.array([2, 1, 1, 2, 0])
NEIGHBOURS = np.array([1, 3, 0, 3, 0, 2])


def write(folder, name="five", chunk=2, seed=0, **options):
    rng = np.random.default_rng(seed)
    x, y, split = rng.normal(size=(5, 3)), np.array([0, 1, 1, -1, 0]), np.array([0, 0, 1, -1, 2])
    ptr = np.concatenate([[0], DEGREES.cumsum()])
    with StoreWriter(folder, name, 5, 3, 2, **options) as writer:
        for start in range(0, 5, chunk):
            rows = slice(start, start + chunk)
            degrees = DEGREES[rows]
            writer.add_neighbours(degrees, NEIGHBOURS[ptr[start] :][: degrees.sum()])
            writer.add("x", x[rows])
            writer.add("y", y[rows])
            writer.add("split", split[rows])
    return x


def test_what_is_written_in_chunks_is_read_back(tmp_path):
    x = write(tmp_path / "a", chunk=2)
    write(tmp_path / "b", chunk=5)
    a, b = Store.open(tmp_path / "a"), Store.open(tmp_path / "b")
    assert repr(a) == "Store(five, 5 nodes, 6 edges, 3 features, 2 classes)"
    assert a.digest == b.digest
    assert isinstance(a.x, np.memmap)
    assert a.x.dtype == np.float32
    np.testing.assert_array_equal(a.x, x.astype(np.float32))
    np.testing.assert_array_equal(a.indptr, [0, 2, 3, 4, 6, 6])
    np.testing.assert_array_equal(a.indices, NEIGHBOURS)
    assert a.indices.dtype == np.int32
    assert a.rows("train").tolist() == [0, 1]
    assert a.rows("test").tolist() == [4]
    a.verify()
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a", "b"]


def test_half_precision_halves_the_features(tmp_path):
    x = write(tmp_path / "a", x_dtype=np.float16)
    store = Store.open(tmp_path / "a")
    assert store.x.dtype == np.float16
    np.testing.assert_allclose(store.x, x, rtol=1e-3)
    with (
        pytest.raises(ValueError, match="too large for float16"),
        StoreWriter(tmp_path / "b", "b", 1, 1, 1, x_dtype=np.float16) as writer,
    ):
        writer.add("x", np.full((1, 1), 1e6))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("part", ["indptr", "indices", "x", "y", "split"])
def test_truncated_changed_or_swapped_arrays_are_refused(tmp_path, part):
    write(tmp_path / "a")
    write(tmp_path / "b", seed=1)
    path = tmp_path / "a" / f"{part}.npy"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(StoreError, match=rf"{part}\.npy has {len(content) - 1} bytes"):
        Store.open(tmp_path / "a")
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match="is not the array that was written"):
        Store.open(tmp_path / "a")
    path.unlink()
    with pytest.raises(StoreError, match="is missing"):
        Store.open(tmp_path / "a")
    path.write_bytes(content)
    Store.open(tmp_path / "a")
    shutil.copy(tmp_path / "b" / "x.npy", tmp_path / "a")
    with pytest.raises(StoreError, match=r"x\.npy"):
        Store.open(tmp_path / "a")


def test_a_change_anywhere_is_found_by_verify(tmp_path):
    with StoreWriter(tmp_path / "a", "a", 4096, 4096, 1) as writer:  # 64 MiB
        writer.add_neighbours(np.zeros(4096), np.zeros(0))
        for _ in range(16):
            writer.add("x", np.zeros((256, 4096), dtype=np.float32))
        writer.add("y", np.zeros(4096))
        writer.add("split", np.zeros(4096))
    store = Store.open(tmp_path / "a")
    store.verify()
    with (tmp_path / "a" / "x.npy").open("r+b") as file:
        file.seek(100_000)  # between the blocks that opening looks at
        file.write(b"\x01")
    Store.open(tmp_path / "a")
    with pytest.raises(StoreError, match="checksum"):
        store.verify()


def test_meta_is_checked(tmp_path):
    write(tmp_path / "a")
    path = tmp_path / "a" / "meta.json"
    text = path.read_text()
    path.write_text(text.replace('"five"', '"four"'))
    with pytest.raises(StoreError, match="changed"):
        Store.open(tmp_path / "a")
    path.write_text(text[:50])
    with pytest.raises(StoreError, match="cannot be read"):
        Store.open(tmp_path / "a")
    path.write_text(json.dumps(json.loads(text) | {"format": 2}))
    with pytest.raises(StoreError, match="format 2"):
        Store.open(tmp_path / "a")
    path.unlink()
    assert not is_store(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="holds no graph"):
        Store.open(tmp_path / "a")


def test_nothing_is_there_before_it_is_whole(tmp_path):
    with (
        pytest.raises(ValueError, match=r"x of five has 0 rows, 5"),
        StoreWriter(tmp_path / "a", "five", 5, 3, 2) as writer,
    ):
        writer.add_neighbours(DEGREES, NEIGHBOURS)
    assert not list(tmp_path.iterdir())
    write(tmp_path / "a")
    with pytest.raises(FileExistsError, match="is there already"):
        write(tmp_path / "a")
    with (
        pytest.raises(KeyboardInterrupt),
        StoreWriter(tmp_path / "a", "five", 5, 3, 2, overwrite=True),
    ):
        raise KeyboardInterrupt
    assert Store.open(tmp_path / "a").num_edges == 6
    write(tmp_path / "a", name="again", overwrite=True)
    assert Store.open(tmp_path / "a").name == "again"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("degrees", "neighbours", "message"),
    [
        ([1, 1], [1, 5], "0 to 4"),
        ([1, 1], [0, 0], "self-loops"),
        ([2], [2, 1], "ascend"),
        ([2], [1, 1], "none twice"),
        ([3], [1, 2], "got 2 neighbours"),
        ([0] * 6, [], "node 0 of 5"),
    ],
)
def test_rows_that_are_no_adjacency_are_refused(tmp_path, degrees, neighbours, message):
    with (
        pytest.raises(ValueError, match=message),
        StoreWriter(tmp_path / "a", "five", 5, 3, 2) as writer,
    ):
        writer.add_neighbours(degrees, neighbours)


def test_classes_and_features_are_checked(tmp_path):
    for part, rows, message in (
        ("y", [2], "y must be -1 to 1"),
        ("split", [3], "split must be -1 to 2"),
        ("x", [[np.nan, 0, 0]], "NaN"),
        ("x", [[0, 0]], r"shape \[3\], got \[2\]"),
    ):
        with (
            pytest.raises(ValueError, match=message),
            StoreWriter(tmp_path / "a", "five", 5, 3, 2) as writer,
        ):
            writer.add(part, np.array(rows))
