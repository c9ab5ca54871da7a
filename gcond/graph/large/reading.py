"""Arrays on disk, read so that their pages do not stay with the process."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

PIECE = 1 << 25
"""Bytes that are gathered together."""


@dataclass(frozen=True)
class File:
    """Rows of an array file that are read, not mapped: what is read is counted once, and given
    back with the array it was read into."""

    path: Path
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @staticmethod
    def of(mapped: Any) -> File:
        """The file behind a memory-mapped array."""
        return File(Path(mapped.filename), mapped.offset, mapped.dtype, mapped.shape)

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return int(self.dtype.itemsize * np.prod(self.shape[1:], dtype=np.int64))

    @property
    def nbytes(self) -> int:
        return self.stride * self.shape[0]

    def read(self, start: int, stop: int) -> Array:
        """Rows ``start`` to ``stop``."""
        count = (stop - start) * self.stride // self.dtype.itemsize
        at = self.offset + start * self.stride
        found = np.fromfile(self.path, self.dtype, count, offset=at)
        return found.reshape(stop - start, *self.shape[1:])

    def gather(self, rows: Array) -> Array:
        """The rows with these numbers, in their order."""
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        step = max(PIECE // max(self.stride, 1), 1)
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as pages,
        ):
            mapped: Array = np.ndarray(self.shape, self.dtype, pages, self.offset)
            for first in range(0, len(rows), step):
                np.take(mapped, rows[first : first + step], axis=0, out=out[first : first + step])
                if hasattr(mmap, "MADV_DONTNEED"):
                    # Pages stay in the system's cache, but not in this process.
                    pages.madvise(mmap.MADV_DONTNEED)
            del mapped
        return out


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a file, in a given order, read when they are asked for.

    Args:
        file: Where they are.
        numbers: Which rows ``[m]``.
        fits: Whether all of them may be held in memory.
        then: What is done to rows when they are read.
    """

    file: File
    numbers: Array
    fits: bool
    then: Callable[[Array], Array] = lambda rows: rows

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.numbers), self.file.shape[1]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, positions: Array) -> Array:
        """Rows by their position among these, in single precision."""
        found = self.file.gather(self.numbers[positions]).astype(np.float32, copy=False)
        return self.then(found)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        whole = self[np.arange(len(self))]
        return whole if dtype is None else whole.astype(dtype, copy=False)
