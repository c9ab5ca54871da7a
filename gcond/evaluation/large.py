"""The judge of graphs on disk: what is tested are rows, and a GCN block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gcond.condensed import Condensed
from gcond.evaluation.protocol import Protocol
from gcond.graph import receptive
from gcond.graph.large.disk import OnDisk
from gcond.graph.large.edges import neighbour_sums
from gcond.graph.propagation import propagate_dense
from gcond.graph.task import NodeTask, Split
from gcond.graph.training import Training, Weights, on, train
from gcond.matching import generator_for, targets
from gcond.matching.device import CPU
from gcond.matching.model import uniform

Percent = tuple[float, ...]
Found = tuple[Percent, Percent]
"""Test and validation accuracies in percent, one per seed."""

MODELS = ("GCN", "SGC")
AT_MOST = 5000
"""More validation nodes than this are represented by a sample when an epoch is chosen."""

PIECE = 1 << 26
"""Bytes of rows that are looked at together."""

WHOLE = Training(epochs=1500, dropout=0.0, weight_decay=0.0, validate_every=100)
BATCH = 1024
"""Rows of a step where softmax regression is trained on all propagated training rows."""


def refuse(model: object, task: NodeTask) -> None:
    """Says which architectures are judged on a graph on disk.

    Raises:
        ValueError: This is not one of them.
    """
    if model not in MODELS:
        raise ValueError(
            f"{task.name} is kept on disk, where {' and '.join(MODELS)} can be tested, got "
            f"{model!r}; gcond.fit(condensed, model) trains any model, to be tested by your own "
            "loader"
        )


def condensed_row(
    full: Condensed, task: NodeTask, model: str, protocol: Protocol, seeds: Sequence[int]
) -> Found:
    """Models trained on a condensed graph.

    Epochs are chosen on propagated validation rows: those of an SGC exactly, those of a GCN as
    if its second propagation came before its nonlinearity too. Its test is exact.
    """
    training = protocol.training_of(model)
    if model == "SGC":
        x = full.x if full.adjacency is None else propagate_dense(full.adjacency, full.x, 2)
        y = targets(full.targets, task.num_classes, torch.float32)
        return _softmax_regression(task, lambda generator: (x, y), training, seeds)
    view = receptive.of_graph(full.x, full.adjacency, full.targets).to(task.device)
    val = receptive.of_split(_sampled(task), "val", receptive.ROWS) if _validates(task) else None
    weights, accuracy, _ = train(view, task.num_classes, seeds, training, val)
    return tested(task, on(weights, CPU)), () if val is None else _percent(accuracy)


def whole_row(task: NodeTask, seeds: Sequence[int]) -> Found:
    """Softmax regression (SGC) on all propagated training rows, in batches."""
    rows, y = task.features("train", 2), task.labels("train")
    held = torch.as_tensor(np.asarray(rows)) if rows.fits else None

    def batch(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        drawn = torch.randint(len(y), (BATCH,), generator=generator)
        x = torch.as_tensor(rows[drawn.numpy()]) if held is None else held[drawn]
        return x, targets(y[drawn], task.num_classes, torch.float32)

    return _softmax_regression(task, batch, WHOLE, seeds)


@torch.no_grad()
def tested(task: NodeTask, weights: Weights) -> Percent:
    r"""Test accuracy of two-layer GCNs, exact: with :math:`Y = \mathrm{relu}(\hat A X W_1 + b_1)
    W_2` of all nodes that test nodes see, formed a block of rows at a time from rows that are
    cached, the test nodes' predictions are :math:`\hat A Y + b_2`.

    Models are taken in groups whose ``Y`` takes a quarter of the memory budget.
    """
    assert task.disk is not None
    c = task.num_classes
    most = max(task.disk.memory // (4 * 4 * c * task.disk.shape[0]), 1)
    models = torch.arange(weights[1].shape[0])
    return tuple(
        accuracy
        for group in torch.split(models, most)
        for accuracy in _tested(task, task.disk, _some(weights, group))
    )


def _tested(task: NodeTask, disk: OnDisk, weights: Weights) -> list[float]:
    scale = torch.from_numpy(disk.edges.scale())
    u, b2 = _scaled_outputs(task, disk, weights, scale), weights[3]
    test = np.zeros(len(scale), bool)
    test[task.index["test"]] = True
    hits = torch.zeros(len(b2), dtype=torch.long)
    rows = max(PIECE // (16 * u.shape[1]), 1)
    for piece in disk.edges.pieces(test, 1 << 22, rows):
        seen = torch.from_numpy(piece.rows)
        out = neighbour_sums(piece, u).add_(u[seen]).mul_(scale[seen][:, None])
        predicted = (out.view(len(seen), *b2.shape) + b2).argmax(-1)
        y = torch.as_tensor(task.y[piece.rows])
        hits += (predicted == y[:, None]).sum(0)
    return [100 * float(hit) / len(task.index["test"]) for hit in hits]


def _scaled_outputs(task: NodeTask, disk: OnDisk, weights: Weights, scale: Tensor) -> Tensor:
    r""":math:`\tilde D^{-1/2} Y` of all models side by side ``[N, R C]``."""
    w1, b1, w2, _ = weights
    d, r, h = w1.shape
    if task.setting == "inductive":
        nodes, rows = task.index["test"], disk.features(task.index["test"], 1)
    else:
        nodes, rows = np.arange(len(scale)), disk.everywhere(1)
    out = torch.zeros(len(scale), r * w2.shape[-1])
    step = max(PIECE // (4 * (d + r * h)), 1)
    for start in range(0, len(nodes), step):
        part = np.arange(start, min(start + step, len(nodes)))
        hidden = (torch.from_numpy(rows[part]) @ w1.reshape(d, r * h)).view(-1, r, h)
        y = torch.einsum("nrh,rhc->nrc", torch.relu_(hidden.add_(b1)), w2)
        where = torch.from_numpy(nodes[part])
        out[where] = y.reshape(len(part), -1) * scale[where][:, None]
    return out


@dataclass
class _Best:
    """Parameters of the best validated step of each model."""

    weight: Tensor
    bias: Tensor
    accuracy: Tensor

    def see(self, weight: Tensor, bias: Tensor, accuracy: Tensor) -> None:
        better = accuracy > self.accuracy
        self.weight[better], self.bias[better] = weight[better], bias[better]
        self.accuracy = torch.where(better, accuracy, self.accuracy)


@torch.no_grad()
def _softmax_regression(
    task: NodeTask,
    batch: Callable[[torch.Generator], tuple[Tensor, Tensor]],
    training: Training,
    seeds: Sequence[int],
) -> Found:
    """One model per seed, trained as one on the same batches: Adam, step x 0.1 at half."""
    d, c, where = task.num_features, task.num_classes, task.device
    like = torch.zeros((), device=where)
    drawn = [uniform((d, c), d, generator_for(seed, "model"), like) for seed in seeds]
    weight, bias = torch.stack(drawn), torch.zeros(len(drawn), c, device=where)
    val = _table(_sampled(task), "val") if _validates(task) else None
    best = _Best(weight.clone(), bias.clone(), torch.full((len(drawn),), -1.0, device=where))
    generator = generator_for(0, "real")  # the same batches, whichever models are trained
    optimizer = torch.optim.Adam([weight, bias], training.lr, fused=True)
    for step in range(training.epochs):
        if step == training.epochs // 2 and step:
            lr = 0.1 * training.lr
            optimizer = torch.optim.Adam([weight, bias], lr, fused=True)
        x, y = (t.to(where) for t in batch(generator))
        delta = (_outputs(x, weight, bias).softmax(-1) - y[:, None]) / len(y)
        weight.grad = (x.T @ delta.flatten(1)).view(d, *bias.shape).transpose(0, 1).contiguous()
        weight.grad += training.weight_decay * weight
        bias.grad = delta.sum(0)
        optimizer.step()
        last = step + 1 == training.epochs
        if val and (last or (step + 1) % training.validate_every == 0):
            best.see(weight, bias, _hits(*val, weight, bias))
    if val is None:
        best = _Best(weight, bias, best.accuracy)
    rows, labels = task.features("test", 2), task.labels("test").to(where)
    step, hits = max(PIECE // (4 * d), 1), torch.zeros(len(drawn), device=where)
    for start in range(0, len(labels), step):
        part = np.arange(start, min(start + step, len(labels)))
        x = torch.from_numpy(rows[part]).to(where)
        hits += len(part) * _hits(x, labels[part[0] : part[-1] + 1], best.weight, best.bias).float()
    return _percent(hits / len(labels)), () if val is None else _percent(best.accuracy)


def _outputs(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Predictions ``[n, R, C]``."""
    r, d, c = weight.shape
    return (x @ weight.transpose(0, 1).reshape(d, r * c)).view(-1, r, c) + bias


def _hits(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Accuracy of each model."""
    return (_outputs(x, weight, bias).argmax(-1) == y[:, None]).float().mean(0)


def _table(task: NodeTask, split: Split) -> tuple[Tensor, Tensor]:
    rows = torch.as_tensor(np.asarray(task.features(split, 2)))
    return rows.to(task.device), task.labels(split).to(task.device)


def _validates(task: NodeTask) -> bool:
    return len(task.index["val"]) > 0


def _sampled(task: NodeTask) -> NodeTask:
    """The task with at most :data:`AT_MOST` validation nodes, the same for all models."""
    rows = task.index["val"]
    if len(rows) <= AT_MOST:
        return task
    order = torch.randperm(len(rows), generator=generator_for(0, "validation"))
    kept = rows[order[:AT_MOST].sort().values.numpy()]
    return replace(task, index={**task.index, "val": kept})


def _some(weights: Weights, models: Tensor) -> Weights:
    w1, b1, w2, b2 = weights
    return w1[:, models], b1[models], w2[models], b2[models]


def _percent(accuracies: Tensor) -> Percent:
    return tuple(100 * float(a) for a in accuracies)
