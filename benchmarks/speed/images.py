"""A matching step on images, against a plain form of the published loop, in one run.

    python benchmarks/speed/images.py --width 128 --batch-size 256 --repeats 5

The reference is written from the description of the official loop of DC: class by class, the
gradient of one batch of real images by autograd through a module, the gradient of the class's
synthetic images through the same weights with its graph, the distance by autograd, and one double
backward for the sum over classes; poolings are those of torch. Both sides see the same images and
the same networks and take turns; first it is checked that losses and derivatives agree. Pixels are
random: no figure depends on them.
"""

from __future__ import annotations

import argparse
import json
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


def batch_of(per_class: int, role: str) -> Batch:
    y = torch.repeat_interleave(torch.arange(CLASSES), per_class)
    x = torch.randn(len(y), *SHAPE, generator=generator_for(0, role))
    # The classes differ, so that gradients do not vanish.
    x += torch.randn(CLASSES, *SHAPE, generator=generator_for(1, role))[y]
    counts = torch.full((CLASSES,), per_class)
    labels = targets(y, CLASSES, torch.float32)
    return Batch((x,), labels, ByClass("equal").partition(y, counts, torch.float32))


class Step:
    """One matching step of each side, on the same images and at the same parameters."""

    def __init__(self, width: int, batch_size: int, per_class: int) -> None:
        like = torch.empty(0)
        self.model = NetworkModel(ConvNet(width, depth=3), SHAPE, CLASSES, like)
        self.plain = NetworkModel(ConvNet(width, depth=3), SHAPE, CLASSES, like)
        features = self.plain.module.features
        assert isinstance(features, Sequential)
        layers = (AvgPool2d(2) if isinstance(layer, Halving) else layer for layer in features)
        self.plain.module.features = Sequential(*layers)
        self.theta = [self.model.draw(generator_for(i, "model")) for i in range(MODELS)]
        self.real, self.synthetic = batch_of(batch_size, "real"), batch_of(per_class, "init")
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
        total = torch.zeros(())
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
        return torch.zeros(())
    g, h = g.flatten(1), h.flatten(1)
    cosine = (g * h).sum(-1) / (g.norm(dim=-1) * h.norm(dim=-1) + 1e-6)
    return (1 - cosine).sum()


def agree(step: Step, memory: Memory) -> float:
    """Largest difference of the derivatives, relative to the largest derivative."""
    step.turn = 0
    value, pull = step.ours(memory)
    step.turn = 0
    expected, wanted = step.reference()
    if abs(value - expected) > 1e-5 * abs(expected):
        raise SystemExit(f"the losses differ: {value} and {expected}")
    return float((pull - wanted).abs().max() / wanted.abs().max())


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
    apart_by = agree(step, memory)
    print(
        f"ConvNet of width {options.width}, {options.batch_size} real and {options.per_class} "
        f"synthetic images of each of {CLASSES} classes, {SHAPE[1]} x {SHAPE[2]} pixels, "
        f"{torch.get_num_threads()} threads, {options.clock} clock; largest difference of the "
        f"derivatives {apart_by:.1e} of the largest"
    )
    if apart_by > 1e-4:
        raise SystemExit("the derivatives differ")
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
        found |= {"difference": apart_by, "rows": [row.plain() for row in rows]}
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
