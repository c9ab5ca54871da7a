"""Signals of mixtures of groups, made of those of the groups."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gcond.matching.batch import Batch
from gcond.matching.distance import Signature
from gcond.matching.model import Theta
from gcond.matching.signal import Pullback, Signal


@dataclass(frozen=True)
class Mixed:
    """A signal, mixed as a batch's groups ask for. Signals are linear in the losses or means of
    the groups, so that those of a mixture cost nothing more.

    Args:
        signal: What is measured.
    """

    signal: Signal

    def measure(self, theta: Theta, batch: Batch) -> Signature:
        return _mixed(self.signal.measure(theta, batch), batch.groups.mix)

    def trace(self, theta: Theta, batch: Batch) -> tuple[Signature, Pullback]:
        signature, pullback = self.signal.trace(theta, batch)
        mix = batch.groups.mix
        if mix is None:
            return signature, pullback

        def mixed_pullback(cotangent: Signature) -> tuple[Tensor, ...]:
            return pullback(_mixed(cotangent, mix.T))

        return _mixed(signature, mix), mixed_pullback


def _mixed(signature: Signature, mix: Tensor | None) -> Signature:
    if mix is None:
        return signature
    return tuple((mix.to(g) @ g.flatten(1)).view(-1, *g.shape[1:]) for g in signature)
