"""Methods by name, and the closed registry of configuration types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

from gcond import coreset, matching
from gcond.graph import (
    adjacency,
    bags,
    faithful,
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
from gcond.graph.sets import features as set_features
from gcond.graph.sets import initialise as set_initialise
from gcond.graph.sets import matchers as set_matchers
from gcond.graph.sets import method as set_method
from gcond.graph.sets import models as set_models
from gcond.graph.sets import selection as set_selection
from gcond.graph.sets import structure as set_structure
from gcond.graph.sets import training as set_training
from gcond.graph.sets import validation as set_validation
from gcond.graph.sets.outcome import SetMethod
from gcond.image import augmentation as image_augmentation
from gcond.image import initialise as image_initialise
from gcond.image import method as image_method
from gcond.image import networks, pixels
from gcond.image import selection as image_selection
from gcond.image import training as image_training
from gcond.image import validation as image_validation
from gcond.image.outcome import ImageCondenser
from gcond.methods import coreset as selectors
from gcond.methods import graph, images, sets
from gcond.spelling import meant

_METHODS: tuple[tuple[Method, str], ...] = (
    (graph.GCOND, "multi-step gradient matching, features and pairwise-MLP adjacency"),
    (graph.GCOND_X, "the same without edges"),
    (graph.DOSCOND, "one-step gradient matching: the model never moves"),
    (graph.DOSCOND_X, "the same without edges"),
    (graph.DCC, "gcond with gradients of each class first and of all classes together later"),
    (graph.MULTI_LEVEL, "gcond on classes and their mean, by angle and magnitude"),
    (graph.DM, "one-step matching of mean embeddings; no second derivatives"),
    (graph.BAGS, "means of bags of nodes that a teacher labels softly, whitened; no matching"),
    (graph.BAGS_HARD, "the same with classes as labels"),
    (selectors.RANDOM, "random training nodes and the edges between them"),
    (selectors.HERDING, "greedy match of class means"),
    (selectors.KCENTER, "farthest-first traversal of each class"),
    (selectors.CENTROID, "class-wise k-means of propagated features, no edges"),
)

_SET_METHODS: tuple[tuple[SetMethod, str], ...] = (
    (sets.DOSCOND, "one-step gradient matching, features and Bernoulli edges"),
    (sets.DOSCOND_X, "the same without edges"),
    (sets.GCOND, "multi-step gradient matching, features and Bernoulli edges"),
    (sets.GCOND_X, "the same without edges"),
    (sets.RANDOM, "random training graphs"),
    (sets.HERDING, "greedy match of class means of pooled propagated features"),
    (sets.KCENTER, "farthest-first traversal of each class"),
    (sets.CENTROID, "the graphs nearest class-wise k-means centres"),
)

_IMAGE_METHODS: tuple[tuple[ImageCondenser, str], ...] = (
    (images.DSA, "gradient matching through siamese augmentation, from real images"),
    (images.DC, "multi-step gradient matching, class by class"),
    (images.DM, "mean embeddings under a bank of random networks; no second derivatives"),
    (images.DCC, "gradients of each class first and of all classes together later"),
    (images.MULTI_LEVEL, "classes and their mean, angle and magnitude, early-stopped training"),
    (images.DD, "loss after a few learned training steps"),
    (images.RANDOM, "random training images"),
    (images.HERDING, "greedy match of class means"),
    (images.KCENTER, "farthest-first traversal of each class"),
    (images.CENTROID, "class-wise k-means of pixels"),
)

Items = Literal["nodes", "graphs", "images"]

DEFAULT: Mapping[Items, str] = {"nodes": "gcond", "graphs": "doscond", "images": "dsa"}
"""What a dataset is condensed with where no method is named."""

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
        coreset.Medoid,
        coreset.Random,
        faithful.Faithful,
        initialise.BestOf,
        initialise.Noise,
        initialise.Selected,
        labels.Heard,
        labels.Taught,
        labels.TrainingLabels,
        matching.AllAtOnce,
        matching.AngleAndMagnitude,
        matching.Bank,
        matching.Best,
        matching.ByClass,
        matching.ByClassAndTogether,
        matching.Chunked,
        matching.CosinePerUnit,
        matching.Embeddings,
        matching.Fixed,
        matching.FlatCosine,
        matching.Fresh,
        matching.Full,
        matching.Gradients,
        matching.Last,
        matching.LossOf,
        matching.Plain,
        matching.RelativeSquaredL2,
        matching.Schedule,
        matching.SquaredL2,
        matching.Step,
        matching.Together,
        matching.TrainOnReal,
        matching.TrainOnSynthetic,
        matching.Turns,
        matching.Unrolled,
        matching.WarmUp,
        matching.WhileRealImproves,
        method.GraphMethod,
        selection.Selection,
        image_augmentation.Siamese,
        image_initialise.MeanImages,
        image_initialise.NoiseImages,
        image_initialise.SelectedImages,
        image_method.ImageMethod,
        image_selection.ImageSelection,
        networks.AlexNet,
        networks.ConvNet,
        networks.LeNet,
        networks.MLP,
        networks.ResNet18,
        networks.VGG11,
        pixels.LearnedRates,
        set_features.Categorical,
        set_features.Free,
        set_initialise.BestStart,
        set_initialise.SelectedGraphs,
        set_method.GraphSetMethod,
        set_matchers.PooledSGC,
        set_matchers.SetModule,
        set_models.PooledGCN,
        set_selection.SetSelection,
        set_structure.Bernoulli,
        set_structure.Continuous,
        set_structure.Edgeless,
        set_structure.Unlearned,
        set_training.SetTraining,
        set_validation.SetValidator,
        image_validation.ImageValidator,
        image_training.ImageTraining,
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


@overload
def get_method(name: str, items: Literal["nodes"] = "nodes") -> Method: ...
@overload
def get_method(name: str, items: Literal["graphs"]) -> SetMethod: ...
@overload
def get_method(name: str, items: Literal["images"]) -> ImageCondenser: ...
@overload
def get_method(name: str, items: Items) -> Any: ...
def get_method(name: str, items: Items = "nodes") -> Any:
    """The method of that name with our defaults; change it with ``dataclasses.replace``.

    Args:
        name: One of :func:`list_methods`.
        items: What it condenses: the nodes of a graph, sets of graphs, or images.

    Raises:
        ValueError: The name is unknown, or one of a method for something else.

    Example:
        >>> get_method("doscond").name
        'doscond'
        >>> type(get_method("doscond", "graphs").adjacency).__name__
        'Bernoulli'
    """
    known = {found.name: found for found, _ in _table(items)}
    if name in known:
        return known[name]
    elsewhere = [_WHAT[other] for other in _TABLES if name in list_methods(other)]
    if elsewhere:
        raise ValueError(
            f"{name!r} condenses {' and '.join(elsewhere)}, not {_WHAT[items]}; methods for these: "
            f"{', '.join(known)}"
        )
    raise ValueError(f"unknown method {name!r}; {meant(name, known)}known: {', '.join(known)}")


def list_methods(items: Items = "nodes") -> dict[str, str]:
    """Names of all methods for nodes, for sets of graphs or for images, each with what it does."""
    return {found.name: text for found, text in _table(items)}


def _table(items: Items) -> tuple[tuple[Any, str], ...]:
    if items not in _TABLES:
        raise ValueError(f"items must be {' or '.join(map(repr, _TABLES))}, got {items!r}")
    return _TABLES[items]


_TABLES: Mapping[Items, tuple[tuple[Any, str], ...]] = {
    "nodes": _METHODS,
    "graphs": _SET_METHODS,
    "images": _IMAGE_METHODS,
}
_WHAT: Mapping[Items, str] = {
    "nodes": "nodes of a graph",
    "graphs": "sets of graphs",
    "images": "images",
}
