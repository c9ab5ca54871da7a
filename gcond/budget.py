"""How many synthetic items of each class."""

from __future__ import annotations

import math
from collections.abc import Sequence


def size_of(
    total: int,
    train_counts: Sequence[int],
    *,
    ratio: float | None = None,
    num_items: int | None = None,
    per_class: int | None = None,
    unit: str = "nodes",
) -> int:
    """Number of synthetic items for one of the ways to say it; the default is ``ratio=0.01``.

    Args:
        total: Items of the real set: nodes of the graph (of the training graph when inductive).
        train_counts: Labelled training items of each class.
        ratio: Synthetic items / items of the real set; ``max(C, floor(ratio * total + 0.5))``.
        num_items: The number itself.
        per_class: Items of each class.
        unit: What the items are called in errors.

    Raises:
        ValueError: More than one size is given, or one that is out of range.
    """
    given = {
        f"num_{unit}": num_items,
        "ratio": ratio,
        "per_class": per_class,
    }
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) > 1:
        both = " and ".join(f"{name}={value!r}" for name, value in named.items())
        raise ValueError(f"give one size, got {both}; keep one of them")
    classes = len(train_counts)
    if num_items is not None:
        _whole(f"num_{unit}", num_items)
        if num_items < classes:
            raise ValueError(
                f"num_{unit}={num_items} is fewer than the {classes} classes, each of which "
                f"keeps at least one; the least is num_{unit}={classes}"
            )
        return num_items
    if per_class is not None:
        _whole("per_class", per_class)
        if per_class < 1:
            raise ValueError(f"per_class must be at least 1, got {per_class}")
        return per_class * classes
    share = 0.01 if ratio is None else ratio
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ValueError(
            f"ratio must be a number above 0 and at most 1, got {ratio!r}; it is synthetic items "
            f"/ items of the real set ({total} here), and num_{unit}= gives a number directly"
        )
    return max(classes, math.floor(share * total + 0.5))


def allocate(num_items: int, train_counts: Sequence[int], *, balanced: bool = False) -> list[int]:
    """Items per class that sum to ``num_items`` exactly, at least one each.

    Follows the training class distribution by largest remainders (ties go to the smaller class
    number), or spreads evenly if ``balanced``.
    """
    weights = [1] * len(train_counts) if balanced else list(train_counts)
    total = sum(weights)
    shares = [num_items * w / total for w in weights]
    counts = [max(1, math.floor(s)) for s in shares]
    order = sorted(range(len(counts)), key=lambda c: (counts[c] - shares[c], c))
    step = 0
    while sum(counts) < num_items:
        counts[order[step % len(order)]] += 1
        step += 1
    while sum(counts) > num_items:
        above = [c for c in range(len(counts)) if counts[c] > 1]
        counts[max(above, key=lambda c: (counts[c] - shares[c], c))] -= 1
    return counts


def _whole(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
