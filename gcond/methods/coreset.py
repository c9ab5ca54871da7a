"""Selectors through the same verb: the baselines that every method must beat."""

from __future__ import annotations

from gcond.coreset import Centroid, Herding, KCenter, Random
from gcond.graph.initialise import Selected
from gcond.graph.selection import Selection

RANDOM = Selection("random", Selected(Random(), "raw"))
HERDING = Selection("herding", Selected(Herding(), "raw"))
KCENTER = Selection("k-center", Selected(KCenter(), "raw"))
CENTROID = Selection("centroid", Selected(Centroid(), "propagated"))
