"""The same run on another device: nothing mixes, and nothing of the outcome changes.

``pretending`` stands in for a second device everywhere; where there is a CUDA device, all of this
runs on that one too.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import pretending
import pytest
import torch
import torch_geometric.nn

import gcond
from gcond.datasets import Opening, kind_of
from gcond.evaluation.images import EACH, ImageProtocol
from gcond.evaluation.protocol import get_protocol
from gcond.evaluation.sets import POOL_200
from gcond.graph.adjacency import Cosine, FreeLogits, LowRank
from gcond.graph.initialise import Selected
from gcond.graph.labels import Taught
from gcond.graph.models import GCN, Module, PropagatedMLP
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.image.networks import ConvNet
from gcond.image.training import ImageTraining
from gcond.image.validation import ImageValidator
from gcond.matching import Best, Schedule, Turns, WhileRealImproves
from gcond.matching.device import device_of, placed
from gcond.testing import example_graphs


@dataclass(frozen=True)
class Place:
    """A second device.

    Args:
        elsewhere: Enters a context in which ``"cuda"`` means this device.
        type: Its name in torch.
        points: How far an accuracy may be from the one here, in percent points: kernels that add
            in another order move scores that lie on an edge, and modules of others draw their
            dropout where they are.
    """

    elsewhere: Callable[[], AbstractContextManager[None]]
    type: str
    points: float


PLACES = {"pretended": Place(pretending.elsewhere, "meta", 0)}
if torch.cuda.is_available():
    PLACES["cuda"] = Place(nullcontext, "cuda", 10)


@pytest.fixture(params=PLACES)
def place(request):
    return PLACES[request.param]


def near(rows, place):
    return [pytest.approx(row.accuracies, abs=place.points) for row in rows]


def short(name, **settings):
    base = replace(
        gcond.get_method(name),
        schedule=Schedule(2, 2, 1),
        turns=Turns(1, 1),
        init=Selected(),
        validator=Validator(Training(8, epochs=4, validate_every=2), models=2),
        selection=Best(1),
    )
    return replace(base, **settings)


def _module(in_channels, out_channels):
    return torch_geometric.nn.GCN(in_channels, 8, 2, out_channels)


@pytest.mark.parametrize(
    "method",
    [
        short("gcond"),
        short("gcond", adjacency=FreeLogits(), hold=False, advance=WhileRealImproves()),
        short("gcond", adjacency=LowRank(), model=PropagatedMLP(hidden_channels=8)),
        short("gcond-x", labels=Taught(soft=True), batch_size=5),
        short("gcond-x", adjacency=Cosine(), model=GCN(hidden_channels=8)),
        short("doscond-x", model=GCN(hidden_channels=8, fanouts=(3, 2))),
        short("doscond-x", model=Module(_module)),
        short("dcc"),
        short("dm"),
    ],
    ids=lambda method: (
        f"{method.name}-{type(method.adjacency).__name__}-{type(method.model).__name__}"
    ),
)
def test_a_run_elsewhere_is_the_run_here(example, method, place):
    here = gcond.condense(example, num_nodes=9, method=method)
    with place.elsewhere():
        there = gcond.condense(example, num_nodes=9, method=method, device="cuda")
    assert there.x.device.type == "cpu"
    assert torch.allclose(here.x, there.x, rtol=1e-4, atol=1e-6)
    assert torch.allclose(here.edge_weight, there.edge_weight, rtol=1e-4, atol=1e-6)
    assert here.history.losses == pytest.approx(there.history.losses, rel=1e-4)
    assert here.history.scores == pytest.approx(there.history.scores, abs=place.points)


def test_a_run_that_was_interrupted_there_goes_on_here(example, tmp_path, place):
    class InterruptedRunError(Exception):
        pass

    def stop(moment):
        if moment.progress.epoch == 2:
            raise InterruptedRunError

    path, method = tmp_path / "run.safetensors", short("gcond", schedule=Schedule(4, 2, 1))
    whole = gcond.condense(example, num_nodes=9, method=method)
    with place.elsewhere(), pytest.raises(InterruptedRunError):
        gcond.condense(
            example, num_nodes=9, method=method, device="cuda", checkpoint=path, observers=[stop]
        )
    rest = gcond.condense(example, num_nodes=9, method=method, checkpoint=path, resume=True)
    assert torch.allclose(whole.x, rest.x, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", ["GCN", "SGC", "GAT", "ChebNet", "GraphSAGE"])
def test_models_are_judged_elsewhere_as_here(example, model, place):
    small = gcond.condense(example, num_nodes=9, method="random")
    protocol = get_protocol("gcn-600")
    protocol = replace(protocol, training=replace(protocol.training, epochs=4, validate_every=2))
    asked = {"model": model, "protocol": protocol, "seeds": 1, "baselines": ("whole",)}
    here = gcond.evaluate(small, example, **asked)
    with place.elsewhere():
        there = gcond.evaluate(small, example, **asked, device="cuda")
        module = gcond.fit(small, model, example, protocol=protocol, device="cuda")
    assert [row.accuracies for row in there.rows] == near(here.rows, place)
    assert {p.device.type for p in module.parameters()} == {place.type}


def test_sets_of_graphs_are_condensed_and_judged_elsewhere(place):
    graphs = example_graphs(60)
    method = replace(gcond.get_method("doscond", "graphs"), schedule=Schedule(2), selection=Best(1))
    protocol = replace(POOL_200, training=replace(POOL_200.training, epochs=2, checks=1))
    here = gcond.condense(graphs, per_class=1, method=method)
    wanted = gcond.evaluate(here, graphs, protocol=protocol, seeds=1, baselines=("whole",))
    with place.elsewhere():
        there = gcond.condense(graphs, per_class=1, method=method, device="cuda")
        found = gcond.evaluate(
            here, graphs, protocol=protocol, seeds=1, baselines=("whole",), device="cuda"
        )
        gcond.fit(here, dataset=graphs, protocol=protocol, device="cuda")
    assert torch.allclose(here.x.float(), there.x.float(), rtol=1e-4, atol=1e-6)
    assert [row.accuracies for row in found.rows] == near(wanted.rows, place)


def test_a_task_that_is_there_stays_the_same_with_all_it_knows(task):
    assert kind_of(task).open(task, Opening()) is task
    moved = placed(task, torch.device("meta"))
    assert moved is not task
    assert placed(moved, torch.device("cpu")).fingerprint == task.fingerprint


def test_the_stand_in_refuses_what_cuda_refuses(place):
    with place.elsewhere():
        there = torch.ones(3, device=place.type)
        with pytest.raises(RuntimeError, match="same device"):
            there + torch.ones(3)
        with pytest.raises(TypeError, match="numpy"):
            there.numpy()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("cuda", "sees no CUDA device"),
        ("cuda:7", "sees no CUDA device"),
        ("mps", "must be 'cpu', 'cuda'"),
        ("gpu", "got 'gpu'"),
        (3.5, "got '3.5'"),
    ],
)
def test_a_device_that_is_not_there_is_refused_before_any_work(example, given, said, tmp_path):
    if torch.cuda.is_available() and str(given).startswith("cuda"):
        pytest.skip("there is a CUDA device")
    path = tmp_path / "run.safetensors"
    with pytest.raises(ValueError, match=said):
        gcond.condense(example, num_nodes=9, device=given, checkpoint=path)
    assert not path.exists()
    with pytest.raises(ValueError, match=said):
        gcond.evaluate(gcond.condense(example, num_nodes=9, method="random"), example, device=given)


def test_the_process_takes_the_device_of_its_number(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert device_of("cuda", {"LOCAL_RANK": "1"}) == torch.device("cuda", 1)
    assert device_of("cuda:0", {"LOCAL_RANK": "1"}) == torch.device("cuda", 0)
    assert device_of("auto", {}) == torch.device("cuda", 0)
    with pytest.raises(ValueError, match="the last one here is 'cuda:1'"):
        device_of("cuda", {"LOCAL_RANK": "2"})
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert device_of("auto", {}) == device_of(None) == device_of("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["dsa", "dm", "dcc", "multi-level", "dd"])
def test_images_are_condensed_elsewhere_as_here(name, place):
    method = gcond.get_method(name, "images")
    walks = method.schedule.inner_steps > 0
    method = replace(
        method,
        # The stand-in has no second derivative of torch's group normalisation, which CUDA has.
        network=ConvNet(4, norm="none"),
        schedule=Schedule(2, 2, 2) if walks else Schedule(2),
        batch_size=4,
        selection=Best(1),
        validator=ImageValidator(ImageTraining(epochs=2, drop_after=1), models=1),
    )
    here = gcond.condense("digits-images", per_class=1, method=method)
    with place.elsewhere():
        there = gcond.condense("digits-images", per_class=1, method=method, device="cuda")
    assert there.x.device.type == there.y.device.type == "cpu"
    assert torch.allclose(here.x, there.x, rtol=1e-3, atol=1e-4)
    assert here.history.losses == pytest.approx(there.history.losses, rel=1e-3)
    assert here.history.scores == pytest.approx(there.history.scores, abs=1)


@pytest.mark.parametrize("model", ["ConvNet", "ConvNetBN"])
def test_images_are_judged_elsewhere_as_here(model, place):
    small = gcond.condense("digits-images", per_class=1, method="random")
    protocol = ImageProtocol("short", ImageTraining(epochs=2, drop_after=1, augmentation=EACH))
    asked = {"model": model, "protocol": protocol, "seeds": 1, "baselines": ()}
    here = gcond.evaluate(small, **asked)
    with place.elsewhere():
        there = gcond.evaluate(small, **asked, device="cuda")
        module = gcond.fit(small, model, protocol=protocol, device="cuda")
    assert here.rows[0].accuracies == pytest.approx(there.rows[0].accuracies, abs=1)
    assert {p.device.type for p in module.parameters()} == {place.type}
