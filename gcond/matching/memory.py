"""How much of a computation is held at once, for models whose items do not see each other."""

from __future__ import annotations

from dataclasses import dataclass

from gcond.matching.ranges import at_least


@dataclass(frozen=True)
class Full:
    """All items of a group at once; what suits a GPU."""

    @property
    def items(self) -> int | None:
        """Items that are computed together, ``None`` for all of a group."""
        return None

    @property
    def again(self) -> bool:
        """Whether graphs are built again on the way back instead of being kept."""
        return False


@dataclass(frozen=True)
class Chunked:
    """A few items at once: what they need stays in a CPU's cache, and memory is that of a chunk.

    Args:
        items: Items that are computed together.
        again: Build the graph of each chunk again on the way back instead of keeping those of all
            groups until then: one more first-order pass, and memory that does not depend on the
            size of the synthetic set.
    """

    items: int = 16
    again: bool = False

    def __post_init__(self) -> None:
        at_least(1, items=self.items)


Memory = Full | Chunked
"""A strategy; both give the same numbers up to rounding."""
