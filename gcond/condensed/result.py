"""The result: a small set, and everything that is known of how it came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import torch
from torch import Tensor

from gcond import config
from gcond.condensed import file, foreign, precision
from gcond.condensed.parts import edges_of
from gcond.condensed.prepared import prepared
from gcond.condensed.provenance import History, Source, versions
from gcond.datasets import as_task
from gcond.graph.sets.packed import Packed
from gcond.image.outcome import Steps
from gcond.image.task import PixelScale
from gcond.methods import TYPES, Items

if TYPE_CHECKING:
    from torch.utils.data import TensorDataset
    from torch_geometric.data import Data

    from gcond.graph.outcome import Method
    from gcond.graph.preprocess import Normalisation
    from gcond.graph.sets.outcome import SetMethod
    from gcond.graph.task import Setting
    from gcond.image.outcome import ImageCondenser


@dataclass(frozen=True, eq=False)
class Condensed:
    """A condensed dataset: one graph with labelled nodes, labelled graphs one after the other, or
    labelled images.

    Args:
        x: Features ``[n, d]``; those of a set of graphs are in the form of the dataset (codes of
            categories, say), unless ``encoded``. Of images, their pixels ``[n, C, H, W]``.
        edge_index: Edges ``[2, E]``, both directions, no self-loops.
        edge_weight: Their unnormalised symmetric weights ``[E]``. PyG's ``GCNConv`` with its
            defaults reproduces the propagation used while condensing.
        y: Class numbers ``[n]``; of graphs ``[G]``, or several labels for each ``[G, T]``.
        source: What was condensed.
        config: The method as plain data.
        seed: Seed of the run.
        history: How the run went.
        versions: Versions of what made it.
        seconds: Wall-clock of the run; not part of the file, see :meth:`save`.
        soft: Labels as distributions ``[n, C]`` where the method gave such; models are trained on
            them by :func:`gcond.evaluate` and :func:`gcond.fit`. ``y`` stays the class.
        ptr: First node of each graph of a set, and ``n``: ``[G + 1]``; ``None`` for one graph.
        encoded: Whether the rows of a set are encoded by ``source.preprocess`` already.
        steps: The training that images were learned for, where step sizes were learned with them.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> small
        Condensed(digits, 1797 -> 20 nodes, method=centroid, seed=0)
        >>> small.data
        Data(x=[20, 64], edge_index=[2, 0], y=[20], edge_weight=[0], train_mask=[20])
    """

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor
    y: Tensor
    source: Source
    config: Any
    seed: int
    history: History = field(default_factory=History)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    soft: Tensor | None = None
    ptr: Tensor | None = None
    encoded: bool = False
    steps: Steps | None = None

    def __repr__(self) -> str:
        size = f"{self.source.num_items} -> {self.num_items} {self.kind}"
        name = self.config["name"]
        return f"Condensed({self.source.name}, {size}, method={name}, seed={self.seed})"

    @property
    def kind(self) -> Items:
        """What was condensed: ``"nodes"``, ``"graphs"`` or ``"images"``."""
        if isinstance(self.source.preprocess, PixelScale):
            return "images"
        return "nodes" if self.ptr is None else "graphs"

    @property
    def num_items(self) -> int:
        """Nodes, or graphs or images of a set."""
        return self.num_graphs if self.kind == "graphs" else len(self.x)

    @property
    def num_nodes(self) -> int:
        return len(self.x)

    @property
    def num_graphs(self) -> int:
        return 1 if self.ptr is None else len(self.ptr) - 1

    @property
    def num_classes(self) -> int:
        return len(self.source.label_names)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors as they are stored; compare with ``source.nbytes``."""
        tensors = [self.x, self.edge_index, self.edge_weight, self.y, self.soft, self.ptr]
        tensors += [] if self.steps is None else self.steps
        return sum(t.numel() * t.element_size() for t in tensors if t is not None)

    @property
    def targets(self) -> Tensor:
        """What models are trained on: soft labels ``[n, C]`` where there are such, else ``y``."""
        return self.y if self.soft is None else self.soft

    @property
    def label_source(self) -> str:
        """Who labelled the real nodes: results with another source than the training labels
        belong in a column of their own."""
        found = self.config.get("labels") or {}
        if found.get("type", "TrainingLabels") == "TrainingLabels":
            return "training labels"
        return f"teacher's {'soft' if found.get('soft') else 'hard'} labels"

    @cached_property
    def data(self) -> Data:
        """The graph as a PyG ``Data``, with the labels of the original and all nodes in
        ``train_mask``: it drops into existing training code. Soft labels, where there are such,
        are in ``y_soft``, in the order of ``source.label_names``; cross-entropy takes either."""
        from torch_geometric.data import Data

        if self.kind != "nodes":
            raise ValueError(f"this is a set of {self.num_items} {self.kind}; use .{self.kind}")
        full = self.full()
        extra = {} if full.soft is None else {"y_soft": full.soft}
        return Data(
            x=full.x,
            edge_index=full.edge_index,
            edge_weight=full.edge_weight,
            y=torch.tensor(self.source.label_names)[full.y],
            train_mask=torch.ones(self.num_nodes, dtype=torch.bool),
            **extra,
        )

    @cached_property
    def graphs(self) -> list[Data]:
        """The graphs as a list of PyG ``Data`` for any ``DataLoader``, with the labels of the
        original; a list of one for a single graph."""
        if self.kind != "graphs":
            return [self.data]
        from torch_geometric.data import Data

        packed, y = self.packed, self.full().y
        named = y if y.dim() == 2 else torch.tensor(self.source.label_names)[y]
        found = []
        for number in range(len(packed)):
            x, edge_index, edge_weight = packed.graph(number)
            label = named[number][None]
            found.append(Data(x=x, edge_index=edge_index, edge_weight=edge_weight, y=label))
        return found

    @property
    def images(self) -> Tensor:
        """The images in pixel space ``[n, C, H, W]``, single precision: stored values divided by
        255 where the dataset holds bytes. Learned pixels may lie outside of the range of real
        ones; clamp them only to look at them.

        Raises:
            ValueError: These are no images.
        """
        self._scale()
        return self.full().x

    def to_dataset(self, normalized: bool = True) -> TensorDataset:
        """Images and labels for any ``DataLoader``, with the labels of the original.

        Args:
            normalized: Images as the networks here see them, by mean and deviation of each
                channel (:meth:`prepare` takes real images there); else in pixel space.

        Raises:
            ValueError: These are no images.
        """
        from torch.utils.data import TensorDataset

        scale, pixels = self._scale(), self.images
        labels = torch.tensor(self.source.label_names)[self.full().y]
        return TensorDataset(scale.normalised(pixels) if normalized else pixels, labels)

    def _scale(self) -> PixelScale:
        found = self.source.preprocess
        if not isinstance(found, PixelScale):
            raise ValueError(f"this is a set of {self.kind}, not of images; use .data or .graphs")
        return found

    @property
    def packed(self) -> Packed:
        """The graphs of a set as tensors."""
        if self.ptr is None:
            raise ValueError("these are no graphs of a set; use .data or .images")
        full = self.full()
        return Packed(full.x, self.ptr, full.edge_index, full.edge_weight)

    def to_networkx(self) -> nx.Graph[int]:
        """The graph as an undirected networkx graph: nodes with ``x`` (a list), ``y`` (the
        original label) and ``train_mask``, edges with their ``weight``."""
        graph: nx.Graph[int] = nx.Graph(name=self.source.name)
        data = self.data
        for i, (x, y) in enumerate(zip(data.x.tolist(), data.y.tolist(), strict=True)):
            graph.add_node(i, x=x, y=y, train_mask=True)
        ends, weights = data.edge_index.T.tolist(), data.edge_weight.tolist()
        graph.add_weighted_edges_from((i, j, w) for (i, j), w in zip(ends, weights, strict=True))
        return graph

    @property
    def adjacency(self) -> Tensor | None:
        """Dense edge weights ``[n, n]``, or ``None`` where there are no edges."""
        if not self.edge_index.shape[1]:
            return None
        full = self.full()
        adj = full.edge_weight.new_zeros(self.num_nodes, self.num_nodes)
        adj[full.edge_index[0], full.edge_index[1]] = full.edge_weight
        return adj

    def compact(self, *, threshold: float = 0.01, half: bool = True) -> Condensed:
        """The same set in fewer bytes: edges below a weight are left out, features and weights
        are kept in half precision, and node numbers in the smallest integers that hold them.

        It is used like any other: ``.data`` is in single precision, ``gcond.evaluate`` shows
        what the rounding costs.

        Args:
            threshold: Edges with a smaller weight are left out.
            half: Keep features and weights in half precision.

        Raises:
            ValueError: The threshold is negative, or half precision cannot hold the features.
        """
        return precision.narrowed(self, threshold, half)

    def full(self) -> Condensed:
        """The same set in single precision, as models take it."""
        return precision.widened(self)

    @property
    def method(self) -> Any:
        """The method as a value again; ``dataclasses.replace`` changes it."""
        found: Method | SetMethod | ImageCondenser = config.from_plain(self.config, TYPES)
        return found

    def prepare(self, data: Any) -> Any:
        """Real data as a model trained on this set must see it: features preprocessed the same.

        Args:
            data: A PyG ``Data``; a shallow copy with new ``x`` is returned. For images a tensor
                ``[n, C, H, W]``: whole numbers as the dataset stores them, or floats in pixel
                space; what networks see of them is returned.

        Raises:
            ValueError: The number of features, or the shape of an image, differs.
        """
        return prepared(data, self.source, self.encoded)

    @staticmethod
    def from_data(
        data: Data | None,
        dataset: Any,
        *,
        x: Tensor | None = None,
        y: Tensor | None = None,
        adj: Tensor | None = None,
        name: str = "given",
        normalize: Normalisation = "auto",
        setting: Setting | None = None,
        split: int = 0,
        root: str | Path | None = None,
    ) -> Condensed:
        """Somebody else's condensed graph, to be judged like one of ours.

        Args:
            data: A PyG ``Data`` with ``x``, ``y`` and edges (``edge_index`` with ``edge_weight``,
                or a dense ``adj``), or ``None``; parts given below take precedence.
            dataset: The data that it was condensed from.
            x: Features ``[n, d]``, in the space that ``normalize`` takes the real ones to.
            y: Labels ``[n]``, numbered as those of ``dataset``.
            adj: Symmetric edge weights ``[n, n]``, not normalised and without self-loops.
            name: What to call it in tables.
            normalize: Preprocessing of the real features.
            setting: ``"transductive"`` or ``"inductive"``; by default the dataset's usual one.
            split: Number of the split it was condensed from.
            root: Folder of the datasets, for names.

        Raises:
            ValueError: A part is missing or does not fit the data.
        """
        task = as_task(dataset, root=root, setting=setting, normalize=normalize, split=split)
        x, adj, y = foreign.parts(task, data, x, y, adj)
        edge_index, edge_weight = edges_of(adj, x)
        return Condensed(
            x=x,
            edge_index=edge_index,
            edge_weight=edge_weight,
            y=y,
            source=Source.of(task),
            config={"name": name},
            seed=0,
            versions=versions(),
        )

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file with a JSON header, atomically.

        The same set gives the same bytes: how long it took is written beside it, to
        ``NAME.log.json``, if this object knows it; a log of an earlier file is removed.

        Raises:
            FileNotFoundError: The folder does not exist.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise FileNotFoundError(f"the folder {target.parent} does not exist; create it first")
        file.write(self, target)
        file.write_log(target, self.seconds)

    @staticmethod
    def load(path: str | Path) -> Condensed:
        """Reads a file written by :meth:`save`, and how long it took from the log beside it, if
        that is there.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is not a condensed dataset, or of a newer format.
        """
        source = Path(path)
        return Condensed(**file.read(source), seconds=file.seconds_of(source))
