"""Every random number of a run as a function of its seed, its role and a number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from gcond.matching.device import CPU

ROLES = ("model", "real", "init", "adjacency", "validation", "export", "teacher", "noise", "inner")


def generator_for(seed: int, role: str, index: int = 0) -> torch.Generator:
    """An own generator for each role and index, all derived from one seed.

    Deriving by index instead of drawing in sequence makes every epoch a function of its number:
    a resumed run sees the very numbers an uninterrupted one would have seen.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}; known: {', '.join(ROLES)}")
    # A hash, because torch's CPU generator looks at the lowest 32 bits of a seed only.
    digest = hashlib.sha256(f"{seed}/{role}/{index}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


@contextmanager
def seeded(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Torch's global generators, that of the CPU and that of ``device``, at a seed for as long as
    modules draw from them; no generator is changed for the caller.

    ``torch.manual_seed`` would seed those of all devices, and a fork brings back only its own.
    """
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield


@dataclass(frozen=True)
class Draw:
    """The matching step that a synthetic set is decoded for: its noise and its place in the run.

    Args:
        seed: Seed of the run.
        step: Number of the matching step.
        steps: Matching steps of the whole run.
    """

    seed: int
    step: int
    steps: int

    @property
    def share(self) -> float:
        """How much of the run is over, from 0 to 1; temperatures follow it."""
        return self.step / max(self.steps, 1)

    def generator(self) -> torch.Generator:
        """The step's own noise."""
        return generator_for(self.seed, "noise", self.step)
