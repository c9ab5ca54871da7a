"""The way in: named images in the exact formats of their files, tensors, datasets, refusals."""

import gzip
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset, Subset, TensorDataset

import gcond
from gcond.datasets import as_image_task, holds_images, kind_of
from gcond.datasets.named_images import FILES

RNG = np.random.default_rng(0)


def idx(array):
    dims = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return b"\0\0\x08" + bytes([array.ndim]) + dims + array.astype(np.uint8).tobytes()


def arrays(train=40, test=20):
    images = [RNG.integers(0, 256, (n, 28, 28)) for n in (train, test)]
    labels = [np.arange(n) % 10 for n in (train, test)]
    return images[0], labels[0], images[1], labels[1]


def written(folder, content, packed=True):
    folder.mkdir(parents=True)
    for name, array in zip(FILES, content, strict=True):
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))
    return content


def test_digits_are_always_there_with_a_fixed_split():
    one, again, other = (as_image_task("digits-images", split=s) for s in (0, 0, 1))
    assert repr(one) == "ImageTask(digits-images, 1797 images 1x8x8, 1079/359/359 train/val/test)"
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert np.array_equal(np.sort(np.concatenate(list(one.index.values()))), np.arange(1797))
    pixels = one.scale.pixels(one.stored)
    assert (float(pixels.min()), float(pixels.max())) == (0, 1)
    seen = one.images(one.numbers("train"))
    assert abs(float(seen.mean())) < 1e-5
    assert abs(float(seen.std()) - 1) < 1e-3


@pytest.mark.parametrize(
    ("name", "folder", "packed"),
    [
        ("mnist", "mnist", True),
        ("mnist", "images/MNIST/raw", False),
        ("fashion-mnist", "FashionMNIST/raw", True),
        ("fashion-mnist", "images/fashion_mnist", True),
    ],
)
def test_idx_files_are_found_in_our_layout_and_in_torchvisions(name, folder, packed, tmp_path):
    x, y, tests, _ = written(tmp_path / folder, arrays(), packed)
    task = as_image_task(name, root=tmp_path)
    assert np.array_equal(task.stored[:40, 0].numpy(), x)
    assert np.array_equal(task.stored[task.numbers("test"), 0].numpy(), tests)
    assert np.array_equal(task.y[:40], y)
    assert [len(task.index[s]) for s in ("train", "val", "test")] == [30, 10, 20]
    assert task.scale.mean == ((0.1307,) if name == "mnist" else (0.2861,))
    assert task.scale.top == 255
    own = as_image_task(name, root=tmp_path, normalize="standard").scale
    assert own.mean[0] == pytest.approx(task.stored[task.numbers("train")].double().mean() / 255)


def test_validation_is_a_tenth_of_each_class_drawn_by_the_number_of_the_split(tmp_path):
    written(tmp_path / "mnist", arrays(400))
    zero, again, one = (as_image_task("mnist", root=tmp_path, split=s) for s in (0, 0, 1))
    assert np.bincount(zero.y[zero.index["val"]]).tolist() == [4] * 10
    assert np.array_equal(zero.index["val"], again.index["val"])
    assert not np.array_equal(zero.index["val"], one.index["val"])
    assert np.array_equal(zero.index["test"], one.index["test"])


def test_a_damaged_file_is_named(tmp_path):
    written(tmp_path / "mnist", arrays())
    broken = tmp_path / "mnist" / f"{FILES[0]}.gz"
    broken.write_bytes(gzip.compress(gzip.decompress(broken.read_bytes())[:-5]))
    with pytest.raises(ValueError, match="says it holds 40 x 28 x 28 bytes, but has 31355"):
        as_image_task("mnist", root=tmp_path)
    broken.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte.gz cannot be read"):
        as_image_task("mnist", root=tmp_path)
    broken.write_bytes(gzip.compress(b"\0\0\x0d\1" + bytes(8)))
    with pytest.raises(ValueError, match="no file of images or labels in the IDX format"):
        as_image_task("mnist", root=tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_without_files_and_network_the_error_says_which_files_go_where(name, tmp_path, monkeypatch):
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with pytest.raises(FileNotFoundError, match="could not be downloaded from https://") as caught:
        as_image_task(name, root=tmp_path)
    wanted = "test_batch.bin" if name == "cifar10" else "t10k-labels-idx1-ubyte"
    assert wanted in str(caught.value)
    assert str(tmp_path / name.replace("-", "_")) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def batch(n=20):
    return RNG.integers(0, 256, (n, 3072), dtype=np.uint8), (np.arange(n) % 10).tolist()


def cifar(folder, python):
    folder.mkdir(parents=True)
    parts = []
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        data, labels = batch()
        parts.append((data, labels))
        if python:
            content = {b"data": data, b"labels": labels, b"batch_label": name.encode()}
            (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        else:
            rows = np.concatenate([np.array(labels, dtype=np.uint8)[:, None], data], 1)
            (folder / f"{name}.bin").write_bytes(rows.tobytes())
    return parts


@pytest.mark.parametrize("python", [False, True])
def test_cifar10_in_both_versions(python, tmp_path):
    folder = tmp_path / "cifar10" / f"cifar-10-batches-{'py' if python else 'bin'}"
    parts = cifar(folder, python)
    task = as_image_task("cifar10", root=tmp_path)
    assert task.shape == (3, 32, 32)
    assert [len(task.index[s]) for s in ("train", "val", "test")] == [90, 10, 20]
    assert np.array_equal(task.stored[:20].flatten(1).numpy(), parts[0][0])
    assert np.array_equal(task.stored[-20:].flatten(1).numpy(), parts[-1][0])
    assert task.scale.std == (0.2023, 0.1994, 0.2010)


def test_a_pickle_that_asks_for_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("owned",)

    folder = tmp_path / "cifar-10-batches-py"
    cifar(folder, True)
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"data": Evil()}, protocol=2))
    with pytest.raises(ValueError, match=r"asks for __builtin__\.print, which is refused"):
        as_image_task("cifar10", root=tmp_path)


def pair(n=40, shape=(1, 8, 8), classes=2):
    return torch.rand(n, *shape), torch.arange(n) % classes


def test_pairs_datasets_and_sets_are_images_and_graphs_are_not():
    x, y = pair()
    given = [
        (x, y),
        (x.numpy(), y.numpy()),
        TensorDataset(x, y),
        (TensorDataset(x, y), TensorDataset(*pair(10))),
        Subset(TensorDataset(x, y), range(30)),
        gcond.ImageSet.from_tensors(x, y),
        as_image_task((x, y)),
        "digits-images",
    ]
    assert all(kind_of(one).items == "images" for one in given)
    others = [gcond.testing.example_graph(), gcond.testing.example_graphs(), "digits", "mutag"]
    assert not any(holds_images(one) for one in others)
    assert len(as_image_task(given[4]).stored) == 30
    assert len(as_image_task(given[3]).index["test"]) == 10


class Lazy(Dataset):
    def __init__(self, item):
        self.item = item

    def __len__(self):
        return 20

    def __getitem__(self, number):
        return self.item(number)


def test_a_dataset_of_pairs_is_read_item_by_item_and_checked():
    x, y = pair(20)
    task = as_image_task(Lazy(lambda i: (x[i], int(y[i]))))
    assert torch.equal(task.stored, x)
    with pytest.raises(ValueError, match="must be a tensor"):
        as_image_task(Lazy(lambda i: ("picture", 0)))
    with pytest.raises(ValueError, match="one shape"):
        as_image_task(Lazy(lambda i: (torch.zeros(1, 8, 8 + i % 2), i % 2)))


def test_datasets_in_torchvisions_manner_are_read_before_their_transforms():
    class Like(Lazy):
        data = RNG.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
        targets = tuple(i % 4 for i in range(20))

    def never(number):
        raise AssertionError("the transform was asked")

    like = Like(never)
    found = gcond.ImageSet.from_dataset(like, like, name="like")
    assert np.array_equal(found.stored[:20].permute(0, 2, 3, 1).numpy(), Like.data)
    assert repr(found) == "ImageSet(like, 40 images 3x32x32, 16/4/20 train/val/test)"
    pixels, label = found[3]
    assert (pixels.dtype, label) == (torch.float32, 3)
    assert float(pixels.max()) <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(40, 8)}, r"must have shape \[N, C, H, W\]"),
        ({"x": torch.rand(40, 8, 8, 3)}, r"use x.permute\(0, 3, 1, 2\)"),
        ({"x": torch.full((40, 1, 8, 8), torch.nan)}, "40 images have pixels that are NaN"),
        ({"x": torch.full((40, 1, 8, 8), 300)}, "bytes from 0 to 255, got 300 to 300"),
        ({"y": torch.zeros(39)}, "one label for each of the 40 train images"),
        ({"y": torch.zeros(40, 3)}, "several labels per image"),
        ({"y": torch.full((40,), 0.5)}, "whole numbers from 0, got 0.5"),
        ({"y": np.array(["a"] * 40)}, "np.unique"),
        ({"y": torch.zeros(40)}, "all images have the label 0"),
        (
            {"test": (torch.rand(4, 3, 8, 8), torch.arange(4) % 2)},
            r"test images are \[3, 8, 8\]",
        ),
        ({"test": torch.rand(4, 1, 8, 8)}, "test must be a pair"),
        ({"test": (torch.rand(4, 1, 8, 8), torch.arange(4))}, "no training image has the label 2"),
        ({"val": pair(4)}, "validation images without test images"),
        ({"validation": 1.0}, "a share from 0 to below 1"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(change, message):
    x, y = pair()
    with pytest.raises(ValueError, match=message):
        gcond.ImageSet.from_tensors(**{"x": x, "y": y, **change})


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="auto, standard, none for images, got 'row'"):
        as_image_task("digits-images", normalize="row")
    assert as_image_task("digits-images", normalize="none").scale.std == (1.0,)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_real_files_hold_what_is_published(name, real_data):
    task = as_image_task(name, root=real_data)
    assert [len(task.index[s]) for s in ("train", "val", "test")] == [
        60000 - len(task.index["val"]),
        len(task.index["val"]),
        10000,
    ]
    whole = task.stored[:60000].float() / 255
    assert float(whole.mean()) == pytest.approx(task.scale.mean[0], abs=2e-4)
    assert float(whole.std()) == pytest.approx(task.scale.std[0], abs=2e-4)
    if name == "fashion-mnist":
        assert task.train_counts == [5400] * 10
