"""A matching step on images, against a plain form of the published loop, in one run.

    python benchmarks/speed/images.py --width 128 --batch-size 256 --repeats 5

The reference is written from the description of the official loop of DC: class by class, the
gradient of one batch of real images by autograd through a module, the gradient of the class's
synthetic images through the same weights with its graph, the distance by autograd, and one double
backward for the sum over classes; poolings are those of torch. Both sides see the same images and
the same networks and take turns. Pixels are random: no figure depends on them.

First it is checked in float64, with fewer real images, that losses and derivatives agree. In
float32 a pixel of a map that is zero up to rounding passes a ReLU on one side and not on the other,
whatever the two sides do differently: both are compared with float64 there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from timing import CLOCKS, Row, alternate, head, machine
from torch import Tensor
from torch.nn import AvgPool2d, Sequential
from torch.nn.functional import cross_entropy

from gcond.image.layers import Halving
from gcond.image.network_model import NetworkModel
from gcond.image.networks import ConvNet
from gcond.matching import (
    Batch,
    ByClass,
    Chunked,
    CosinePerUnit,
    Full,
    Gradients,
    Memory,
    generator_for,
    targets,
)

CLASSES, SHAPE = 10, (1, 28, 28)
MODELS = 4
"""Networks of the pool; how many there are does not change the cost of a step after the first
visit, which is what a long run consists of."""
CHECKED = 8
"""Real images of a class in the check."""


def batch_of(per_class: int, role: str, dtype: torch.dtype) -> Batch:
    y = torch.repeat_interleave(torch.arange(CLASSES), per_class)
    x = torch.randn(len(y), *SHAPE, generator=generator_for(0, role))
    # The classes differ, so that gradients do not vanish.
    x += torch.randn(CLASSES, *SHAPE, generator=generator_for(1, role))[y]
    counts = torch.full((CLASSES,), per_class)
    labels = targets(y, CLASSES, dtype)
    return Batch((x.to(dtype),), labels, ByClass("equal").partition(y, counts, dtype))


class Step:
    """One matching step of each side, on the same images and at the same parameters."""

    def __init__(
        self, width: int, batch_size: int, per_class: int, dtype: torch.dtype = torch.float32
    ) -> None:
        like = torch.empty(0, dtype=dtype)
        self.model = NetworkModel(ConvNet(width, depth=3), SHAPE, CLASSES, like)
        self.plain = NetworkModel(ConvNet(width, depth=3), SHAPE, CLASSES, like)
        features = self.plain.module.features
        assert isinstance(features, Sequential)
        layers = (AvgPool2d(2) if isinstance(layer, Halving) else layer for layer in features)
        self.plain.module.features = Sequential(*layers)
        single = NetworkModel(ConvNet(width, depth=3), SHAPE, CLASSES, torch.empty(0))
        drawn = [single.draw(generator_for(i, "model")) for i in range(MODELS)]
        self.theta = [tuple(t.to(dtype) for t in theta) for theta in drawn]
        self.real = batch_of(batch_size, "real", dtype)
        self.synthetic = batch_of(per_class, "init", dtype)
        self.turn = 0

    def ours(self, memory: Memory, cached: list[Any] | None = None) -> tuple[float, Tensor]:
        number = self.turn = (self.turn + 1) % MODELS
        signal, theta = Gradients(memory=memory).of(self.model), self.theta[number]
        target = cached[number] if cached else signal.measure(theta, self.real)
        signature, pullback = signal.trace(theta, self.synthetic)
        importance = self.synthetic.groups.importance
        value, cotangent = CosinePerUnit()(signature, target, self.model.units, importance)
        return float(value), pullback(cotangent)[0]

    def measured(self, memory: Memory) -> list[Any]:
        """What a pool of networks says of the real side, once for the run."""
        signal = Gradients(memory=memory).of(self.model)
        return [signal.measure(theta, self.real) for theta in self.theta]

    def reference(self) -> tuple[float, Tensor]:
        number = self.turn = (self.turn + 1) % MODELS
        theta = [t.clone().requires_grad_() for t in self.theta[number]]
        x = self.synthetic.inputs[0].clone().requires_grad_()
        many, few = (len(b.y) // CLASSES for b in (self.real, self.synthetic))
        total = x.new_zeros(())
        for c in range(CLASSES):
            real = self.real.inputs[0][c * many : (c + 1) * many]
            loss = cross_entropy(self.plain(theta, real), torch.full((many,), c))
            target = [g.detach().clone() for g in torch.autograd.grad(loss, theta)]
            images = x[c * few : (c + 1) * few]
            loss = cross_entropy(self.plain(theta, images), torch.full((few,), c))
            found = torch.autograd.grad(loss, theta, create_graph=True)
            total = total + sum(apart(g, h) for g, h in zip(found, target, strict=True))
        (pull,) = torch.autograd.grad(total, x)
        return float(total.detach()), pull


def apart(g: Tensor, h: Tensor) -> Tensor:
    if g.dim() < 2:
        return g.new_zeros(())
    g, h = g.flatten(1), h.flatten(1)
    cosine = (g * h).sum(-1) / (g.norm(dim=-1) * h.norm(dim=-1) + 1e-6)
    return (1 - cosine).sum()


@dataclass(frozen=True)
class Agreement:
    """Largest differences of the derivatives, relative to the largest derivative.

    Args:
        double: Between the two sides in float64.
        ours: Of ours in float32 from the plain loop in float64.
        plain: Of the plain loop in float32 from itself in float64.
    """

    double: float
    ours: float
    plain: float


def agree(width: int, per_class: int, memory: Memory) -> Agreement:
    """How far the two sides are apart.

    Raises:
        SystemExit: Farther than the acceptable.
    """
    double, single = (
        Step(width, CHECKED, per_class, dtype) for dtype in (torch.float64, torch.float32)
    )
    value, pull = double.ours(memory)
    double.turn = 0
    expected, wanted = double.reference()
    _, ours = single.ours(memory)
    single.turn = 0
    _, plain = single.reference()
    most = wanted.abs().max()
    found = Agreement(*(float((t - wanted).abs().max() / most) for t in (pull, ours, plain)))
    if abs(value - expected) > 1e-10 * abs(expected) or found.double > 1e-10:
        raise SystemExit(f"the two sides differ in float64: {value} and {expected}, {found}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--per-class", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clock, memory = CLOCKS[options.clock], Chunked(options.chunk)
    step = Step(options.width, options.batch_size, options.per_class)
    apart_by = agree(options.width, options.per_class, memory)
    print(
        f"ConvNet of width {options.width}, {options.batch_size} real and {options.per_class} "
        f"synthetic images of each of {CLASSES} classes, {SHAPE[1]} x {SHAPE[2]} pixels, "
        f"{torch.get_num_threads()} threads, {options.clock} clock\n"
        f"largest difference of the derivatives, of the largest: {apart_by.double:.1e} in float64; "
        f"from float64 in float32 {apart_by.ours:.1e}, of the plain loop {apart_by.plain:.1e}"
    )
    pool = step.measured(memory)

    def timed(call: Any, *given: Any, times: int = 1) -> Any:
        def turn() -> list[float]:
            began = clock()
            for _ in range(times):
                call(*given)
            return [(clock() - began) / times]

        return turn

    chunked, whole, cached, plain = alternate(
        options.repeats,
        timed(step.ours, memory),
        timed(step.ours, Full()),
        timed(step.ours, Full(), pool, times=MODELS),
        timed(step.reference),
    )
    rows = [
        Row("matching step", chunked, plain, f"chunks of {options.chunk}"),
        Row("matching step", whole, plain, "whole classes"),
        Row("matching step", cached, plain, "a pool of networks, measured once"),
    ]
    print(head("gcond", "plain loop"))
    print("\n".join(map(str, rows)))
    if options.json:
        found = {"machine": machine(), "options": {k: str(v) for k, v in vars(options).items()}}
        found |= {"difference": asdict(apart_by), "rows": [row.plain() for row in rows]}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
