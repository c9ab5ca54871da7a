"""Array files that are written from front to back and checked before they are used."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

BLOCK = 1 << 16
SPOTS = 64
"""Blocks of each array, of 64 KiB, that are looked at when it is opened."""

Array = np.ndarray[Any, Any]


class StoreError(ValueError):
    """A store is damaged, or not one; nothing of it was used."""


class Growing:
    """A ``.npy`` file whose first dimension is known when it is closed."""

    def __init__(self, path: Path, dtype: Any, tail: tuple[int, ...]) -> None:
        self.dtype, self.tail, self.length, self.path = dtype, tail, 0, path
        self._file: BinaryIO = path.open("wb")
        self._hash = hashlib.sha256()
        self._start = self._file.write(self._header())

    def _header(self) -> bytes:
        # NumPy leaves room in the header for a first dimension that grows.
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.length, *self.tail),
        }
        text = io.BytesIO()
        np.lib.format.write_array_header_1_0(text, header)
        return text.getvalue()

    def add(self, rows: Any) -> None:
        if rows.shape[1:] != self.tail:
            raise ValueError(
                f"rows of {self.path.stem} have shape {list(self.tail)}, got {list(rows.shape[1:])}"
            )
        with np.errstate(over="raise"):
            try:
                rows = np.ascontiguousarray(rows, dtype=self.dtype)
            except FloatingPointError:
                raise ValueError(
                    f"{self.path.stem} has entries too large for {self.dtype}; store float32"
                ) from None
        self._hash.update(rows.data)
        self._file.write(rows.data)
        self.length += len(rows)

    def close(self) -> dict[str, Any]:
        """What there is to know about the array."""
        self._file.seek(0)
        if self._file.write(self._header()) != self._start:
            raise RuntimeError(f"the header of {self.path} grew")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return {
            "dtype": self.dtype.str,
            "shape": [self.length, *self.tail],
            "bytes": self.path.stat().st_size,
            "sha256": self._hash.hexdigest(),
        }


def sealed(file: Growing) -> dict[str, Any]:
    """Closes an array; what there is to know about it, for :func:`mapped` to compare."""
    return file.close() | {"spots": spots(file.path)}


def mapped(folder: Path, part: str, facts: dict[str, Any]) -> Array:
    """One array, after a look at its size, type and some of its content."""
    path = folder / f"{part}.npy"
    if not path.is_file():
        raise damaged(folder, part, "is missing")
    size = path.stat().st_size
    if size != facts["bytes"]:
        raise damaged(folder, part, f"has {size} bytes instead of {facts['bytes']}")
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise damaged(folder, part, f"is no array ({error})") from error
    if array.dtype.str != facts["dtype"] or list(array.shape) != facts["shape"]:
        raise damaged(
            folder,
            part,
            f"is {array.dtype} {list(array.shape)} instead of "
            f"{np.dtype(facts['dtype'])} {facts['shape']}",
        )
    if spots(path) != facts["spots"]:
        raise damaged(folder, part, "is not the array that was written")
    return array


def damaged(folder: Path, part: str, what: str) -> StoreError:
    """What is said of an array that is not what was written."""
    return StoreError(f"{folder / part}.npy {what}; get or make the graph again")


def _data_start(file: BinaryIO) -> int:
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    return file.tell()


def blocks(path: Path) -> Iterator[bytes]:
    """The array's bytes, a piece at a time."""
    with path.open("rb") as file:
        _data_start(file)
        while block := file.read(BLOCK * 16):
            yield block


def spots(path: Path) -> str:
    """Hash of :data:`SPOTS` blocks from the first to the last; small arrays are hashed whole."""
    found = hashlib.sha256()
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in sorted({(size - BLOCK) * i // (SPOTS - 1) for i in range(SPOTS)}):
            file.seek(max(start, 0))
            found.update(file.read(BLOCK))
    return found.hexdigest()
