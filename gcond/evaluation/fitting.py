"""Training one module on a condensed graph: the plain path, for any architecture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gcond.condensed import Condensed
from gcond.datasets import NodeData, as_task
from gcond.evaluation import architectures
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.graph.sources import in_pyg_form
from gcond.graph.task import NodeTask, Split

Factory = Callable[[int, int], nn.Module]
Model = str | nn.Module | Factory
Graph = tuple[Tensor, Tensor, Tensor]
"""Features, edge_index, edge_weight."""


def fit(
    condensed: Condensed,
    model: Model = "GCN",
    dataset: Any = None,
    *,
    protocol: str | Protocol = "gcn-600",
    seed: int = 0,
) -> nn.Module:
    """Trains a model on a condensed graph and returns it.

    The model is called as ``model(x, edge_index, edge_weight)``; those that use no edge weights
    (GraphSAGE, GAT, GIN, Transformer, or any with ``supports_edge_weight = False``) get the edges
    at or above the protocol's threshold. Real data must be passed through
    ``condensed.prepare`` before it is shown to the trained model.

    Args:
        condensed: What to train on.
        model: A name (``"GCN"``, ``"SGC"``, ``"APPNP"``, ``"ChebNet"``, ``"GraphSAGE"``,
            ``"GAT"``, ``"GIN"``, ``"GCNII"``, ``"Transformer"``, ``"MLP"``), a function of the
            number of input and output channels, or a module, which is copied first.
        dataset: The real data; the epoch that is best on its validation nodes is kept. Without
            it the last epoch is.
        protocol: How to train.
        seed: Seeds initialisation and dropout; the caller's random state is not touched.

    Returns:
        The trained module in evaluation mode; its outputs are in the order of
        ``condensed.source.label_names``.

    Raises:
        ValueError: The model's name is unknown, or the dataset is not the one that was condensed.

    Example:
        >>> import gcond
        >>> small = gcond.condense("digits", num_nodes=20, method="centroid")
        >>> gcond.fit(small, "GCN")
        GCN(64, 10, num_layers=2)
    """
    chosen = get_protocol(protocol)
    task = None if dataset is None else source_of(condensed, dataset)
    full = condensed.full()
    graph = full.x, full.edge_index, full.edge_weight
    return trained(model, full.num_classes, graph, None, full.y, task, chosen, seed)


def source_of(condensed: Condensed, dataset: Any, root: Any = None) -> NodeTask:
    """The task that a set was condensed from; other data is refused."""
    source = condensed.source
    task = as_task(
        dataset,
        root=root,
        setting=source.setting,  # type: ignore[arg-type]
        normalize=source.preprocess.kind,
        split=0 if isinstance(dataset, NodeData) else source.split,
    )
    if task.fingerprint != condensed.source.fingerprint:
        raise ValueError(
            f"this set was condensed from other data ({condensed.source.name}, fingerprint "
            f"{condensed.source.fingerprint[:8]}) than {task.name} ({task.fingerprint[:8]}); "
            "evaluate it on the graph, labels and split it came from"
        )
    return task


def build(model: Model, in_channels: int, out_channels: int, protocol: Protocol) -> nn.Module:
    """A fresh module from torch's global generator, or a copy of the one given."""
    if isinstance(model, nn.Module):
        return copy.deepcopy(model)
    if not isinstance(model, str):
        return model(in_channels, out_channels)
    hyper = protocol.training
    return architectures.build(
        model, in_channels, hyper.hidden_channels, out_channels, hyper.dropout
    )


def real_graph(task: NodeTask, split: Split) -> tuple[Graph, Tensor]:
    """The real graph that a split lives on in PyG's form, and the split's rows."""
    x, edge_index, edge_weight, rows = in_pyg_form(task, split)
    return (x, edge_index, edge_weight), rows


def call(module: nn.Module, graph: Graph, threshold: float) -> Tensor:
    """Logits of a module on a graph; weights that it cannot use become a choice of edges."""
    x, edge_index, edge_weight = graph
    if architectures.uses_edge_weight(module):
        out: Tensor = module(x, edge_index, edge_weight)
    else:
        out = module(x, edge_index[:, edge_weight >= threshold])
    return out


def trained(
    model: Model,
    num_classes: int,
    graph: Graph,
    rows: Tensor | None,
    y: Tensor,
    task: NodeTask | None,
    protocol: Protocol,
    seed: int,
) -> nn.Module:
    """A model trained on the rows of a graph, at its best epoch on the task's validation nodes
    if it has any, else at the last one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build(model, graph[0].shape[1], num_classes, protocol)
        val = None if task is None or not len(task.index["val"]) else real_graph(task, "val")
        labels = torch.empty(0) if task is None else task.labels("val")
        best, kept, hyper = -1.0, None, protocol.training
        lr, optimizer = hyper.lr, _adam(module, hyper.lr, hyper.weight_decay)
        for epoch in range(hyper.epochs):
            if epoch == hyper.epochs // 2 and epoch > 0:
                lr = 0.1 * lr
                optimizer = _adam(module, lr, hyper.weight_decay)
            module.train()
            optimizer.zero_grad()
            out = call(module, graph, protocol.edge_threshold)
            cross_entropy(out if rows is None else out[rows], y).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            last = epoch + 1 == hyper.epochs
            if val is not None and (last or (epoch + 1) % hyper.validate_every == 0):
                accuracy = accuracy_of(predict(module, *val, protocol), labels)
                if accuracy > best:
                    best, kept = accuracy, copy.deepcopy(module.state_dict())
    if kept is not None:
        module.load_state_dict(kept)
    return module.eval()


def _adam(module: nn.Module, lr: float, weight_decay: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr, weight_decay=weight_decay)


def accuracy_of(predicted: Tensor, y: Tensor) -> float:
    """Share of equal entries."""
    return float((predicted == y).double().mean())


@torch.no_grad()
def predict(module: nn.Module, graph: Graph, rows: Tensor, protocol: Protocol) -> Tensor:
    """Predicted classes of the given rows."""
    module.eval()
    return call(module, graph, protocol.edge_threshold)[rows].argmax(-1)
