"""Contestants measured in turns, and the machine they were measured on."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch

from gcond.matching.device import CPU

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""The second sums the time that all threads of this process ran; with one thread it leaves out
what another load on the machine took, which a short piece of work escapes and a long one does not.
"""


def clock_of(name: str, device: torch.device) -> Callable[[], float]:
    """A clock of ``CLOCKS`` that waits for what the device was told to do before it is read."""
    clock = CLOCKS[name]
    if device.type == "cpu":
        return clock

    def read() -> float:
        torch.cuda.synchronize(device)
        return clock()

    return read


Contestant = Callable[[], list[float]]
"""Does its work and returns seconds, one figure for each time it did it."""


@dataclass(frozen=True)
class Row:
    """Two contestants side by side.

    Args:
        name: What is compared.
        ours: Seconds of each turn.
        reference: Seconds of each turn, after scaling.
        note: What a reader must know before quoting the ratio.
    """

    name: str
    ours: list[float]
    reference: list[float]
    note: str = ""

    @property
    def ratio(self) -> float:
        return median(self.reference) / median(self.ours)

    def __str__(self) -> str:
        name = f"{self.name} ({self.note})" if self.note else self.name
        return f"| {name} | {_shown(self.ours)} | {_shown(self.reference)} | {self.ratio:.1f} |"

    def plain(self) -> dict[str, Any]:
        medians = {"ours_s": median(self.ours), "reference_s": median(self.reference)}
        return {**asdict(self), **medians, "ratio": self.ratio}


def head(ours: str = "gcond", reference: str = "reference") -> str:
    """First lines of a table of rows."""
    return f"\n| | {ours} | {reference} | ratio |\n|---|--:|--:|--:|"


def alternate(repeats: int, *contestants: Contestant) -> list[list[float]]:
    """Medians of ``repeats`` turns of each contestant, in an order that flips at each turn, so
    that another load on the machine meets all of them."""
    found: list[list[float]] = [[] for _ in contestants]
    for turn in range(repeats):
        order = range(len(contestants))
        for i in order if turn % 2 == 0 else reversed(order):
            found[i].append(median(contestants[i]()))
    return found


def machine(device: torch.device = CPU) -> dict[str, Any]:
    facts = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "cpu": _cpu(),
        "python": platform.python_version(),
    }
    if device.type != "cpu":
        facts["device"] = torch.cuda.get_device_name(device)
    return facts


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _shown(seconds: list[float]) -> str:
    if median(seconds) < 1:
        low, middle, high = (1e3 * s for s in (min(seconds), median(seconds), max(seconds)))
        return f"{middle:.2f} ms ({low:.2f} to {high:.2f})"
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
