"""Selection of real items, or of means of real items: baselines and initialisations."""

from gcond.coreset.selectors import (
    Centroid,
    Herding,
    KCenter,
    Medoid,
    Picked,
    Random,
    Selector,
)

__all__ = ["Centroid", "Herding", "KCenter", "Medoid", "Picked", "Random", "Selector"]
