"""A graph on disk as memory-mapped arrays, for graphs that need not fit in memory.

A store is a folder::

    meta.json     what it is: format, name, sizes, types, and a checksum of every array
    indptr.npy    int64 [N + 1]       neighbours of node i: indices[indptr[i]:indptr[i + 1]]
    indices.npy   int32 [E]           sorted, both directions, no self-loops, no edge twice
    x.npy         float32 [N, d]      features (or float16)
    y.npy         int64 [N]           classes, -1 where there is none
    split.npy     int8 [N]            0 training, 1 validation, 2 test, -1 none

``indices`` are int64 from :math:`2^{31}` nodes on. It is written from front to back in chunks and
appears under its name when it is whole; nothing in it is code.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np

FORMAT = 1
META = "meta.json"
SPLITS = ("train", "val", "test")
"""Number of each split in ``split.npy``."""

Part = Literal["indptr", "indices", "x", "y", "split"]
PARTS: tuple[Part, ...] = ("indptr", "indices", "x", "y", "split")

BLOCK = 1 << 16
SPOTS = 64
"""Blocks of each array, of 64 KiB, that are looked at when a store is opened."""

ROWS = 1 << 20
"""Entries of ``indptr`` that are looked at together."""

Array = np.ndarray[Any, Any]


class StoreError(ValueError):
    """A store is damaged, or not one; nothing of it was used."""


@dataclass(frozen=True, eq=False)
class Store:
    """A graph on disk, opened for reading; nothing is read before it is asked for.

    Open one with :meth:`open`, write one with :class:`StoreWriter`.

    Args:
        folder: Where it is.
        name: Name of the dataset.
        num_classes: Number of classes.
        indptr: Where each node's neighbours begin ``[N + 1]``, int64.
        indices: Neighbours ``[E]``, int32 or int64.
        x: Features ``[N, d]``, float32 or float16.
        y: Classes ``[N]``, int64, -1 where there is none.
        split: Number of each node's split ``[N]``, int8, -1 for none.
        digest: Hash of everything in it, the same for the same content anywhere.
        about: What its maker wrote down about it.
    """

    folder: Path
    name: str
    num_classes: int
    indptr: Array
    indices: Array
    x: Array
    y: Array
    split: Array
    digest: str
    about: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        sizes = f"{self.num_nodes} nodes, {self.num_edges} edges, {self.num_features} features"
        return f"Store({self.name}, {sizes}, {self.num_classes} classes)"

    @property
    def num_nodes(self) -> int:
        return len(self.indptr) - 1

    @property
    def num_edges(self) -> int:
        """Directed edges, two for each undirected one."""
        return len(self.indices)

    @property
    def num_features(self) -> int:
        return int(self.x.shape[1])

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return int(sum(getattr(self, part).nbytes for part in PARTS))

    def rows(self, split: str) -> Array:
        """Nodes of a split, ascending."""
        return np.flatnonzero(np.asarray(self.split) == SPLITS.index(split))

    @staticmethod
    def open(folder: str | Path) -> Store:
        """Opens a store for reading. Sizes, types, the row pointers and 64 blocks of each array
        are compared with what was written, whatever its size; :meth:`verify` compares all of it.

        Raises:
            FileNotFoundError: There is no such store.
            StoreError: It is cut off, changed, mixed up with another one, or of a newer format.
        """
        folder = Path(folder)
        meta = _meta(folder)
        arrays = {part: mapped(folder, part, meta["arrays"][part]) for part in PARTS}
        _check_pointers(folder, arrays["indptr"], len(arrays["indices"]))
        return Store(
            folder=folder,
            name=meta["name"],
            num_classes=meta["num_classes"],
            digest=meta["digest"],
            about=meta["about"],
            **arrays,
        )

    def verify(self) -> None:
        """Reads everything once and compares it with the checksums.

        Raises:
            StoreError: An array is not what was written.
        """
        arrays = _meta(self.folder)["arrays"]
        for part in PARTS:
            found = hashlib.sha256()
            for block in _blocks(self.folder / f"{part}.npy"):
                found.update(block)
            if found.hexdigest() != arrays[part]["sha256"]:
                raise _damaged(self.folder, part, "does not match its checksum")


def is_store(folder: str | Path) -> bool:
    """Whether a folder holds a store, whole or not."""
    return (Path(folder) / META).is_file()


class StoreWriter:
    """Writes a store in chunks, in a folder of its own beside the target that takes its name in
    the end: the target is whole or as it was.

    Args:
        folder: The store to write.
        name: Name of the dataset.
        num_nodes: Number of nodes ``N``.
        num_features: Number of features ``d``.
        num_classes: Number of classes.
        x_dtype: ``float32`` or ``float16``.
        overwrite: Whether a store that is there may be replaced.
        about: Anything that JSON can say about it, such as what it was made of.

    Raises:
        FileExistsError: There is something under that name.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "pair"
        >>> with StoreWriter(folder, "pair", 2, 3, 2) as writer:
        ...     writer.add_neighbours(np.array([1, 1]), np.array([1, 0]))
        ...     writer.add("x", np.zeros((2, 3)))
        ...     writer.add("y", np.array([0, 1]))
        ...     writer.add("split", np.array([0, 2]))
        >>> Store.open(folder)
        Store(pair, 2 nodes, 2 edges, 3 features, 2 classes)
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        num_nodes: int,
        num_features: int,
        num_classes: int,
        *,
        x_dtype: Any = np.float32,
        overwrite: bool = False,
        about: dict[str, Any] | None = None,
    ) -> None:
        self.folder, self.name = Path(folder), name
        self.num_nodes, self.num_classes = num_nodes, num_classes
        self.num_features, self.x_dtype = num_features, np.dtype(x_dtype)
        self.about = dict(about or {})
        if np.dtype(x_dtype) not in (np.float32, np.float16):
            raise ValueError(f"x_dtype must be float32 or float16, got {np.dtype(x_dtype)}")
        if self.folder.exists() and not (overwrite and is_store(self.folder)):
            raise FileExistsError(
                f"{self.folder} is there already; name another folder, remove it, or give "
                "overwrite=True if it is a store"
            )
        self._partial = self.folder.with_name(f".{self.folder.name}.partial-{os.getpid()}")
        index = np.int32 if num_nodes < 2**31 else np.int64
        self._files: dict[Part, Growing] = {}
        self._shapes: dict[Part, tuple[Any, tuple[int, ...]]] = {
            "indptr": (np.int64, ()),
            "indices": (index, ()),
            "x": (x_dtype, (num_features,)),
            "y": (np.int64, ()),
            "split": (np.int8, ()),
        }
        self._row = 0

    def __enter__(self) -> StoreWriter:
        self._partial.mkdir(parents=True)
        for part, (dtype, tail) in self._shapes.items():
            path = self._partial / f"{part}.npy"
            self._files[part] = Growing(path, np.dtype(dtype), tail)
        self._files["indptr"].add(np.zeros(1))
        return self

    @property
    def scratch(self) -> Path:
        """A folder for files that are needed until the store is whole."""
        folder = self._partial / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def add(self, part: Literal["x", "y", "split"], rows: Any) -> None:
        """The next rows of features, classes or splits; they are converted to the store's type.

        Raises:
            ValueError: They have another width, or are not finite or in range.
        """
        rows = np.asarray(rows)
        if part == "x" and not np.isfinite(rows).all():
            raise ValueError("x has entries that are NaN or infinite; replace or drop them")
        limit = {"y": self.num_classes, "split": len(SPLITS)}.get(part)
        if limit and len(rows) and not -1 <= rows.min() <= rows.max() < limit:
            raise ValueError(f"{part} must be -1 to {limit - 1}, got {rows.min()} to {rows.max()}")
        self._files[part].add(rows)

    def add_neighbours(self, degrees: Any, neighbours: Any) -> None:
        """The next rows of the adjacency.

        Args:
            degrees: Number of neighbours of each of the next nodes ``[n]``.
            neighbours: Their neighbours one after the other ``[sum(degrees)]``, ascending for
                each node, none twice and not the node itself.

        Raises:
            ValueError: They are not so.
        """
        degrees, neighbours = np.asarray(degrees, np.int64), np.asarray(neighbours)
        stop = self._row + len(degrees)
        if stop > self.num_nodes or int(degrees.sum()) != len(neighbours):
            raise ValueError(
                f"{len(degrees)} nodes with {int(degrees.sum())} neighbours follow on node "
                f"{self._row} of {self.num_nodes}, got {len(neighbours)} neighbours"
            )
        if len(neighbours):
            if neighbours.min() < 0 or neighbours.max() >= self.num_nodes:
                raise ValueError(f"neighbours must be 0 to {self.num_nodes - 1}")
            owner = np.repeat(np.arange(self._row, stop, dtype=neighbours.dtype), degrees)
            if (owner == neighbours).any():
                raise ValueError("a node is its own neighbour; self-loops are left out of a store")
            if ((owner[1:] == owner[:-1]) & (neighbours[1:] <= neighbours[:-1])).any():
                raise ValueError("the neighbours of a node must ascend, none twice")
        start = self._files["indices"].length
        self._files["indptr"].add(start + np.cumsum(degrees))
        self._files["indices"].add(neighbours)
        self._row = stop

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            arrays = {part: sealed(file) for part, file in self._files.items()}
            if kind is None:
                self._finish(arrays)
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def _finish(self, arrays: dict[Part, dict[str, Any]]) -> None:
        """Makes the folder whole and gives it its name."""
        n = self.num_nodes
        for part, rows in {"indptr": n + 1, "x": n, "y": n, "split": n}.items():
            found = arrays[part]["shape"][0]  # type: ignore[index]
            if found != rows:
                raise ValueError(f"{part} of {self.name} has {found} rows, {rows} are needed")
        meta = {
            "format": FORMAT,
            "name": self.name,
            "num_nodes": n,
            "num_edges": arrays["indices"]["shape"][0],
            "num_features": arrays["x"]["shape"][1],
            "num_classes": self.num_classes,
            "about": self.about,
            "arrays": dict(arrays),
        }
        text = json.dumps(meta | {"digest": _digest(meta)}, indent=1, sort_keys=True)
        (self._partial / META).write_text(text + "\n")
        shutil.rmtree(self._partial / "scratch", ignore_errors=True)
        old = self._partial.with_name(f"{self._partial.name}-old")
        if self.folder.exists():
            self.folder.rename(old)
        self._partial.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)


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


def _digest(meta: dict[str, Any]) -> str:
    """Hash of a store by what ``meta.json`` says, which has a hash of every array."""
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no graph: there is no {META} in it (gcond datasets generate makes one)"
        )
    try:
        meta = json.loads(path.read_text())
        claimed = meta.pop("digest")
        version = meta["format"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"{path} cannot be read ({error}); get or make the graph again") from error
    if version != FORMAT:
        raise StoreError(f"{path} has format {version!r}, this version reads {FORMAT}")
    if claimed != _digest(meta):
        raise StoreError(f"{path} was changed after it was written; get or make the graph again")
    return {**meta, "digest": claimed}


def mapped(folder: Path, part: str, facts: dict[str, Any]) -> Array:
    """One array, after a look at its size, type and some of its content."""
    path = folder / f"{part}.npy"
    if not path.is_file():
        raise _damaged(folder, part, "is missing")
    size = path.stat().st_size
    if size != facts["bytes"]:
        raise _damaged(folder, part, f"has {size} bytes instead of {facts['bytes']}")
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise _damaged(folder, part, f"is no array ({error})") from error
    if array.dtype.str != facts["dtype"] or list(array.shape) != facts["shape"]:
        raise _damaged(
            folder,
            part,
            f"is {array.dtype} {list(array.shape)} instead of "
            f"{np.dtype(facts['dtype'])} {facts['shape']}",
        )
    if spots(path) != facts["spots"]:
        raise _damaged(folder, part, "is not the array that was written")
    return array


def _check_pointers(folder: Path, indptr: Array, edges: int) -> None:
    ends = int(indptr[0]), int(indptr[-1])
    ascends = all(
        bool((np.diff(indptr[start : start + ROWS + 1]) >= 0).all())
        for start in range(0, len(indptr) - 1, ROWS)
    )
    if ends != (0, edges) or not ascends:
        raise _damaged(folder, "indptr", f"does not lead from 0 to the {edges} edges")


def _damaged(folder: Path, part: str, what: str) -> StoreError:
    return StoreError(f"{folder / part}.npy {what}; get or make the graph again")


def _data_start(file: BinaryIO) -> int:
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)
    return file.tell()


def _blocks(path: Path) -> Iterator[bytes]:
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
