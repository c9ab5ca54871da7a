"""A big graph as its publishers left it, and what becomes of it: a PyG ``Data``, or a store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp

from gcond.datasets.edges import neighbours
from gcond.datasets.fingerprint import Entries, of_stored
from gcond.datasets.node_data import NodeData
from gcond.graph.store import SPLITS, Store, StoreWriter
from gcond.graph.task import Setting

if TYPE_CHECKING:
    from torch_geometric.data import Data

Array = np.ndarray[Any, Any]

Edges = Literal["simple", "published"]
"""``"simple"``: both directions of every edge, each once, without self-loops. ``"published"``: as
PyG's and OGB's own loaders give them."""


@dataclass(frozen=True)
class Usual:
    """How a dataset is usually condensed; what is used where nothing else is asked for.

    Args:
        setting: ``"transductive"`` or ``"inductive"``.
        normalize: Preprocessing of the features.
    """

    setting: Setting = "transductive"
    normalize: Literal["auto", "row", "standard", "none"] = "auto"


@dataclass(frozen=True, eq=False)
class Raw:
    """A graph in files that others published, opened and not yet read.

    Args:
        name: Name of the dataset.
        num_features: Number of features ``d``.
        num_classes: Number of classes.
        num_edges: Edges in the files.
        y: Classes ``[N]``, -1 where there is none.
        split: Number of each node's split ``[N]``, -1 for none.
        edges: Gives the edges ``[2, e]``, in pieces and as they are in the files.
        features: Gives the features ``[n, d]``, in pieces.
        usual: How it is usually condensed.
        finish: What PyG or OGB make of all edges ``[2, E]``.
    """

    name: str
    num_features: int
    num_classes: int
    num_edges: int
    y: Array
    split: Array
    edges: Callable[[], Iterator[Array]]
    features: Callable[[], Iterator[Array]]
    usual: Usual
    finish: Callable[[Array], Array] = lambda edges: edges

    def data(self, edges: Edges = "simple") -> Data:
        """All of it in memory, as a PyG ``Data`` with masks."""
        import torch
        from torch_geometric.data import Data

        if edges == "published":
            index = self.finish(np.concatenate(list(self.edges()), 1).astype(np.int64))
        else:
            adj = self.adjacency()
            index = np.stack([np.repeat(np.arange(adj.shape[0]), np.diff(adj.indptr)), adj.indices])
        found = Data(
            x=torch.from_numpy(self.x()),
            edge_index=torch.from_numpy(index.astype(np.int64)),
            y=torch.from_numpy(self.y),
        )
        for number, split in enumerate(SPLITS):
            found[f"{split}_mask"] = torch.from_numpy(self.split == number)
        return found

    def node_data(self) -> NodeData:
        """The same as checked arrays, with simple edges and no edge list in between."""
        marks = {part: self.split == number for number, part in enumerate(SPLITS)}
        return NodeData.from_arrays(self.x(), self.adjacency(), self.y, name=self.name, **marks)

    def x(self) -> Array:
        """All features ``[N, d]``, float32."""
        found = np.empty((len(self.y), self.num_features), dtype=np.float32)
        start = 0
        for rows in self.features():
            found[start : start + len(rows)] = rows
            start += len(rows)
        return found

    def adjacency(self) -> Any:
        """The simple graph ``[N, N]``, CSR of ones."""
        with tempfile.TemporaryDirectory() as scratch:
            rows = list(self._rows(Path(scratch)))
        degrees, ends = (np.concatenate(part) for part in zip(*rows, strict=True))
        kind = np.int32 if len(ends) < 2**31 else np.int64
        starts = np.concatenate([[0], np.cumsum(degrees)]).astype(kind)
        ones = np.ones(len(ends), dtype=np.float32)
        return sp.csr_array((ones, ends.astype(kind, copy=False), starts), shape=(len(self.y),) * 2)

    def pack(self, folder: str | Path, *, x_dtype: Any = np.float32) -> Store:
        """Writes it as a store, piece by piece: memory does not grow with edges and features."""
        size = (self.name, len(self.y), self.num_features, self.num_classes)
        with StoreWriter(folder, *size, x_dtype=x_dtype) as writer:
            stored(
                writer,
                self.y,
                self.split,
                self.features(),
                self._rows(writer.scratch),
                {"setting": self.usual.setting, "normalize": self.usual.normalize},
            )
        return Store.open(folder)

    def _rows(self, scratch: Path) -> Iterator[tuple[Array, Array]]:
        return neighbours(self.edges(), len(self.y), scratch, expected=self.num_edges)


def stored(
    writer: StoreWriter,
    y: Array,
    split: Array,
    features: Iterable[Array],
    rows: Iterable[tuple[Array, Array]],
    about: dict[str, Any],
) -> None:
    """Fills a store piece by piece, and notes in it the fingerprint that the graph has in memory.

    Args:
        writer: The store.
        y: Classes ``[N]``, -1 where there is none.
        split: Number of each node's split ``[N]``.
        features: Rows of features, in pieces.
        rows: Degrees and neighbours, as from :func:`gcond.datasets.edges.neighbours`.
        about: What else is noted.
    """
    n = writer.num_nodes
    x, adj = Entries(n, writer.num_features), Entries(n, n)
    writer.add("y", y)
    writer.add("split", split)
    for piece in features:
        writer.add("x", piece)
        x.add(piece.astype(writer.x_dtype).astype(np.float32))
    for degrees, neighbours_of in rows:
        writer.add_neighbours(degrees, neighbours_of)
        adj.add_ones(degrees, neighbours_of)
    writer.about.update(about, fingerprint=of_stored(x, adj, y, split))
