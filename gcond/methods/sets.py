"""Gradient matching on sets of graphs: the papers as values, and the selectors beside them."""

from __future__ import annotations

from dataclasses import replace

from gcond.coreset import Herding, KCenter, Medoid, Random
from gcond.graph.sets.initialise import SelectedGraphs
from gcond.graph.sets.method import GraphSetMethod
from gcond.graph.sets.selection import SetSelection
from gcond.graph.sets.structure import Edgeless
from gcond.matching import Schedule

GCOND = GraphSetMethod("gcond", Schedule(epochs=20, outer_steps=10, inner_steps=5))
GCOND_X = replace(GCOND, name="gcond-x", adjacency=Edgeless())
DOSCOND = replace(GCOND, name="doscond", schedule=Schedule(epochs=200))
DOSCOND_X = replace(DOSCOND, name="doscond-x", adjacency=Edgeless())

RANDOM = SetSelection("random", SelectedGraphs(Random()))
HERDING = SetSelection("herding", SelectedGraphs(Herding()))
KCENTER = SetSelection("k-center", SelectedGraphs(KCenter()))
CENTROID = SetSelection("centroid", SelectedGraphs(Medoid()))
