"""Evaluation protocols: named values that travel with every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from gcond import config
from gcond.graph.training import Training
from gcond.spelling import meant

P = TypeVar("P")


@dataclass(frozen=True)
class Special:
    """Training settings of one architecture.

    Args:
        model: Its name.
        training: How it is trained.
    """

    model: str
    training: Training


@dataclass(frozen=True)
class Protocol:
    """How an accuracy is obtained.

    Features are preprocessed as the condensed set says (row-normalised where they are
    non-negative, unless ``normalize`` was chosen otherwise), the model is trained on the
    condensed graph, keeps its best epoch on the real validation nodes, and is tested on the real
    test nodes once.

    Args:
        name: Name and version in one.
        training: How a model is trained.
        edge_threshold: Models that ignore edge weights get the edges at or above this weight.
        min_edge_weight: Edges of the condensed graph below this weight are dropped.
        special: Training of architectures that have settings of their own.
    """

    name: str
    training: Training = Training()  # noqa: RUF009 - frozen
    edge_threshold: float = 0.5
    min_edge_weight: float = 0.0
    special: tuple[Special, ...] = ()

    def training_of(self, model: object) -> Training:
        """How a model is trained: a named architecture may have settings of its own."""
        named = model.lower() if isinstance(model, str) else None
        return next((s.training for s in self.special if s.model.lower() == named), self.training)

    @property
    def digest(self) -> str:
        """Eight letters of a hash of all its settings: equal names with other settings differ."""
        return config.digest(self)


GCN_600 = Protocol("gcn-600")
"""Two-layer GCN, 256 hidden units, Adam with step 0.01 (0.001 from half on), weight decay 5e-4,
dropout 0.5, 600 epochs, best of the epochs 10, 20, ..., 600 on validation nodes."""

_NO_DROPOUT = replace(Training(), dropout=0.0)

CROSS_ARCH_GCOND = Protocol(
    "cross-arch-gcond",
    _NO_DROPOUT,
    min_edge_weight=0.05,
    special=(Special("GAT", replace(_NO_DROPOUT, epochs=3000, lr=0.001)),),
)
"""As the comparison of architectures of `"Graph Condensation for Graph Neural Networks"
<https://arxiv.org/abs/2110.07580>`_ runs it on Cora and Citeseer: no dropout, edges below 0.05
dropped, GAT for 3,000 epochs with step 0.001 on the edges from 0.5 up. Ours are the widths of the
layers, and validation every ten epochs instead of every one."""

_PROTOCOLS = {protocol.name: protocol for protocol in (GCN_600, CROSS_ARCH_GCOND)}


def get_protocol(name: object) -> Protocol:
    """The protocol of that name; a protocol passes through.

    Raises:
        ValueError: The name is unknown.
    """
    return protocol_among(_PROTOCOLS, name)


def protocol_among(known: Mapping[str, P], name: object, what: str = "") -> P:
    """One of some protocols of a kind by its name; one of that kind passes through.

    Raises:
        ValueError: The name is unknown.
    """
    if isinstance(name, type(next(iter(known.values())))):
        return name
    found = known.get(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            f"unknown protocol {name!r}{what}; {meant(str(name), known)}known: {', '.join(known)}"
        )
    return found
