"""Gradient matching on graphs. Each paper is written as its difference from another."""

from __future__ import annotations

from dataclasses import replace

from gcond.coreset import Random
from gcond.graph.adjacency import Identity
from gcond.graph.bags import Bags
from gcond.graph.faithful import Faithful
from gcond.graph.initialise import BestOf, Initialisation, Selected
from gcond.graph.labels import Heard, Taught, TrainingLabels
from gcond.graph.method import GraphMethod
from gcond.graph.models import PropagatedMLP
from gcond.graph.teachers import GRAND, KernelRidge, Mixture, SelfTraining
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.graph.whitening import Whitened
from gcond.matching import (
    AllAtOnce,
    AngleAndMagnitude,
    Best,
    ByClassAndTogether,
    Embeddings,
    Schedule,
    SquaredL2,
    Step,
    WarmUp,
    WhileRealImproves,
)

HUMBLE: tuple[Initialisation, ...] = (
    Selected(),
    Selected(num_layers=1),
    Selected(features_of="raw"),
    Selected(Random()),
)
"""Starts that ask little of a graph; where neighbours disagree, one of them wins."""

STARTS = BestOf((Bags(), Selected(num_layers=10, alpha=0.1), Bags(num_layers=2, alpha=0), *HUMBLE))

GCOND = GraphMethod(
    "gcond",
    Schedule(epochs=10, outer_steps=10, inner_steps=5),
    init=STARTS,
    features=Step(0.01, relative=True, anneal=True),
    hold=True,
    selection=Best(checks=5),
)
GCOND_X = replace(GCOND, name="gcond-x", adjacency=Identity(), turns=AllAtOnce())
DOSCOND = replace(GCOND, name="doscond", schedule=Schedule(epochs=100))
DOSCOND_X = replace(DOSCOND, name="doscond-x", adjacency=Identity(), turns=AllAtOnce())

DCC = replace(GCOND, name="dcc", grouping=WarmUp(epochs=5, outer_steps=5))
MULTI_LEVEL = replace(
    GCOND,
    name="multi-level",
    grouping=ByClassAndTogether(),
    distance=AngleAndMagnitude(),
    advance=WhileRealImproves(),
)
DM = replace(DOSCOND, name="dm", model=PropagatedMLP(), signal=Embeddings(), distance=SquaredL2())

RIDGE = KernelRidge()
TEACHER = Mixture((GRAND(), SelfTraining(GRAND())), (1.0, 1.0))
"""The strongest teacher; ``RIDGE`` is the quick one, and the better one on some graphs."""

THOROUGH = Validator(Training(128, epochs=150, lr=0.03, validate_every=15))
"""For a choice among starts alone, which is all there is to wait for."""

WHITENED = Faithful(
    tuple(Whitened(Bags(num_layers=2, alpha=0), f) for f in (1.0, 0.5, 0.3, 0.2, 0.1))
)


def _bags(name: str, soft: bool) -> GraphMethod:
    """Bags without matching. How much to whiten is for the teacher to say; validation nodes, of
    which there are few, choose between two teachers and starts that ask no teacher."""
    without: tuple[Initialisation, ...] = tuple(
        Heard(TrainingLabels(), each) for each in (Bags(), *HUMBLE)
    )
    candidates: tuple[Initialisation, ...] = (
        WHITENED,
        Heard(Taught(RIDGE, soft), WHITENED),
        *without,
    )
    return replace(
        GCOND_X,
        name=name,
        labels=Taught(TEACHER, soft),
        init=BestOf(candidates),
        schedule=Schedule(epochs=0),
        validator=THOROUGH,
    )


BAGS = _bags("bags", soft=True)
BAGS_HARD = _bags("bags-hard", soft=False)
