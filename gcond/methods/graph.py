"""Gradient matching on graphs. Each paper is written as its difference from another."""

from __future__ import annotations

from dataclasses import replace

from gcond.graph.adjacency import Identity
from gcond.graph.method import GraphMethod
from gcond.matching import AllAtOnce, Schedule

GCOND = GraphMethod("gcond", Schedule(epochs=20, outer_steps=20, inner_steps=15))
GCOND_X = replace(GCOND, name="gcond-x", adjacency=Identity(), turns=AllAtOnce())
DOSCOND = replace(GCOND, name="doscond", schedule=Schedule(epochs=400))
DOSCOND_X = replace(DOSCOND, name="doscond-x", adjacency=Identity(), turns=AllAtOnce())
