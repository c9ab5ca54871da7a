"""How much of a computation is held at once, for models whose items do not see each other."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gcond.matching.ranges import at_least

WIDER = 16
"""How many times as many items are taken together on a GPU, which a few do not keep busy."""


@dataclass(frozen=True)
class Full:
    """All items of a group at once."""

    def at_once(self, device: torch.device) -> int | None:
        """Items that are computed together on a device, ``None`` for all of a group."""
        return None

    @property
    def again(self) -> bool:
        """Whether graphs are built again on the way back instead of being kept."""
        return False


@dataclass(frozen=True)
class Chunked:
    """A few items at once: what they need stays in a CPU's cache, and memory is that of a chunk.

    Args:
        items: Items that are computed together on a CPU; ``WIDER`` times as many on a GPU.
        again: Build the graph of each chunk again on the way back instead of keeping those of all
            groups until then: one more first-order pass, and memory that does not depend on the
            size of the synthetic set.
    """

    items: int = 16
    again: bool = False

    def __post_init__(self) -> None:
        at_least(1, items=self.items)

    def at_once(self, device: torch.device) -> int | None:
        """Items that are computed together on a device."""
        return self.items if device.type == "cpu" else WIDER * self.items


Memory = Full | Chunked
"""A strategy; both give the same numbers up to rounding."""
