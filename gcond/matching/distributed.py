"""Several processes on one run: each matches at models and real batches of its own, and they
average what they find."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from gcond.matching.batch import Batch
from gcond.matching.model import Model, Theta
from gcond.matching.stream import Stream
from gcond.matching.task import Score, SyntheticSet, Task

T = TypeVar("T")


class LostRankError(ConnectionError):
    """Another process of the team is gone, or has failed."""


@dataclass(frozen=True)
class Team:
    r"""The processes that work on one run, as ``torchrun`` starts them; one process is a team.

    Process ``r`` of ``R`` draws model and real batch number ``R e + r`` in epoch ``e``, and the
    step is taken along

    .. math:: \frac{1}{R} \sum_r \nabla_\phi\, D\big(\Psi(\theta_{Re+r}; T_{Re+r}),
              \Psi(\theta_{Re+r}; S)\big)

    which is what one process would find on the union of the draws. Only derivatives of the
    synthetic set travel; they are a few megabytes at most, and need no support for double
    backward passes.

    Args:
        rank: Number of this process.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def number(self, epoch: int) -> int:
        """Number of this process's draw in an epoch."""
        return epoch * self.size + self.rank

    def mean(self, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
        """Averages over the team; ``None`` stays ``None``, as it is the same everywhere."""
        given = [t for t in tensors if t is not None]
        if self.size == 1 or not given:
            return tuple(tensors)
        flat = torch.cat([t.flatten() for t in given])
        _reached(partial(dist.all_reduce, flat))
        parts = iter(torch.split(flat / self.size, [t.numel() for t in given]))
        return tuple(None if t is None else next(parts).view_as(t) for t in tensors)

    def mean_of(self, value: float) -> float:
        """The average of a number over the team."""
        if self.size == 1:
            return value
        (found,) = self.mean([torch.tensor([value], dtype=torch.float64)])
        assert found is not None
        return float(found)

    def agree(self, tensors: Sequence[Tensor]) -> None:
        """Overwrites tensors with those of the process that leads."""
        for tensor in tensors if self.size > 1 else ():
            # A leaf that learns is not to know where its values came from.
            _reached(partial(dist.broadcast, tensor.detach(), 0))

    def spread(
        self, seeds: int, work: Callable[[Sequence[int]], tuple[Sequence[float], ...]]
    ) -> tuple[tuple[float, ...], ...]:
        """Results of all seeds, each found by one of the processes.

        Args:
            seeds: How many.
            work: Gives columns of results with an entry for each of the seeds it is given; a
                column may be empty.
        """
        if self.size == 1:
            return tuple(map(tuple, work(range(seeds))))
        mine = range(self.rank, seeds, self.size)
        # Who has none does another's, to know how many columns there are.
        columns = work(mine or range(1))
        table = torch.zeros(len(columns), seeds, dtype=torch.float64)
        for row, column in zip(table, columns, strict=True):
            if column and mine:
                row[list(mine)] = torch.tensor(column, dtype=torch.float64)
        _reached(partial(dist.all_reduce, table))
        return tuple(
            tuple(row.tolist()) if column else ()
            for row, column in zip(table, columns, strict=True)
        )

    def of(self, task: Task) -> Task:
        """A task that is scored by the process that leads."""
        return task if self.size == 1 else _Led(task, self)

    def along(self, stream: Stream) -> Stream:
        """A stream of this process's own models."""
        return stream if self.size == 1 else _Own(stream, self)


ALONE = Team()


def current() -> Team:
    """The team of this process, if it joined one."""
    if not dist.is_available() or not dist.is_initialized():
        return ALONE
    return Team(dist.get_rank(), dist.get_world_size())


def join(environment: Mapping[str, str] = os.environ) -> Team:
    """Joins the team that ``torchrun`` started this process for, if it did.

    Returns:
        The team, of one process where there is no other.
    """
    several = int(environment.get("WORLD_SIZE", "1")) > 1 and "RANK" in environment
    if several and dist.is_available() and not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return current()


def _reached(collective: Callable[[], Any]) -> None:
    try:
        collective()
    except RuntimeError as error:
        raise LostRankError(
            "another process of this run is gone or has failed; the run ends here, and its "
            f"checkpoint continues with any number of processes ({error})"
        ) from error


@dataclass(frozen=True, eq=False)
class _Led:
    task: Task
    team: Team

    def real(self, generator: torch.Generator) -> Batch:
        return self.task.real(generator)

    def score(self, synthetic: SyntheticSet) -> Score | None:
        found = self.task.score(synthetic) if self.team.leads else None
        told = torch.tensor([found is not None, *(found or (0, 0))], dtype=torch.float64)
        self.team.agree([told])
        known, accuracy, tie = told.tolist()
        return Score(accuracy, tie) if known else None


@dataclass(frozen=True)
class _Own:
    stream: Stream
    team: Team

    def draw(self, model: Model, epoch: int, seed: int) -> Theta:
        return self.stream.draw(model, self.team.number(epoch), seed)

    def member(self, epoch: int) -> int | None:
        return self.stream.member(self.team.number(epoch))
