"""Bags: small groups of a class's nodes, each of which becomes one synthetic node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from gcond.coreset.selectors import jitter, warn_repeats
from gcond.graph.initialise import Start
from gcond.graph.task import NodeTask
from gcond.graph.validation import Validation
from gcond.matching import generator_for
from gcond.matching.ranges import at_least, share


@dataclass(frozen=True)
class Bags:
    r"""Means of random bags of a class's nodes, in the space of propagated features.

    The nodes of a class are permuted and cut into ``parts`` bags, again with new permutations
    until there are as many bags as the class has synthetic nodes. A bag ``b`` becomes

    .. math:: h_b = \sum_{i \in b} w_i\, (P X)_i, \qquad w_i \propto q_{i c}

    where :math:`q_{ic}` is how sure the label source is of the label (1 for training labels); its
    soft label is the mean of the members' with the same weights. Bags are cheaper than k-means
    and follow no outliers; the graph is multiplied by ``n'`` columns, however wide the features.

    Args:
        parts: Bags that one permutation of a class is cut into.
        num_layers: Number of propagations.
        alpha: Share of a node's own features kept in each propagation.
    """

    parts: int = 5
    num_layers: int = 10
    alpha: float = 0.1

    def __post_init__(self) -> None:
        at_least(1, parts=self.parts)
        at_least(0, num_layers=self.num_layers)
        share(alpha=self.alpha)

    def affordable(self, task: NodeTask) -> bool:
        return task.affords(self.num_layers, self.alpha)

    def start(
        self, task: NodeTask, counts: Tensor, seed: int, validation: Validation | None = None
    ) -> Start:
        soft = None if task.soft is None else task.soft[task.index["train"]]
        y, generator = task.labels("train"), generator_for(seed, "init")
        bags: list[Tensor] = []
        repeats: list[bool] = []
        short: list[int] = []
        for c, count in enumerate(counts.tolist()):
            members = (y == c).nonzero().flatten()
            drawn = _cut(members, count, self.parts, generator) if count else []
            again = _seen_before(drawn)
            bags, repeats = bags + drawn, repeats + again
            short += [c] if any(again) else []
        warn_repeats(short)
        member = torch.cat(bags).numpy()
        bag = np.repeat(np.arange(len(bags)), [len(each) for each in bags])
        trust = None if task.trust is None else task.trust[task.index["train"]]
        share = np.ones(len(member)) if trust is None else trust[member].astype(np.float64)
        share /= np.bincount(bag, share)[bag]
        weights = sp.csr_array((share, (bag, member)), shape=(len(bags), len(y)))
        mixed = torch.as_tensor(task.mixed(weights, self.num_layers, self.alpha)).float()
        features = jitter(mixed, torch.tensor(repeats), seed)
        if soft is None:
            return Start(features)
        return Start(features, torch.as_tensor(weights @ soft).float())


def _cut(members: Tensor, count: int, parts: int, generator: torch.Generator) -> list[Tensor]:
    """Bags of a class's rows."""
    drawn: list[Tensor] = []
    while len(drawn) < count:
        order = members[torch.randperm(len(members), generator=generator)]
        drawn += order.tensor_split(min(parts, len(order)))
    return drawn[:count]


def _seen_before(bags: list[Tensor]) -> list[bool]:
    """Which bags have the very members of an earlier one."""
    seen: set[frozenset[int]] = set()
    again = []
    for bag in bags:
        key = frozenset(bag.tolist())
        again.append(key in seen)
        seen.add(key)
    return again
