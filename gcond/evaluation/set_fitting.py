"""Training any module on condensed graphs: the plain path."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from gcond.graph.sets.material import Material
from gcond.graph.sets.metrics import score_of
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.training import SetTraining
from gcond.graph.task import Split
from gcond.matching import Theta
from gcond.matching.randomness import seeded

Factory = Callable[[int, int], nn.Module]
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]
"""Rows, edge_index, edge_weight, batch."""
PIECE = 512
"""Real graphs that are tested together."""


class PooledNetwork(nn.Module):
    """The network of the protocol in PyG's modules: convolutions with ReLU, a readout, a head.

    Args:
        in_channels: Columns of encoded rows.
        out_channels: Classes, or labels per graph.
        training: Widths, depth and readout.
    """

    def __init__(self, in_channels: int, out_channels: int, training: SetTraining) -> None:
        from torch_geometric.nn import GCNConv

        super().__init__()
        width = training.hidden_channels
        inputs = [in_channels] + [width] * (training.num_layers - 1)
        self.pooling = training.pooling
        self.convs = nn.ModuleList([GCNConv(channels, width) for channels in inputs])
        self.head = nn.Linear(width, out_channels)

    def forward(
        self, x: Tensor, edge_index: Tensor, edge_weight: Tensor | None, batch: Tensor
    ) -> Tensor:
        from torch_geometric.nn import global_add_pool, global_mean_pool

        for conv in self.convs:
            x = conv(x, edge_index, edge_weight).relu()
        pool = global_mean_pool if self.pooling == "mean" else global_add_pool
        logits: Tensor = self.head(pool(x, batch))
        return logits

    @torch.no_grad()
    def load(self, theta: Theta) -> PooledNetwork:
        """Takes parameters of one model as :mod:`gcond.graph.sets.training` returns them."""
        for i, conv in enumerate(self.convs):
            conv.lin.weight.copy_(theta[2 * i][0].T)  # type: ignore[operator, union-attr]
            conv.bias.copy_(theta[2 * i + 1][0, 0])  # type: ignore[operator]
        self.head.weight.copy_(theta[-2][0].T)
        self.head.bias.copy_(theta[-1][0, 0])
        return self


def inputs(material: Material, numbers: Tensor) -> Inputs:
    """The given graphs as a PyG model takes them."""
    part = material.graphs.take(numbers)
    given = material.encode(part.x), part.edge_index, part.edge_weight, part.owner
    x, edge_index, edge_weight, batch = (t.to(material.device) for t in given)
    return x, edge_index, edge_weight, batch


def call(module: nn.Module, given: Inputs) -> Tensor:
    """Logits ``[G, C]``; a module without ``edge_weight`` gets the edges from 0.5 up."""
    x, edge_index, edge_weight, batch = given
    if "edge_weight" in inspect.signature(module.forward).parameters:
        out: Tensor = module(x, edge_index, edge_weight=edge_weight, batch=batch)
    else:
        out = module(x, edge_index[:, edge_weight >= 0.5], batch=batch)
    return out


def real_material(task: SetTask, split: Split) -> Material:
    """The real graphs of a split."""
    graphs = task.graphs.take(task.numbers(split))
    return Material(graphs, task.encoding, task.labels(split), task.num_classes, task.device)


@torch.no_grad()
def predict(module: nn.Module, material: Material) -> Tensor:
    """Logits of all graphs, on the CPU."""
    module.eval()
    every = torch.arange(len(material.graphs))
    parts = torch.split(every, PIECE)
    return torch.cat([call(module, inputs(material, part)) for part in parts]).cpu()


def fitted(
    model: nn.Module | Factory,
    material: Material,
    training: SetTraining,
    seed: int,
    val: Material | None,
    metric: Any,
) -> nn.Module:
    """A module trained on graphs, at its best check on ``val``, else at its last step."""
    with seeded(seed, material.device):
        width = material.encode(material.graphs.x[:1]).shape[1]
        fresh = isinstance(model, nn.Module)
        module = copy.deepcopy(model) if fresh else model(width, material.num_outputs)
        assert isinstance(module, nn.Module)
        module = module.to(material.device)
        n, size = len(material.graphs), training.batch_size
        steps = min(training.epochs * -(-n // size), training.most_steps)
        every = max(1, steps // training.checks)
        lr, waiting = training.lr, list[Tensor]()
        optimizer = _adam(module, lr, training.weight_decay)
        best, kept = -1.0, None
        for step in range(1, steps + 1):
            waiting = waiting or list(torch.split(torch.randperm(n), size))
            numbers = waiting.pop()
            module.train()
            optimizer.zero_grad()
            loss = _loss(
                call(module, inputs(material, numbers)), material.y[numbers].to(material.device)
            )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if step == steps // 2:
                lr = 0.1 * lr
                optimizer = _adam(module, lr, training.weight_decay)
            if val is not None and (step % every == 0 or step == steps):
                score = score_of(predict(module, val), val.y, metric)
                if score > best:
                    best, kept = score, copy.deepcopy(module.state_dict())
    if kept is not None:
        module.load_state_dict(kept)
    return module.eval()


def _adam(module: nn.Module, lr: float, weight_decay: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr, weight_decay=weight_decay)


def _loss(logits: Tensor, y: Tensor) -> Tensor:
    if y.dim() == 1:
        return cross_entropy(logits, y)
    known = ~y.isnan()
    return binary_cross_entropy_with_logits(logits[known], y[known])
