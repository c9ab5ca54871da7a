"""How a graph comes onto the disk."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from gcond.graph.array_file import Growing, sealed
from gcond.graph.store_format import FORMAT, META, SPLITS, Part, digest, is_store


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
        >>> from gcond.graph.store import Store
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
        text = json.dumps(meta | {"digest": digest(meta)}, indent=1, sort_keys=True)
        (self._partial / META).write_text(text + "\n")
        shutil.rmtree(self._partial / "scratch", ignore_errors=True)
        old = self._partial.with_name(f"{self._partial.name}-old")
        if self.folder.exists():
            self.folder.rename(old)
        self._partial.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)
