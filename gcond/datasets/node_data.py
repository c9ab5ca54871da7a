"""A graph with labelled nodes as plain arrays: what every kind of input becomes first."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import scipy.sparse as sp

from gcond.datasets import read
from gcond.graph.store import Store


@dataclass(frozen=True, eq=False)
class NodeData:
    """One graph with features, labels and a split, as checked arrays.

    Build it with one of the constructors below; they take what they are given as documented and
    refuse what they cannot use, and never change it.

    Args:
        x: Features ``[N, d]``, a float32 ndarray or CSR array.
        adj: Edge weights ``[N, N]``, float32 CSR, row ``i`` holding the edges into node ``i``.
        y: Labels ``[N]`` as given, negative where there is none.
        masks: Boolean masks ``[N]`` of ``"train"``, ``"val"`` and ``"test"``.
        label_names: Original label of each class, in order.
        name: Name of the dataset.
        split: Number of the split that was taken.
    """

    x: Any
    adj: Any
    y: Any
    masks: dict[str, Any]
    label_names: tuple[int, ...]
    name: str = "graph"
    split: int = 0

    def __repr__(self) -> str:
        sizes = "/".join(str(int(self.masks[s].sum())) for s in read.SPLITS)
        return f"NodeData({self.name}, {len(self.y)} nodes, {sizes} train/val/test)"

    @staticmethod
    def from_arrays(
        x: Any,
        adj: Any,
        y: Any,
        *,
        train: Any,
        test: Any,
        val: Any = None,
        name: str = "graph",
        split: int = 0,
    ) -> NodeData:
        """A graph from arrays, scipy sparse matrices or tensors.

        Args:
            x: Features ``[N, d]``; a sparse matrix stays sparse.
            adj: Adjacency ``[N, N]``, scipy sparse, torch sparse or dense; entry ``[i, j]`` is
                the weight of the edge from ``i`` to ``j``, which carries messages to ``j``.
                Entries that occur twice are added up.
            y: Class numbers ``[N]``, in any numbering; negative or NaN where unknown.
            train: Boolean mask ``[N]`` (or ``[N, S]`` with a column per split) or node numbers.
            test: The same for test nodes.
            val: The same for validation nodes; without them the last step of a run is kept.
            name: What to call it.
            split: Column of masks with several.

        Raises:
            ValueError: The arrays do not describe such a graph; the message names what is wrong.

        Example:
            >>> import numpy as np
            >>> x, adj, y = np.eye(4), np.ones((4, 4)), [0, 1, 0, 1]
            >>> NodeData.from_arrays(x, adj, y, train=[0, 1], test=[2, 3])
            NodeData(graph, 4 nodes, 2/0/2 train/val/test)
        """
        x = read.features(x)
        adjacency = read.adjacency(adj, x.shape[0])
        return _checked(x, adjacency, y, {"train": train, "val": val, "test": test}, name, split)

    @staticmethod
    def from_pyg(data: Any, *, name: str | None = None, split: int = 0) -> NodeData:
        """A graph from a PyG ``Data`` with ``x, y``, masks, and ``edge_index`` (with
        ``edge_weight``, where there is one) or ``adj_t``, a torch sparse tensor or torch-sparse's
        ``SparseTensor`` whose row ``i`` holds the edges into ``i``.

        Raises:
            ValueError: As for :meth:`from_arrays`.
        """
        for field in ("x", "y"):
            if getattr(data, field, None) is None:
                raise ValueError(f"the graph has no {field}; set data.{field}")
        x = read.features(data.x)
        n = x.shape[0]
        edge_index, adj_t = getattr(data, "edge_index", None), getattr(data, "adj_t", None)
        if edge_index is not None:
            adj = read.edge_list(edge_index, getattr(data, "edge_weight", None), n)
        elif adj_t is not None:
            adj = read.adjacency(adj_t, n).T.tocsr()
        else:
            raise ValueError(
                "the graph has no edge_index; an empty one is torch.empty(2, 0).long()"
            )
        given = {s: getattr(data, f"{s}_mask", None) for s in read.SPLITS}
        title = name or getattr(data, "name", None)
        return _checked(x, adj, data.y, given, title if isinstance(title, str) else "graph", split)

    @staticmethod
    def from_store(store: Store) -> NodeData:
        """A graph from a :class:`gcond.graph.store.Store`, read into memory.

        Raises:
            ValueError: As for :meth:`from_arrays`.
        """
        n = store.num_nodes
        ones = np.ones(store.num_edges, dtype=np.float32)
        index = np.int32 if store.num_edges < 2**31 else np.int64
        ends, starts = (np.array(part, dtype=index) for part in (store.indices, store.indptr))
        # As it is: a store's rows ascend, none twice, and hold both directions.
        adj = sp.csr_array((ones, ends, starts), shape=(n, n))
        given = {part: np.asarray(store.split) == i for i, part in enumerate(read.SPLITS)}
        return _checked(read.features(store.x), adj, np.array(store.y), given, store.name, 0)

    @staticmethod
    def from_networkx(graph: Any, *, name: str | None = None, split: int = 0) -> NodeData:
        """A graph from networkx. Nodes have the attributes ``x`` (a vector), ``y`` (a class
        number) and ``train_mask``, ``val_mask``, ``test_mask`` (a mask that a node lacks is
        false); edges may have a ``weight``. Parallel edges are added up, an undirected edge
        carries messages both ways.

        Raises:
            ValueError: As for :meth:`from_arrays`, or an attribute is missing.
        """
        nodes = list(graph)
        if not nodes:
            raise ValueError("the networkx graph has no nodes")
        adj = nx.to_scipy_sparse_array(graph, nodelist=nodes, format="csr")
        given = {s: _marked(graph, f"{s}_mask") for s in read.SPLITS}
        title = name or graph.graph.get("name") or "graph"
        rows = [np.ravel(_attribute(graph, node, "x")) for node in nodes]
        width = len(rows[0])
        for node, row in zip(nodes, rows, strict=True):
            if len(row) != width:
                raise ValueError(f"node {node!r} has {len(row)} features, others have {width}")
        x = np.stack(rows)
        y = [_attribute(graph, node, "y") for node in nodes]
        return NodeData.from_arrays(x, adj, y, **given, name=str(title), split=split)


def _checked(x: Any, adj: Any, y: Any, given: dict[str, Any], name: str, split: int) -> NodeData:
    n = x.shape[0]
    labels, masks = read.labels(y, n), read.masks(given, n, split)
    names = tuple(int(v) for v in read.check_labels(labels, masks))
    return NodeData(x, adj, labels, masks, names, name.lower(), split)


def _attribute(graph: Any, node: Hashable, key: str) -> Any:
    value = graph.nodes[node].get(key)
    if value is None:
        raise ValueError(
            f"node {node!r} has no attribute {key!r}; every node needs x and y, and the masks say "
            "which belong to a split (use y=-1 where a label is not known)"
        )
    return value


def _marked(graph: Any, key: str) -> Any:
    """A mask from node attributes, or ``None`` where no node has it."""
    values = [marks.get(key) for _, marks in graph.nodes(data=True)]
    if all(value is None for value in values):
        return None
    return np.array([bool(value) for value in values])
