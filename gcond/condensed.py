"""The result: a small graph, and everything that is known of how it came about."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gcond import config
from gcond.graph.preprocess import Preprocess
from gcond.graph.task import NodeTask
from gcond.methods import TYPES

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from gcond.graph.method import Method

FORMAT = 1


@dataclass(frozen=True)
class Source:
    """What was condensed.

    Args:
        name: Name of the dataset.
        num_nodes: Nodes of the condensed graph's original (training graph when inductive).
        num_features: Width of its features.
        label_names: Original label of each class.
        setting: ``"transductive"`` or ``"inductive"``.
        fingerprint: Hash of features, edges, labels and split.
        preprocess: What is done to its features.
        nbytes: Bytes of its features and adjacency, sparse ones counted as sparse.
    """

    name: str
    num_nodes: int
    num_features: int
    label_names: tuple[int, ...]
    setting: str
    fingerprint: str
    preprocess: Preprocess
    nbytes: int

    @staticmethod
    def of(task: NodeTask) -> Source:
        """Describes a task."""
        return Source(
            task.name,
            task.num_nodes,
            task.num_features,
            task.label_names,
            task.setting,
            task.fingerprint,
            task.preprocess,
            task.nbytes,
        )


@dataclass(frozen=True)
class History:
    """How a run went; empty for methods that learn nothing.

    Args:
        losses: Objective at each matching step.
        scores: Validation accuracy in percent at each step that was scored.
        selected_step: The step that was kept; 0 is the start.
    """

    losses: tuple[float, ...] = ()
    scores: dict[int, float] = field(default_factory=dict)
    selected_step: int = 0

    @property
    def steps(self) -> int:
        """Matching steps taken."""
        return len(self.losses)

    def __repr__(self) -> str:
        return f"History({self.steps} steps, selected {self.selected_step})"


@dataclass(frozen=True, eq=False)
class Condensed:
    """A condensed node dataset.

    Args:
        x: Features ``[n, d]``.
        edge_index: Edges ``[2, E]``, both directions, no self-loops.
        edge_weight: Their unnormalised symmetric weights ``[E]``. PyG's ``GCNConv`` with its
            defaults reproduces the propagation used while condensing.
        y: Class numbers ``[n]``.
        source: What was condensed.
        config: The method as plain data.
        seed: Seed of the run.
        history: How the run went.
        versions: Versions of what made it.
        seconds: Wall-clock of the run; not part of the file.

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

    def __repr__(self) -> str:
        return (
            f"Condensed({self.source.name}, {self.source.num_nodes} -> {self.num_nodes} nodes, "
            f"method={self.config['name']}, seed={self.seed})"
        )

    @property
    def num_nodes(self) -> int:
        return len(self.y)

    @property
    def num_classes(self) -> int:
        return len(self.source.label_names)

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors as they are stored; compare with ``source.nbytes``."""
        tensors = (self.x, self.edge_index, self.edge_weight, self.y)
        return sum(t.numel() * t.element_size() for t in tensors)

    @cached_property
    def data(self) -> Data:
        """The graph as a PyG ``Data``, with the labels of the original and all nodes in
        ``train_mask``: it drops into existing training code."""
        from torch_geometric.data import Data

        return Data(
            x=self.x,
            edge_index=self.edge_index,
            edge_weight=self.edge_weight,
            y=torch.tensor(self.source.label_names)[self.y],
            train_mask=torch.ones(self.num_nodes, dtype=torch.bool),
        )

    @property
    def adjacency(self) -> Tensor | None:
        """Dense edge weights ``[n, n]``, or ``None`` where there are no edges."""
        if not self.edge_index.shape[1]:
            return None
        adj = self.x.new_zeros(self.num_nodes, self.num_nodes)
        adj[self.edge_index[0], self.edge_index[1]] = self.edge_weight
        return adj

    @property
    def method(self) -> Method:
        """The method as a value again; ``dataclasses.replace`` changes it."""
        found: Method = config.from_plain(self.config, TYPES)
        return found

    def prepare(self, data: Data) -> Data:
        """Real data as a model trained on this set must see it: features preprocessed the same.

        Args:
            data: A PyG ``Data``; a shallow copy with new ``x`` is returned.

        Raises:
            ValueError: The number of features differs.
        """
        if data.x.shape[1] != self.source.num_features:
            raise ValueError(
                f"the data has {data.x.shape[1]} features, this set was condensed from "
                f"{self.source.num_features}"
            )
        x = data.x.to_dense() if data.x.layout != torch.strided else data.x
        prepared = self.source.preprocess(x.detach().cpu().float().numpy())
        out = data.clone() if hasattr(data, "clone") else data
        out.x = torch.as_tensor(np.asarray(prepared)).to(data.x.device)
        return out

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file with a JSON header, atomically."""
        from safetensors.torch import save

        header = {
            "format": FORMAT,
            "kind": "nodes",
            "source": {
                **asdict(self.source),
                "preprocess": config.to_plain(self.source.preprocess),
            },
            "config": self.config,
            "seed": self.seed,
            "scores": self.history.scores,
            "selected_step": self.history.selected_step,
            "versions": self.versions,
        }
        tensors = {
            "x": self.x.contiguous(),
            "edge_index": self.edge_index.contiguous(),
            "edge_weight": self.edge_weight.contiguous(),
            "y": self.y.contiguous(),
            "losses": torch.tensor(self.history.losses, dtype=torch.float64),
        }
        content = save(tensors, {"gcond": json.dumps(header, sort_keys=True)})
        _write(Path(path), content)

    @staticmethod
    def load(path: str | Path) -> Condensed:
        """Reads a file written by :meth:`save`.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file is not a condensed dataset, or of a newer format.
        """
        from safetensors import SafetensorError, safe_open

        if not Path(path).is_file():
            raise FileNotFoundError(f"no file {path}; gcond condense --out writes one")
        try:
            with safe_open(str(path), "pt") as file:
                header = json.loads((file.metadata() or {})["gcond"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not a condensed dataset of gcond ({error})") from error
        if header["format"] > FORMAT:
            raise ValueError(
                f"{path} has format {header['format']}, this version reads up to {FORMAT}; "
                "upgrade gcond"
            )
        source = header["source"]
        preprocess = config.from_plain(source["preprocess"], {"Preprocess": Preprocess})
        labels = tuple(source["label_names"])
        return Condensed(
            x=tensors["x"],
            edge_index=tensors["edge_index"],
            edge_weight=tensors["edge_weight"],
            y=tensors["y"],
            source=Source(**{**source, "preprocess": preprocess, "label_names": labels}),
            config=header["config"],
            seed=header["seed"],
            history=History(
                tuple(tensors["losses"].tolist()),
                {int(step): score for step, score in header["scores"].items()},
                header["selected_step"],
            ),
            versions=header["versions"],
        )


def edges_of(adj: Tensor | None, like: Tensor) -> tuple[Tensor, Tensor]:
    """Dense weights as ``edge_index`` and ``edge_weight``, zero and denormal entries left out."""
    if adj is None:
        empty = torch.empty(2, 0, dtype=torch.long)
        return empty, like.new_empty(0)
    edge_index = (adj > torch.finfo(adj.dtype).tiny).nonzero().T.contiguous()
    return edge_index, adj[edge_index[0], edge_index[1]]


def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    return {name: version(name) for name in ("gcond", "torch", "torch-geometric")}


def _write(path: Path, content: bytes) -> None:
    """Writes beside the target and renames, so that a file is there whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    try:
        os.replace(file.name, path)  # noqa: PTH105 - atomic within a folder
    except OSError:
        Path(file.name).unlink(missing_ok=True)
        raise
