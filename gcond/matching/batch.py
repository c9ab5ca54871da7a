"""What the loop sees of a set: a batch of items, and how its rows fall into groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Groups:
    r"""Rows of a batch arranged into ``K`` groups whose losses are matched separately.

    The loss of group ``k`` is :math:`L_k = \sum_j` ``weight[k, j]`` :math:`\ell_{index[k, j]}`.
    Groups of unequal size are padded with entries of weight zero, so that all of them are
    computed in one batched pass.

    Args:
        index: Rows of each group, shape ``[K, m]``, padded with a valid row.
        weight: Weight of each entry within its group, shape ``[K, m]``, zero for padding.
        importance: Weight of each group in the objective, shape ``[K]``.
        contiguous: Whether ``index`` is ``arange(K * m)``; gathering is then a view.
        mix: Where mixtures of the groups are compared instead of the groups: their shares,
            shape ``[L, K]``. ``importance`` then has a weight for each mixture.
        later: Other groups of the same rows that follow in the course of a run.
    """

    index: Tensor
    weight: Tensor
    importance: Tensor
    contiguous: bool
    mix: Tensor | None = None
    later: Later | None = None

    @staticmethod
    def of(members: list[Tensor], importance: Tensor, weight: list[Tensor] | None = None) -> Groups:
        """Pads lists of row numbers to one rectangle; the default weight is the group mean."""
        width = max(len(rows) for rows in members)
        index = torch.zeros(len(members), width, dtype=torch.long)
        entries = torch.zeros(len(members), width, dtype=importance.dtype)
        for k, rows in enumerate(members):
            index[k, : len(rows)] = rows.cpu()
            index[k, len(rows) :] = rows[-1].cpu()
            entries[k, : len(rows)] = 1 / len(rows) if weight is None else weight[k].cpu()
        flat = index.flatten()
        contiguous = bool((flat == torch.arange(len(flat))).all())
        device = importance.device
        return Groups(index.to(device), entries.to(device), importance, contiguous)

    def to(self, device: torch.device) -> Groups:
        """The same groups on another device."""
        if self.index.device == device:
            return self
        mix = None if self.mix is None else self.mix.to(device)
        later = (
            None if self.later is None else replace(self.later, groups=self.later.groups.to(device))
        )
        return replace(
            self,
            index=self.index.to(device),
            weight=self.weight.to(device),
            importance=self.importance.to(device),
            mix=mix,
            later=later,
        )

    def members(self) -> list[tuple[Tensor, Tensor]]:
        """Rows and weights of each group without its padding."""
        return [(i[w > 0], w[w > 0]) for i, w in zip(self.index, self.weight, strict=True)]

    def at(self, epoch: int, outer: int) -> Groups:
        """The groups of a matching step."""
        return self if self.later is None else self.later.at(self, epoch, outer)

    def gather(self, rows: Tensor) -> Tensor:
        """``[n, ...] -> [K, m, ...]``."""
        if not self.contiguous:
            return rows[self.index]
        groups, width = self.index.shape
        if len(rows) > groups * width:
            rows = rows[: groups * width]
        return rows.view(groups, width, *rows.shape[1:])

    def scatter(self, grouped: Tensor, num_rows: int) -> Tensor:
        """The adjoint of :meth:`gather`: ``[K, m, ...] -> [n, ...]``, adding where rows meet."""
        flat = grouped.flatten(0, 1)
        if self.contiguous and len(flat) == num_rows:
            return flat
        out = flat.new_zeros(num_rows, *flat.shape[1:])
        return out.index_add(0, self.index.flatten(), flat)


@dataclass(frozen=True)
class Later:
    """Groups that take the place of others in the course of a run.

    Args:
        groups: The groups that follow.
        epoch: They count from this epoch on,
        outer_step: and in every epoch from this matching step on.
    """

    groups: Groups
    epoch: int
    outer_step: int

    def at(self, first: Groups, epoch: int, outer: int) -> Groups:
        """The groups of a matching step, which ``first`` are until then."""
        return self.groups if epoch >= self.epoch or outer >= self.outer_step else first


Back = Callable[[tuple[Tensor, ...]], Mapping[str, Sequence[Tensor | None]]]
"""Takes the cotangents of a batch's inputs to those of the learned tensors, by part; parts whose
turn it is not may be missing."""


@dataclass(frozen=True)
class Batch:
    """Items of a set as a model sees them.

    Args:
        inputs: Arguments of the model after its parameters. Models whose rows separate take one
            tensor with a row per item; models on a graph take features and adjacency.
        y: Labels of the rows that count: class numbers ``[n]`` or distributions ``[n, C]``.
        groups: How those rows are grouped in the objective.
        rows: Rows of the model's output that count, or ``None`` for all of them in order.
        back: The way from the inputs back to what the set learns, where the set knows one that is
            shorter than autograd's.
    """

    inputs: tuple[Tensor, ...]
    y: Tensor
    groups: Groups
    rows: Tensor | None = None
    back: Back | None = None

    def counted(self, rows: Tensor) -> Tensor:
        """Those of the rows of an input or an output that count."""
        return rows if self.rows is None else rows[self.rows]

    def at(self, epoch: int, outer: int) -> Batch:
        """The batch with the groups of a matching step."""
        groups = self.groups.at(epoch, outer)
        return self if groups is self.groups else replace(self, groups=groups)

    def detach(self) -> Batch:
        """The same batch, cut off from the parameters it was decoded from."""
        return replace(self, inputs=tuple(tensor.detach() for tensor in self.inputs), back=None)

    def to(self, device: torch.device) -> Batch:
        """The same items on another device."""
        rows = None if self.rows is None else self.rows.to(device)
        inputs = tuple(tensor.to(device) for tensor in self.inputs)
        return Batch(inputs, self.y.to(device), self.groups.to(device), rows)

    def take(self, rows: Tensor) -> Batch:
        """Some of the items as one group, for models in which items do not see each other."""
        inputs = tuple(self.counted(tensor)[rows] for tensor in self.inputs)
        return replace(self, inputs=inputs, y=self.y[rows], rows=None, back=None).pooled()

    def pooled(self) -> Batch:
        """The same rows as one group: the mean loss that a model is trained on."""
        n = len(self.y)
        weight = self.groups.weight
        return replace(
            self,
            groups=Groups(
                index=torch.arange(n, device=self.y.device)[None],
                weight=torch.full((1, n), 1 / n, dtype=weight.dtype, device=weight.device),
                importance=weight.new_ones(1),
                contiguous=True,
            ),
        )


def targets(y: Tensor, num_classes: int, dtype: torch.dtype) -> Tensor:
    """Labels as distributions ``[n, C]``; soft labels pass through."""
    if y.dim() == 2:
        return y.to(dtype)
    return torch.nn.functional.one_hot(y, num_classes).to(dtype)
