"""How much memory a computation may take, and how much its process has."""

from __future__ import annotations

import os
import re
from pathlib import Path

Memory = int | str | None
"""Bytes, a text such as ``"4GB"``, or ``None`` for half of the machine's memory."""

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def in_bytes(memory: Memory) -> int:
    """A memory budget in bytes.

    Args:
        memory: Bytes, a text such as ``"4GB"`` or ``"512 MiB"``, or ``None`` for half of the
            machine's memory.

    Raises:
        ValueError: It is none of these, or not positive.

    Example:
        >>> in_bytes("1.5GB")
        1500000000
    """
    if memory is None:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    found: float = -1
    if isinstance(memory, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([a-zA-Z]*)\s*", memory)
        unit = UNITS.get((match[2] or "B").upper()) if match else None
        found = float(match[1]) * unit if match and unit else -1
    elif isinstance(memory, int) and not isinstance(memory, bool):
        found = memory
    if found < 1:
        raise ValueError(
            f"memory must be a number of bytes or a text such as '4GB' or '512MiB', got {memory!r}"
        )
    return int(found)


def resident() -> int:
    """Bytes of this process that are in memory; 0 where the system does not say."""
    table = Path("/proc/self/statm")
    if not table.exists():
        return 0
    return int(table.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def shown(size: float) -> str:
    """Bytes as people write them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.2f} {unit}"
        size /= 1000
    return f"{size:.2f} TB"
