"""Sets of images that have a name."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import pickle
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gcond.datasets.graph_set import stratified
from gcond.datasets.image_set import ImageSet
from gcond.image.task import PixelScale

log = logging.getLogger("gcond")

Loader = Callable[[Path, int], ImageSet]
Array = np.ndarray[Any, Any]
TIMEOUT = 30.0
"""Seconds to wait for a server."""


def load_images(name: str, base: Path, split: int = 0) -> ImageSet:
    """Opens a set of images by name.

    Of the published training images of ``mnist``, ``fashion-mnist`` and ``cifar10``, a tenth of
    each class is held out for validation, drawn with ``split`` as the seed.

    Args:
        name: One of :func:`list_images`.
        base: Folder of the datasets.
        split: Number of the split.

    Raises:
        FileNotFoundError: The files are neither there nor can they be downloaded.
        ValueError: A file is not what its name says.
    """
    return _LOADERS[name.lower()][0](base, split)


def list_images() -> dict[str, str]:
    """Names that :func:`load_images` knows, with what they are."""
    return {name: text for name, (_, text) in _LOADERS.items()}


def _digits(base: Path, split: int) -> ImageSet:
    """scikit-learn's digits, 60/20/20 within each class; needs no files."""
    from sklearn.datasets import load_digits

    flat, y = load_digits(return_X_y=True)
    images = torch.as_tensor(flat, dtype=torch.uint8).view(-1, 1, 8, 8)
    y = y.astype(np.int64)
    index = stratified(y, split, parts=5)
    return ImageSet(images, y, index, tuple(range(10)), "digits-images", 16.0, None, split)


@dataclass(frozen=True)
class _Idx:
    """A collection in the format of MNIST: four files, gzipped or not.

    Args:
        name: Name of the dataset.
        folders: Where under the root its files may be: as here, and as torchvision has them.
        url: Where they come from.
        sha256: Hashes of the files without gzip, as they come from there.
        mean: Mean of the pixels, as everyone uses it.
        std: Their deviation.
    """

    name: str
    folders: tuple[str, ...]
    url: str
    sha256: tuple[str, ...]
    mean: float
    std: float

    def __call__(self, base: Path, split: int) -> ImageSet:
        read = {file: _content(found) for file, found in self._files(base).items()}
        images, labels, tests, test_labels = (_idx(f, read[f]) for f in FILES)
        found = ImageSet.from_tensors(
            images, labels, test=(tests, test_labels), name=self.name, split=split
        )
        return replace(found, scale=PixelScale((self.mean,), (self.std,), found.top))

    def _files(self, base: Path) -> dict[str, Path]:
        for folder in _places(base, self.folders):
            there = {file: _either(folder / file) for file in FILES}
            if all(there.values()):
                return {file: path for file, path in there.items() if path is not None}
        folder = base / self.folders[0]
        log.info("%s is not under %s; downloading it from %s", self.name, base, self.url)
        for file, sha256 in zip(FILES, self.sha256, strict=True):
            try:
                packed = _fetched(f"{self.url}/{file}.gz")
                _same(hashlib.sha256(gzip.decompress(packed)).hexdigest(), sha256, file)
            except (OSError, ValueError) as error:
                raise FileNotFoundError(
                    f"{self.name} is not under {base} and could not be downloaded from {self.url} "
                    f"({type(error).__name__}: {error}); put the files {', '.join(FILES)} (.gz or "
                    f"unpacked) into {folder}, or give root= or GCOND_ROOT"
                ) from error
            _write(folder / f"{file}.gz", packed)
        return {file: folder / f"{file}.gz" for file in FILES}


FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _either(path: Path) -> Path | None:
    """The file, packed or not."""
    packed = path.with_name(f"{path.name}.gz")
    return next((found for found in (path, packed) if found.is_file()), None)


def _content(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}); get it again") from error


def _idx(name: str, content: bytes) -> Array:
    """The array in a file of that format: two zeros, the type (8: bytes), the number of
    dimensions, each as four bytes, the highest first."""
    if len(content) < 4 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 4:
        raise ValueError(f"{name} is no file of images or labels in the IDX format; get it again")
    dims = content[3]
    shape = [int(n) for n in np.frombuffer(content, ">u4", dims, 4)] if dims else []
    body = content[4 + 4 * dims :]
    if len(body) != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(
            f"{name} says it holds {' x '.join(map(str, shape))} bytes, but has {len(body)}; it "
            "is cut off or changed, get it again"
        )
    return np.frombuffer(body, np.uint8).reshape(shape).copy()


CIFAR_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
BATCHES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
CIFAR = PixelScale((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010), 255.0)
"""Means and deviations as the papers of the field have them."""


def _cifar10(base: Path, split: int) -> ImageSet:
    parts = [_batch(path) for path in _batches(base)]
    x, y = (np.concatenate([part[i] for part in parts[:-1]]) for i in (0, 1))
    found = ImageSet.from_tensors(x, y, test=parts[-1], name="cifar10", split=split)
    return replace(found, scale=CIFAR)


def _batches(base: Path) -> list[Path]:
    """The six files: the binary version, else the python version."""
    kinds = (("cifar-10-batches-bin", ".bin"), ("cifar-10-batches-py", ""))
    for folder in _places(base, ("", "cifar10", "cifar-10", "CIFAR10")):
        for inner, suffix in kinds:
            for place in (folder / inner, folder):
                found = [place / f"{name}{suffix}" for name in BATCHES]
                if all(path.is_file() for path in found):
                    return found
    folder = base / "cifar10"
    log.info("cifar10 is not under %s; downloading it from %s", base, CIFAR_URL)
    try:
        packed = _fetched(CIFAR_URL)
        _same(hashlib.md5(packed, usedforsecurity=False).hexdigest(), CIFAR_MD5, CIFAR_URL)
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"cifar10 is not under {base} and could not be downloaded from {CIFAR_URL} "
            f"({type(error).__name__}: {error}); put data_batch_1.bin to data_batch_5.bin and "
            f"test_batch.bin into {folder / 'cifar-10-batches-bin'} (or the python version into "
            f"{folder / 'cifar-10-batches-py'}), or give root= or GCOND_ROOT"
        ) from error
    target = folder / "cifar-10-batches-bin"
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for name in BATCHES:
            member = archive.extractfile(f"cifar-10-batches-bin/{name}.bin")
            assert member is not None
            _write(target / f"{name}.bin", member.read())
    return [target / f"{name}.bin" for name in BATCHES]


def _batch(path: Path) -> tuple[Array, Array]:
    """Images ``[n, 3, 32, 32]`` and labels of a file."""
    content, size = path.read_bytes(), 3 * 32 * 32
    if path.suffix == ".bin":
        if not content or len(content) % (size + 1):
            raise ValueError(
                f"{path} has {len(content)} bytes, not a multiple of {size + 1}; get it again"
            )
        rows = np.frombuffer(content, np.uint8).reshape(-1, size + 1)
        return rows[:, 1:].reshape(-1, 3, 32, 32).copy(), rows[:, 0].astype(np.int64)
    try:
        held = _Arrays(io.BytesIO(content), encoding="bytes").load()
        images = np.asarray(held[b"data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
        return images, np.asarray(held[b"labels"], dtype=np.int64)
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError) as error:
        raise ValueError(f"{path} is no batch of CIFAR-10 ({error}); get it again") from error


class _Arrays(pickle.Unpickler):
    """Reads what the published files hold, arrays of numbers and texts, and nothing else."""

    ALLOWED = (
        *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is refused")
        return super().find_class(module, name)


def _places(base: Path, folders: Sequence[str]) -> Iterator[Path]:
    for parent in (base, base / "images"):
        for folder in folders:
            yield parent / folder


def _fetched(url: str) -> bytes:
    from urllib.request import urlopen

    with urlopen(url, timeout=TIMEOUT) as answer:
        found: bytes = answer.read()
    return found


def _same(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise ValueError(f"{what} came with the checksum {found[:12]}, expected {wanted[:12]}")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


_MNIST = _Idx(
    "mnist",
    ("mnist", "MNIST/raw", "MNIST"),
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    0.1307,
    0.3081,
)
_FASHION = _Idx(
    "fashion-mnist",
    ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST"),
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
    (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    0.2861,
    0.3530,
)

_LOADERS: dict[str, tuple[Loader, str]] = {
    "digits-images": (_digits, "1,797 digits of 8 x 8 pixels, 60/20/20 splits; always there"),
    "mnist": (_MNIST, "70,000 digits of 28 x 28 pixels, a tenth of training for validation"),
    "fashion-mnist": (_FASHION, "70,000 clothes of 28 x 28 pixels, a tenth for validation"),
    "cifar10": (_cifar10, "60,000 colour images of 32 x 32 pixels, a tenth for validation"),
}
