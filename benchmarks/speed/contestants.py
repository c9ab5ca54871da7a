"""One piece of work, done by gcond as it runs and by the plain reference, from the same state."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from reference import ConcatenatedPairs, Loop, judge
from sampling import ALL, Frozen, Sampler
from torch import Tensor

import gcond
from gcond.evaluation.protocol import Protocol
from gcond.graph.method import GraphMethod
from gcond.graph.propagation import normalise, to_sparse_tensor, to_tensor
from gcond.graph.real import RealNodes
from gcond.graph.receptive import of_graph
from gcond.graph.synthetic import SyntheticGraph
from gcond.graph.task import NodeTask
from gcond.graph.training import Training
from gcond.graph.validation import Validation
from gcond.matching import (
    AllAtOnce,
    Batch,
    Last,
    Schedule,
    Score,
    SyntheticSet,
    Turns,
    match,
    restore,
    state_of,
)

SEED = 0
TURNS = {"structure": Turns(1, 0), "features": Turns(0, 1), "both": AllAtOnce()}
EVERYTHING = 10**9
"""A batch size that no class reaches."""


@dataclass(frozen=True)
class Problem:
    """What is condensed, how, to how many nodes of each class, and by which clock it is timed."""

    task: NodeTask
    method: GraphMethod
    counts: Tensor
    clock: Callable[[], float]

    def start(self) -> SyntheticGraph:
        return self.method.start(self.task, self.counts, SEED)

    def real(self) -> RealNodes:
        m, task = self.method, self.task
        validation = Validation(task, m.validator, SEED)
        source, y = m.model.source(task), task.labels("train")
        sizes = self.counts, m.grouping, m.batch_size
        return RealNodes(source, y, *sizes, validation, device=task.device)


@dataclass
class Ticking:
    """A task that notes when the loop asks for the real side: once per outer step."""

    task: RealNodes
    clock: Callable[[], float]
    ticks: list[float] = field(default_factory=list)

    def real(self, generator: torch.Generator) -> Batch:
        self.ticks.append(self.clock())
        return self.task.real(generator)

    def score(self, synthetic: SyntheticSet) -> Score | None:
        return None


class Ours:
    """Outer steps of ``gcond.matching.match``, timed from the outside."""

    def __init__(self, problem: Problem, turn: str, inner_steps: int, steps: int) -> None:
        # The first interval warms up and is dropped; the last tick has no interval of its own.
        schedule = Schedule(1, steps + 2, inner_steps)
        method = replace(problem.method, schedule=schedule, turns=TURNS[turn], selection=Last())
        self.synthetic, self.real, self.clock = problem.start(), problem.real(), problem.clock
        self.plan = method.plan(
            problem.task.num_features, problem.task.num_classes, self.synthetic.x
        )
        self.state = state_of(self.synthetic)

    def __call__(self) -> list[float]:
        restore(self.synthetic, self.state)
        task = Ticking(self.real, self.clock)
        match(task, self.synthetic, self.plan, seed=SEED)
        return [b - a for a, b in itertools.pairwise(task.ticks)][1:]


class Reference:
    """The same outer steps of the published loop; its step does the same work in either turn."""

    def __init__(
        self, problem: Problem, turn: str, inner_steps: int, steps: int, resample: bool = True
    ) -> None:
        self.problem, self.structure_turn = problem, turn == "structure"
        self.inner_steps, self.steps, self.resample = inner_steps, steps, resample
        self.synthetic = problem.start()

    def __call__(self) -> list[float]:
        sampler = sampler_of(self.problem, (10, 5), self.problem.method.batch_size)
        loop = loop_of(self.problem, self.synthetic, sampler if self.resample else Frozen(sampler))
        found = []
        for _ in range(self.steps + 1):
            began = self.problem.clock()
            loop.outer_step(self.structure_turn, self.inner_steps)
            found.append(self.problem.clock() - began)
        return found[1:]


def sampler_of(problem: Problem, fanouts: tuple[int, ...], batch_size: int) -> Sampler:
    a_hat, _, rows = problem.task.graph("train")
    y, nodes = problem.task.labels("train"), torch.as_tensor(rows)
    where = problem.task.device
    classes = [nodes[y == c].to(where) for c in range(problem.task.num_classes)]
    return Sampler(a_hat, classes, fanouts, batch_size, SEED, where)


def loop_of(problem: Problem, synthetic: SyntheticGraph, sampler: Sampler | Frozen) -> Loop:
    method, task = problem.method, problem.task
    parameters = synthetic.structure.parameters
    n, d = synthetic.x.shape
    scale = synthetic.scales["features"] if method.features.relative else 1.0
    loop = Loop(
        to_tensor(task.x, torch.float32).to(task.device),
        torch.as_tensor(task.y).to(task.device),
        sampler,
        synthetic.x,
        problem.counts,
        ConcatenatedPairs(n, d, len(parameters[-2])).to(task.device).load(parameters),
        (method.features.lr * scale, method.structure.lr, method.advance.lr),
    )
    plan = method.plan(d, task.num_classes, synthetic.x)
    loop.begin(*plan.stream.draw(plan.model, 0, SEED))
    return loop


def agreement(problem: Problem) -> dict[str, float]:
    """Relative differences of one matching step when the reference samples nothing."""
    whole = replace(problem, method=replace(problem.method, batch_size=EVERYTHING))
    synthetic = whole.start()
    loop = loop_of(whole, synthetic, sampler_of(whole, (ALL, ALL), EVERYTHING))
    value = loop.objective()
    value.backward()
    method = replace(whole.method, schedule=Schedule(1), turns=AllAtOnce(), selection=Last())
    plan = method.plan(whole.task.num_features, whole.task.num_classes, synthetic.x)
    run = match(Ticking(whole.real(), whole.clock), synthetic, plan, seed=SEED)
    theirs = loop.pairwise.unload([p.grad for p in loop.pairwise.parameters()])
    ours = [p.grad for p in synthetic.structure.parameters]
    largest = max(float(g.abs().max()) for g in theirs)
    apart = max(float((g - h).abs().max()) for g, h in zip(ours, theirs, strict=True))
    return {
        "loss_ours": run.losses[0],
        "loss_reference": value.item(),
        "loss_difference": abs(run.losses[0] / value.item() - 1),
        "features_gradient_difference": float(
            (synthetic.x.grad - loop.x.grad).abs().max() / loop.x.grad.abs().max()
        ),
        "structure_gradient_difference": apart / largest,
    }


class Pairs:
    """The pairwise MLP alone, forward and backward, in both forms."""

    def __init__(self, problem: Problem, times: int) -> None:
        synthetic = problem.start()
        self.x, self.structure = synthetic.x, synthetic.structure
        self.times, self.clock = times, problem.clock
        parameters = self.structure.parameters
        n, d = self.x.shape
        module = ConcatenatedPairs(n, d, len(parameters[-2])).to(self.x.device)
        self.module = module.load(parameters)
        cotangent = torch.randn(n, n, generator=torch.Generator().manual_seed(SEED))
        self.cotangent = cotangent.to(self.x.device)

    def factored(self) -> list[float]:
        leaves = [self.x, *self.structure.parameters]
        return [self._timed(self.structure, leaves) for _ in range(self.times)]

    def concatenated(self) -> list[float]:
        leaves = [self.x, *self.module.parameters()]
        return [self._timed(self.module, leaves) for _ in range(self.times)]

    def difference(self) -> float:
        with torch.no_grad():
            return float((self.structure(self.x) - self.module(self.x)).abs().max())

    def _timed(self, form: Callable[[Tensor], Tensor], leaves: list[Tensor]) -> float:
        began = self.clock()
        torch.autograd.grad(form(self.x), leaves, self.cotangent)
        return self.clock() - began


class Judges:
    """Many seeds at once by ``gcond.evaluate``, and one seed at a time with PyG."""

    def __init__(
        self, problem: Problem, seeds: int, epochs: int, accuracy: dict[str, list[float]]
    ) -> None:
        self.task, self.clock, self.seeds, self.epochs = problem.task, problem.clock, seeds, epochs
        untouched = replace(problem.method, schedule=Schedule(0), selection=Last())
        total = int(problem.counts.sum())
        self.condensed = gcond.condense(problem.task, num_nodes=total, method=untouched, seed=SEED)
        self.accuracy = accuracy

    def ours(self) -> list[float]:
        protocol = Protocol("speed", Training(epochs=self.epochs))
        began = self.clock()
        options = {"protocol": protocol, "seeds": self.seeds, "device": self.task.device}
        found = gcond.evaluate(self.condensed, self.task, baselines=(), **options)
        seconds = self.clock() - began
        self.accuracy["gcond"] = list(found.rows[0].accuracies)
        return [seconds]

    def reference(self, validate_every: int) -> list[float]:
        """One seed, scaled to all; the next call takes the next seed."""
        done = self.accuracy.setdefault(f"reference, validating each {validate_every}", [])
        task, small = self.task, self.condensed
        where = task.device
        val, test = (torch.as_tensor(task.index[split]).to(where) for split in ("val", "test"))
        began = self.clock()
        a_hat = to_sparse_tensor(normalise(task.adj), torch.float32)
        real = to_tensor(task.x, torch.float32), a_hat, torch.as_tensor(task.y)
        view = of_graph(small.x, small.adjacency, small.y)
        condensed = small.x, view.outer.to_sparse_csr(), small.y
        condensed, real = ([t.to(where) for t in graph] for graph in (condensed, real))
        accuracy = judge(condensed, real, val, test, len(done), self.epochs, validate_every)
        seconds = self.clock() - began
        done.append(100 * accuracy)
        return [self.seeds * seconds]
