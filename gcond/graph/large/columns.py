"""Features in column blocks: how they are read, and how blocks become one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from gcond.graph.large.cache import Journal
from gcond.graph.large.plan import Plan
from gcond.graph.large.reading import File

if TYPE_CHECKING:
    from gcond.graph.large.propagation import Propagation

Array = np.ndarray[Any, Any]


class Columns:
    """Prepared features, column block by column block."""

    def __init__(self, job: Propagation, journal: Journal, plan: Plan, blocks: list[range]) -> None:
        self.job, self.journal, self.plan, self.blocks = job, journal, plan, blocks
        self.source = File.of(job.store.x)
        names = [self._name(i) for i in range(len(blocks))]
        if plan.spool and len(blocks) > 2 and not all(map(journal.has, names)):
            self._spool()

    @staticmethod
    def _name(number: int) -> str:
        return f"hop0.{number}"

    def scaled(self, number: int, scale: Tensor) -> Tensor:
        r""":math:`S X` of a block's columns ``[N, b]``."""
        block, dtype = self.blocks[number], getattr(torch, self.job.precision)
        out = torch.empty(self.job.store.num_nodes, len(block), dtype=dtype)
        spooled = self._name(number) in self.journal.done
        for rows, found in self._spooled(number) if spooled else self._prepared():
            part = found if spooled else found[:, block.start : block.stop]
            out[rows] = torch.from_numpy(part).float().mul_(scale[rows][:, None])
        return out

    def _prepared(self) -> Iterator[tuple[slice, Array]]:
        for start in range(0, self.source.shape[0], self.plan.chunk):
            stop = min(start + self.plan.chunk, self.source.shape[0])
            x = self.source.read(start, stop).astype(np.float32, copy=False)
            yield slice(start, stop), self.job.preprocess(x)

    def _spooled(self, number: int) -> Iterator[tuple[slice, Array]]:
        file = self.journal.file(self._name(number))
        step = self.plan.rows
        for start in range(0, file.shape[0], step):
            stop = min(start + step, file.shape[0])
            yield slice(start, stop), file.read(start, stop)

    def _spool(self) -> None:
        dtype = np.dtype(self.job.precision)
        files = {
            self._name(i): self.journal.array(self._name(i), dtype, (len(block),))
            for i, block in enumerate(self.blocks)
        }
        for _, x in self._prepared():
            for file, block in zip(files.values(), self.blocks, strict=True):
                file.add(x[:, block.start : block.stop])
        self.journal.finish(**files)


def side_by_side(journal: Journal, name: str, blocks: int, plan: Plan) -> None:
    """Puts the columns of all blocks together, row by row."""
    if blocks == 1:
        journal.rename(f"{name}.0", name)
        return
    parts = [journal.file(f"{name}.{i}") for i in range(blocks)]
    width = sum(part.shape[1] for part in parts)
    out = journal.array(name, parts[0].dtype, (width,))
    for start in range(0, parts[0].shape[0], plan.chunk):
        stop = min(start + plan.chunk, parts[0].shape[0])
        out.add(np.concatenate([part.read(start, stop) for part in parts], 1))
    journal.finish(**{name: out})
