"""Evaluation protocols: named values that travel with every number."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from gcond import config
from gcond.graph.training import Training


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
    """

    name: str
    training: Training = Training()  # noqa: RUF009 - frozen
    edge_threshold: float = 0.5

    @property
    def digest(self) -> str:
        """Eight letters of a hash of all its settings: equal names with other settings differ."""
        plain = json.dumps(config.to_plain(self), sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()[:8]


GCN_600 = Protocol("gcn-600")
"""Two-layer GCN, 256 hidden units, Adam with step 0.01 (0.001 from half on), weight decay 5e-4,
dropout 0.5, 600 epochs, best of the epochs 10, 20, ..., 600 on validation nodes."""

_PROTOCOLS = {protocol.name: protocol for protocol in (GCN_600,)}


def get_protocol(name: str | Protocol) -> Protocol:
    """The protocol of that name; a protocol passes through.

    Raises:
        ValueError: The name is unknown.
    """
    if isinstance(name, Protocol):
        return name
    if name not in _PROTOCOLS:
        raise ValueError(f"unknown protocol {name!r}; known: {', '.join(_PROTOCOLS)}")
    return _PROTOCOLS[name]
