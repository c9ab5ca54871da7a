"""When what moves: lengths of the loops, and whose turn it is to learn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gcond.matching.ranges import at_least, positive, share


@dataclass(frozen=True)
class Schedule:
    """Lengths of the nested loops.

    Args:
        epochs: Models drawn from the stream, one after the other.
        outer_steps: Matching steps along each model.
        inner_steps: Training steps of the model between two matching steps. One outer step
            without inner steps is one-step matching: the model never moves.
    """

    epochs: int
    outer_steps: int = 1
    inner_steps: int = 0

    def __post_init__(self) -> None:
        at_least(0, epochs=self.epochs, inner_steps=self.inner_steps)
        at_least(1, outer_steps=self.outer_steps)

    @property
    def steps(self) -> int:
        """Matching steps of the whole run."""
        return self.epochs * self.outer_steps


@dataclass(frozen=True)
class Turns:
    """Structure and features learn in turns, counted in epochs, structure first.

    Args:
        structure: Epochs in which only the structure learns.
        features: Epochs in which only the features learn.
    """

    structure: int = 1
    features: int = 4

    def __post_init__(self) -> None:
        if self.structure < 0 or self.features < 0 or self.structure + self.features == 0:
            raise ValueError(
                "turns need a non-negative number of epochs each and one in all, got "
                f"structure={self.structure}, features={self.features}"
            )

    def moving(self, epoch: int, parts: Sequence[str]) -> tuple[str, ...]:
        """Names of the parts that learn in this epoch, out of those the synthetic set has."""
        turn = epoch % (self.structure + self.features)
        name = "structure" if turn < self.structure else "features"
        return (name,) if name in parts else ()


@dataclass(frozen=True)
class AllAtOnce:
    """Every part of the synthetic set learns in every step."""

    def moving(self, epoch: int, parts: Sequence[str]) -> tuple[str, ...]:
        """Names of the parts that learn in this epoch: all of them."""
        return tuple(parts)


@dataclass(frozen=True)
class Step:
    """A step on one part of the synthetic set, of Adam by default.

    Args:
        lr: Step size.
        relative: Multiply ``lr`` by the root mean square of the part's natural scale (that of
            the initial features). Adam's steps are sign-like, so a step size means nothing
            without the scale of what it moves.
        anneal: Lower it to zero over the run along half a cosine.
        momentum: A step of gradient descent with this momentum, as in the papers on images,
            instead of Adam's; ``lr`` then multiplies the gradient.
    """

    lr: float
    relative: bool = False
    anneal: bool = False
    momentum: float | None = None

    def __post_init__(self) -> None:
        positive(lr=self.lr)
        share(momentum=self.momentum or 0.0)

    def at(self, epoch: int, epochs: int, scale: float) -> float:
        """Step size in an epoch, for a part of the given natural scale."""
        left = 0.5 * (1 + math.cos(math.pi * epoch / epochs)) if self.anneal else 1.0
        return self.lr * left * (scale if self.relative else 1.0)
