"""Methods by name, and the closed registry of configuration types."""

from __future__ import annotations

from collections.abc import Mapping

from gcond import coreset, matching
from gcond.graph import (
    adjacency,
    bags,
    initialise,
    labels,
    method,
    models,
    selection,
    teachers,
    training,
    validation,
    whitening,
)
from gcond.graph.outcome import Method
from gcond.methods import coreset as selectors
from gcond.methods import graph
from gcond.spelling import meant

_METHODS: tuple[tuple[Method, str], ...] = (
    (graph.GCOND, "multi-step gradient matching, features and pairwise-MLP adjacency"),
    (graph.GCOND_X, "the same without edges"),
    (graph.DOSCOND, "one-step gradient matching: the model never moves"),
    (graph.DOSCOND_X, "the same without edges"),
    (graph.BAGS, "means of bags of nodes that a teacher labels softly, whitened; no matching"),
    (graph.BAGS_HARD, "the same with classes as labels"),
    (selectors.RANDOM, "random training nodes and the edges between them"),
    (selectors.HERDING, "greedy match of class means"),
    (selectors.KCENTER, "farthest-first traversal of each class"),
    (selectors.CENTROID, "class-wise k-means of propagated features, no edges"),
)

TYPES: Mapping[str, type] = {
    kind.__name__: kind
    for kind in (
        adjacency.Cosine,
        adjacency.FreeLogits,
        adjacency.Identity,
        adjacency.LowRank,
        adjacency.PairwiseMLP,
        bags.Bags,
        coreset.Centroid,
        coreset.Herding,
        coreset.KCenter,
        coreset.Random,
        initialise.BestOf,
        initialise.Noise,
        initialise.Selected,
        labels.Heard,
        labels.Taught,
        labels.TrainingLabels,
        matching.AllAtOnce,
        matching.Best,
        matching.ByClass,
        matching.CosinePerUnit,
        matching.Fixed,
        matching.FlatCosine,
        matching.Fresh,
        matching.Gradients,
        matching.Last,
        matching.RelativeSquaredL2,
        matching.Schedule,
        matching.SquaredL2,
        matching.Step,
        matching.Together,
        matching.TrainOnReal,
        matching.TrainOnSynthetic,
        matching.Turns,
        method.GraphMethod,
        selection.Selection,
        models.GCN,
        models.Module,
        models.PropagatedMLP,
        models.SGC,
        teachers.GRAND,
        teachers.KernelRidge,
        teachers.Mixture,
        teachers.SelfTraining,
        training.Training,
        validation.Validator,
        whitening.Whitened,
    )
}
"""Every type that a stored configuration may name."""


def get_method(name: str) -> Method:
    """The method of that name with our defaults; change it with ``dataclasses.replace``.

    Raises:
        ValueError: The name is unknown.

    Example:
        >>> get_method("doscond").name
        'doscond'
    """
    known = {found.name: found for found, _ in _METHODS}
    if name in known:
        return known[name]
    raise ValueError(f"unknown method {name!r}; {meant(name, known)}known: {', '.join(known)}")


def list_methods() -> dict[str, str]:
    """Names of all methods, each with what it does."""
    return {found.name: text for found, text in _METHODS}
