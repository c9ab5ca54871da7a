"""Condensation of images: the papers as values, and the selectors beside them."""

from __future__ import annotations

from gcond.coreset import Centroid, Herding, KCenter, Random
from gcond.image.selection import ImageSelection

RANDOM = ImageSelection("random", Random())
HERDING = ImageSelection("herding", Herding())
KCENTER = ImageSelection("k-center", KCenter())
CENTROID = ImageSelection("centroid", Centroid(), "pixels")
