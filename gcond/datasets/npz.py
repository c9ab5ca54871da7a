"""Arrays inside ``.npz`` files, read from front to back without holding them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

Array = np.ndarray[Any, Any]

BYTES = 1 << 25
"""Bytes that are read together."""


def header(path: Path, name: str) -> tuple[tuple[int, ...], Any]:
    """Shape and type of an array in a file.

    Raises:
        ValueError: There is no such array, or it is none that can be read in pieces.
    """
    with _opened(path, name, fortran=True) as (_, shape, dtype, _):
        return shape, dtype


def rows(path: Path, name: str) -> Iterator[Array]:
    """The rows of an array, a few at a time."""
    with _opened(path, name) as (file, shape, dtype, _):
        width = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        step = max(BYTES // max(width, 1), 1)
        for start in range(0, shape[0], step):
            many = min(step, shape[0] - start)
            yield _read(file, many * width, dtype).reshape(many, *shape[1:])


def columns(path: Path, name: str) -> Iterator[Array]:
    """The columns of an array ``[2, E]``, a few at a time, in whichever order it is stored."""
    with ExitStack() as stack:
        parts = [stack.enter_context(_opened(path, name, fortran=True)) for _ in range(2)]
        _, shape, dtype, paired = parts[0]
        step = BYTES // dtype.itemsize
        if not paired:  # the second row begins behind the first, which is read and forgotten
            parts[1][0].seek(shape[1] * dtype.itemsize, 1)
        for start in range(0, shape[1], step):
            size = min(step, shape[1] - start) * dtype.itemsize
            if paired:
                yield _read(parts[0][0], 2 * size, dtype).reshape(-1, 2).T
            else:
                yield np.stack([_read(part[0], size, dtype) for part in parts])


def _read(file: IO[bytes], size: int, dtype: Any) -> Array:
    content = file.read(size)
    if len(content) != size:
        raise ValueError(f"an array ends after {len(content)} of {size} bytes; get the file again")
    return np.frombuffer(content, dtype=dtype)


@contextmanager
def _opened(
    path: Path, name: str, fortran: bool = False
) -> Iterator[tuple[IO[bytes], tuple[int, ...], Any, bool]]:
    """A member behind its header, with what the header says: shape, type, column by column."""
    with zipfile.ZipFile(path) as archive:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"{path} has no array {name!r}, it has {archive.namelist()}")
        with archive.open(f"{name}.npy") as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, paired, dtype = read(file)
            if dtype.hasobject or (paired and len(shape) > 1 and not fortran):
                raise ValueError(f"{name} in {path} is stored column by column or holds objects")
            yield file, shape, dtype, paired
