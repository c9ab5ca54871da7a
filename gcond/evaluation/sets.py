"""The judge of graph sets: fresh networks trained on the condensed graphs and its baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gcond import config
from gcond.condensed import Condensed, parts_of
from gcond.evaluation import set_fitting, set_networks
from gcond.evaluation.ogb import official
from gcond.evaluation.opening import reopened
from gcond.evaluation.protocol import protocol_among
from gcond.evaluation.result import Evaluation, Row
from gcond.graph.sets.encoding import Encoding
from gcond.graph.sets.material import Material
from gcond.graph.sets.metrics import score_of
from gcond.graph.sets.task import SetTask
from gcond.graph.sets.training import Held, SetTraining, train
from gcond.matching.device import CPU, placed
from gcond.methods import get_method


@dataclass(frozen=True)
class SetProtocol:
    """How the score of a graph set is obtained.

    Node features are encoded as the condensed set says, the model is trained on the condensed
    graphs, keeps its best check on the real validation graphs, and is tested on the real test
    graphs once.

    Args:
        name: Name and version in one.
        training: How a model is trained.
    """

    name: str
    training: SetTraining = SetTraining()  # noqa: RUF009 - frozen

    @property
    def digest(self) -> str:
        """Eight letters of a hash of all its settings: equal names with other settings differ."""
        return config.digest(self)


POOL_200 = SetProtocol("pool-200")
"""Three graph convolutions of 128 units, mean readout, Adam with step 0.005 (0.0005 from half on),
batches of 128 graphs, 200 epochs but at most 1,000 steps, best of 20 checks on validation graphs.
"""

_PROTOCOLS = {protocol.name: protocol for protocol in (POOL_200,)}


def get_set_protocol(name: Any) -> SetProtocol:
    """The protocol of that name; a protocol passes through, and ``None`` is ``"pool-200"``.

    Raises:
        ValueError: The name is unknown, or is one for nodes.
    """
    return protocol_among(_PROTOCOLS, POOL_200 if name is None else name, " for graphs")


def evaluate_set(
    condensed: Condensed,
    dataset: Any,
    *,
    model: Any,
    protocol: Any,
    seeds: int,
    baselines: Sequence[str] | None,
    root: str | Path | None,
    device: torch.device = CPU,
) -> Evaluation:
    """:func:`gcond.evaluate` for sets of graphs; GCNs of all seeds train as one."""
    model = set_networks.named("GCN" if model is None else model)
    baselines = ("random", "centroid", "whole") if baselines is None else baselines
    chosen = get_set_protocol(protocol)
    given = isinstance(dataset, SetTask)
    task: SetTask = dataset if given else opened_set(condensed, dataset, root)
    task = placed(task, device)
    judge = Judge(task, chosen, seeds, model)
    counts = _counts(condensed)
    seen = {name: get_method(name, "graphs") for name in baselines if name != "whole"}
    rows = [judge.row("condensed", condensed)]
    for name in baselines:
        if name == "whole":
            rows.append(judge.whole())
            continue
        outcome = seen[name].run(judge.task, counts, seed=condensed.seed)
        rows.append(judge.row(name, replace(condensed, **parts_of(outcome))))
    return Evaluation(
        dataset=condensed.source.name,
        method=condensed.config["name"],
        model=name_of(model),
        protocol=chosen.name,
        selected_step=condensed.history.selected_step,
        rows=tuple(rows),
        protocol_digest=chosen.digest,
        seconds=condensed.seconds,
        metric=condensed.source.metric,
        unit="graphs",
    )


class Judge:
    """A protocol bound to a task; the real graphs are prepared once.

    Args:
        task: The task.
        protocol: How models are trained and selected.
        seeds: Number of models.
        model: A name of :data:`gcond.evaluation.set_networks.SET_NETWORKS`, or a module or a
            function of the number of input and output channels, called as
            ``model(x, edge_index, edge_weight=, batch=)``.
    """

    def __init__(
        self, task: SetTask, protocol: SetProtocol, seeds: int, model: Any = "GCN"
    ) -> None:
        self.task, self.protocol, self.seeds = task, protocol, seeds
        self.model = set_networks.named(model)
        training = protocol.training
        self.val = Held.of(task, "val", training) if len(task.index["val"]) else None
        self.test = Held.of(task, "test", training)

    def row(self, name: str, condensed: Condensed) -> Row:
        """Models trained on a condensed set."""
        packed, y = condensed.packed, condensed.full().y
        encode = _as_it_is if condensed.encoded else self.task.encoding
        material = Material(packed, encode, y, self.task.num_classes, self.task.device)
        return self._row(name, material, condensed.num_nodes, condensed.nbytes)

    def whole(self) -> Row:
        """Models trained on all training graphs."""
        task = self.task
        graphs = task.graphs.take(task.numbers("train"))
        y = task.labels("train")
        material = Material(graphs, task.encoding, y, task.num_classes, task.device)
        return self._row("whole", material, len(graphs.x), graphs.nbytes)

    def _row(self, name: str, material: Material, nodes: int, nbytes: int) -> Row:
        began = time.perf_counter()
        training = self.protocol.training
        if self.model == "GCN":
            theta, found, _ = train(material, range(self.seeds), training, self.val)
            score = [] if self.val is None else found.tolist()
            predicted = list(self.test.predictions(theta))
        else:
            score, predicted = self._one_by_one(material)
        test = [official(self.task, logits, self.test.y) for logits in predicted]
        return Row(
            name,
            tuple(100 * value for value in test),
            tuple(100 * value for value in score),
            nodes,
            nbytes,
            time.perf_counter() - began,
            len(material.graphs),
        )

    def _one_by_one(self, material: Material) -> tuple[list[float], list[Tensor]]:
        """Validation scores and test predictions of any module, one seed after the other."""
        val = None if self.val is None else set_fitting.real_material(self.task, "val")
        test = set_fitting.real_material(self.task, "test")
        score, predicted = [], []
        for seed in range(self.seeds):
            metric, training = self.task.metric, self.protocol.training
            model = set_networks.factory(self.model, training)
            module = set_fitting.fitted(model, material, training, seed, val, metric)
            predicted.append(set_fitting.predict(module, test))
            if val is not None:
                score.append(score_of(set_fitting.predict(module, val), val.y, metric))
        return score, predicted


def fit_set(
    condensed: Condensed,
    model: Any,
    dataset: Any,
    protocol: Any,
    seed: int,
    device: torch.device = CPU,
) -> nn.Module:
    """:func:`gcond.fit` for sets of graphs."""
    model = set_networks.named("GCN" if model is None else model)
    training = get_set_protocol(protocol).training
    assert isinstance(condensed.source.preprocess, Encoding)
    encode = _as_it_is if condensed.encoded else condensed.source.preprocess
    packed, y = condensed.packed, condensed.full().y
    material = Material(packed, encode, y, condensed.num_classes, device)
    task = None if dataset is None else opened_set(condensed, dataset, None, device)
    known = task is not None and len(task.index["val"]) > 0
    if model != "GCN":
        val = set_fitting.real_material(task, "val") if task is not None and known else None
        metric = condensed.source.metric
        made = set_networks.factory(model, training)
        return set_fitting.fitted(made, material, training, seed, val, metric)
    held = Held.of(task, "val", training) if task is not None and known else None
    theta, _, _ = train(material, [seed], training, held)
    width = condensed.source.preprocess.width
    with torch.random.fork_rng(devices=[]):
        network = set_fitting.PooledNetwork(width, condensed.num_classes, training)
    return network.load(theta).to(device).eval()


def opened_set(
    condensed: Condensed, dataset: Any, root: str | Path | None, device: torch.device = CPU
) -> SetTask:
    """The task that a set was condensed from, by default opened by the name it had; other data
    is refused."""
    encoding = condensed.source.preprocess
    assert isinstance(encoding, Encoding)
    task: SetTask = reopened(condensed, dataset, encoding.kind, root, device=device)
    return task


def name_of(model: Any) -> str:
    """What a table calls a network."""
    return model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


def _counts(condensed: Condensed) -> Tensor:
    y = condensed.full().y
    if y.dim() == 2:
        return torch.tensor([len(y)])
    return torch.bincount(y, minlength=condensed.num_classes)


def _as_it_is(rows: Tensor) -> Tensor:
    return rows.float()
