"""The synthetic graph as a learned set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gcond.graph.adjacency import EdgesBack, Structure, TracedStructure
from gcond.graph.models import Matcher, TracedMatcher
from gcond.matching import Batch, Draw, Groups, targets


class SyntheticGraph:
    """Learned node features and structure, decoded for a matching model.

    Args:
        x: Initial features ``[n, d]``.
        y: Labels ``[n]``, fixed.
        num_classes: Number of classes.
        structure: Learned tensors of the adjacency.
        matcher: The model the set is decoded for.
        groups: How its rows are grouped in the objective.
        scale: Natural scale of the features, the unit of their step size.
        soft: Labels as distributions ``[n, C]`` that models train on instead of ``y``.
        hold: Where only the features learn, decode with the adjacency that was there when the
            structure last learned, and leave out the derivative through it.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        num_classes: int,
        structure: Structure,
        matcher: Matcher,
        groups: Groups,
        scale: float,
        soft: Tensor | None = None,
        hold: bool = False,
    ) -> None:
        # Rounding depends on the memory layout, which a file does not keep: there is one only.
        self.x = x.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
        self.y, self.soft = y, None if soft is None else soft.detach().clone()
        self.targets = targets(y if self.soft is None else self.soft, num_classes, x.dtype)
        self.structure = structure
        self.matcher = matcher
        self.groups = groups
        self.scales = {"features": scale, "structure": 1.0}
        self.held = self.graph()[1] if hold and structure.parameters else None
        self._view = matcher if isinstance(matcher, TracedMatcher) else None
        self._edges = structure if self._view and isinstance(structure, TracedStructure) else None

    @property
    def parts(self) -> Mapping[str, list[Tensor]]:
        learned = {"features": [self.x], "structure": self.structure.parameters}
        return {name: leaves for name, leaves in learned.items() if leaves}

    @property
    def constants(self) -> Mapping[str, list[Tensor]]:
        fixed = {"labels": [] if self.soft is None else [self.soft]}
        fixed["edges"] = list(self.structure.constants)
        fixed["held"] = [] if self.held is None else [self.held]
        return {name: tensors for name, tensors in fixed.items() if tensors}

    def decode(self, draw: Draw | None = None) -> Batch:
        """The graph as the matching model sees it."""
        adj, edges_back = self._adjacency()
        if self._view is None or adj is None or adj.requires_grad:
            return Batch(self.matcher.view(self.x, adj), self.targets, self.groups)
        inputs, view_back = self._view.trace(self.x, adj)
        learns = self.x.requires_grad

        def back(cotangents: tuple[Tensor, ...]) -> dict[str, Sequence[Tensor | None]]:
            with torch.no_grad():
                d_adj, d_x = view_back(cotangents, edges_back is not None, learns)
                found: dict[str, Sequence[Tensor | None]] = {"features": [d_x]}
                if edges_back is not None and d_adj is not None:
                    found["structure"] = edges_back(d_adj, d_x)
                return found

        inputs = tuple(t.requires_grad_() for t in inputs)
        return Batch(inputs, self.targets, self.groups, back=back)

    def _adjacency(self) -> tuple[Tensor | None, EdgesBack | None]:
        """The adjacency, and the way back from it where it is not autograd that finds it."""
        learns = any(leaf.requires_grad for leaf in self.structure.parameters)
        if self.held is not None and not learns:
            return self.held, None
        adj, back = self._edges.trace(self.x) if self._edges else (self.structure(self.x), None)
        if self.held is not None and adj is not None:
            self.held.copy_(adj.detach())
        return adj, back

    def penalty(self, batch: Batch) -> Tensor | None:
        return None

    @torch.no_grad()
    def graph(self) -> tuple[Tensor, Tensor | None]:
        """Features and adjacency, detached."""
        x = self.x.detach()
        return x, self.structure(x)
