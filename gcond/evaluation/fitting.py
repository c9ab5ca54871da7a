"""Training one module on a condensed graph: the plain path, for any architecture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gcond.condensed import Condensed
from gcond.evaluation import architectures
from gcond.evaluation.opening import reopened
from gcond.evaluation.protocol import Protocol, get_protocol
from gcond.evaluation.views import Graph, Real, View, kept, of_condensed
from gcond.graph.large.memory import Memory
from gcond.graph.task import NodeTask
from gcond.image.networks import Network
from gcond.matching.device import CPU, Device, device_of
from gcond.matching.randomness import seeded

Factory = Callable[[int, int], nn.Module]
Model = str | nn.Module | Factory
Inputs = tuple[Tensor, ...]


def fit(
    condensed: Condensed,
    model: Model | Network | None = None,
    dataset: Any = None,
    *,
    protocol: Any = None,
    seed: int = 0,
    device: Device = None,
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
            number of input and output channels, or a module, which is copied first; by default
            ``"GCN"``. For images ``"ConvNet"`` (the default), ``"MLP"``, ``"LeNet"``,
            ``"AlexNet"``, ``"VGG11"``, ``"ResNet18"``, their variants as the papers name them
            (``"ConvNetD2"``), the name of a timm model where timm is installed, a value such as
            ``gcond.image.networks.ConvNet(width=32)``, or a function of the number of channels and
            classes.
        dataset: The real data; the epoch that is best on its validation nodes is kept. Without
            it the last epoch is.
        protocol: How to train; by default ``"gcn-600"``, ``"short-300"`` for images, and
            ``"pool-200"`` for sets of graphs, whose models are called as
            ``model(x, edge_index, edge_weight=, batch=)``.
        seed: Seeds initialisation and dropout; the caller's random state is not touched.
        device: Where the model is trained, as for :func:`gcond.condense`, and where it stays.
            Models begin at the same parameters everywhere; dropout is drawn on the device.

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
    where = device_of(device)
    if condensed.kind != "nodes":
        from gcond.evaluation.images import fit_images
        from gcond.evaluation.sets import fit_set

        others = {"graphs": fit_set, "images": fit_images}
        return others[condensed.kind](condensed, model, dataset, protocol, seed, where)
    chosen = get_protocol(protocol or "gcn-600")
    found: Model = named("GCN" if model is None else model)
    task = None if dataset is None else source_of(condensed, dataset, device=where)
    val = None if task is None else Real(task).view("val")
    view = of_condensed(kept(condensed, chosen.min_edge_weight)).to(where)
    module = trained(found, condensed.num_classes, view, val, chosen, seed)
    if not isinstance(found, str):
        return module
    with torch.random.fork_rng(devices=[]):
        usual = build(found, view.graph.x.shape[1], condensed.num_classes, chosen)
    usual.load_state_dict(module.state_dict())
    return usual.to(where).eval()


def source_of(
    condensed: Condensed,
    dataset: Any,
    root: Any = None,
    memory: Memory = None,
    device: torch.device = CPU,
) -> NodeTask:
    """The task that a set was condensed from, by default opened by the name it had; other data is
    refused."""
    if condensed.kind != "nodes":
        raise ValueError(
            f"this is done for nodes of one graph, and the set is one of {condensed.kind}; "
            "gcond.evaluate and gcond.fit take it"
        )
    task: NodeTask = reopened(condensed, dataset, condensed.source.preprocess, root, memory, device)
    return task


def named(model: Any) -> Any:
    """A model whose name, if it has one, is spelled as :data:`architectures.ARCHITECTURES` does.

    Raises:
        ValueError: The name is unknown.
    """
    return architectures.find(model) if isinstance(model, str) else model


def build(
    model: Model, in_channels: int, out_channels: int, protocol: Protocol, normalize: bool = True
) -> nn.Module:
    """A fresh module from torch's global generator, or a copy of the one given.

    Args:
        model: As in :func:`fit`.
        in_channels: Number of features.
        out_channels: Number of classes.
        protocol: Holds the width of hidden layers and the dropout of named architectures.
        normalize: Whether named architectures normalise the adjacency themselves.
    """
    if isinstance(model, nn.Module):
        return copy.deepcopy(model)
    if not isinstance(model, str):
        return model(in_channels, out_channels)
    hyper = protocol.training_of(model)
    return architectures.build(
        model, in_channels, hyper.hidden_channels, out_channels, hyper.dropout, normalize
    )


def inputs(model: Model, module: nn.Module, graph: Graph, protocol: Protocol) -> Inputs:
    """What a module is called with on a graph: named architectures get it prepared."""
    if isinstance(model, str):
        kind = architectures.ARCHITECTURES[model].kind
        return graph.inputs(kind, protocol.edge_threshold, sparse=True)
    weighted = architectures.uses_edge_weight(module)
    return graph.inputs("weighted" if weighted else "edges", protocol.edge_threshold)


def trained(
    model: Model, num_classes: int, view: View, val: View | None, protocol: Protocol, seed: int
) -> nn.Module:
    """A model trained on a view, at its best epoch on the validation view if there is one, else
    at the last one. Named architectures leave the normalisation to :func:`inputs`."""
    where = view.y.device
    with seeded(seed, where):
        module = build(model, view.graph.x.shape[1], num_classes, protocol, normalize=False)
        module = module.to(where)
        shown = inputs(model, module, view.graph, protocol)
        best, state, hyper = -1.0, None, protocol.training_of(model)
        lr, optimizer = hyper.lr, _adam(module, hyper.lr, hyper.weight_decay)
        for epoch in range(hyper.epochs):
            if epoch == hyper.epochs // 2 and epoch > 0:
                lr = 0.1 * lr
                optimizer = _adam(module, lr, hyper.weight_decay)
            module.train()
            optimizer.zero_grad()
            out = module(*shown)
            loss = cross_entropy(out if view.rows is None else out[view.rows], view.y)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            last = epoch + 1 == hyper.epochs
            if val is not None and (last or (epoch + 1) % hyper.validate_every == 0):
                hits = accuracy(module, inputs(model, module, val.graph, protocol), val)
                if hits > best:
                    best, state = hits, copy.deepcopy(module.state_dict())
    if state is not None:
        module.load_state_dict(state)
    return module.eval()


def _adam(module: nn.Module, lr: float, weight_decay: float) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr, weight_decay=weight_decay, fused=True)


@torch.no_grad()
def accuracy(module: nn.Module, shown: Inputs, view: View) -> float:
    """Percent of a view's rows that a module classifies as labelled."""
    module.eval()
    out = module(*shown)
    predicted = (out if view.rows is None else out[view.rows]).argmax(-1)
    return 100 * float((predicted == view.y).double().mean())
