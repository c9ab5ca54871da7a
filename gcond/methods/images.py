"""Matching on images: the papers as values, and the selectors beside them."""

from __future__ import annotations

from dataclasses import replace

from gcond.coreset import Centroid, Herding, KCenter, Random
from gcond.image.augmentation import Siamese
from gcond.image.initialise import NoiseImages
from gcond.image.method import ImageMethod
from gcond.image.networks import ConvNet
from gcond.image.pixels import LearnedRates
from gcond.image.selection import ImageSelection
from gcond.matching import (
    AngleAndMagnitude,
    Bank,
    ByClassAndTogether,
    Chunked,
    Embeddings,
    LossOf,
    Schedule,
    SquaredL2,
    Step,
    TrainOnSynthetic,
    Unrolled,
    WarmUp,
    WhileRealImproves,
)

TRAINING = TrainOnSynthetic(0.01, momentum=0.0, batch_size=256, memory=Chunked(32))

DC = ImageMethod(
    "dc",
    Schedule(epochs=20, outer_steps=5, inner_steps=5),
    network=ConvNet(width=32),
    advance=TRAINING,
    batch_size=64,
)
DSA = replace(
    DC,
    name="dsa",
    augmentation=Siamese(),
    advance=replace(TRAINING, augmentation=Siamese(per_item=True)),
)
# Twenty networks and one sample of real images without augmentation: what the real side says is
# computed once for each network, and a step costs the synthetic images only. The paper draws a
# network, a sample and an augmentation for every step; `recipes/dm.toml` does.
DM = replace(
    DC,
    name="dm",
    schedule=Schedule(epochs=400),
    stream=Bank(20),
    signal=Embeddings(memory=Chunked(64)),
    distance=SquaredL2(),
    batch_size=256,
    sample_once=True,
)
DCC = replace(DC, name="dcc", grouping=WarmUp(epochs=10, outer_steps=3))
MULTI_LEVEL = replace(
    DC,
    name="multi-level",
    grouping=ByClassAndTogether(),
    distance=AngleAndMagnitude(),
    schedule=Schedule(epochs=20, outer_steps=5, inner_steps=20),
    advance=WhileRealImproves(replace(TRAINING, momentum=0.5)),
)
DD = replace(
    DC,
    name="dd",
    init=NoiseImages(),
    schedule=Schedule(epochs=200),
    signal=Unrolled(),
    distance=LossOf(memory=Chunked(64)),
    rates=LearnedRates(lr=0.1, epochs=10, step=Step(0.03, anneal=True)),
)

RANDOM = ImageSelection("random", Random())
HERDING = ImageSelection("herding", Herding())
KCENTER = ImageSelection("k-center", KCenter())
CENTROID = ImageSelection("centroid", Centroid(), "pixels")
