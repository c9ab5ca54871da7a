"""The start that agrees with its teacher, and the networks of a teacher that are kept."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from gcond.datasets import as_task
from gcond.graph.bags import Bags
from gcond.graph.faithful import Faithful
from gcond.graph.initialise import BestOf, Selected, Start
from gcond.graph.labels import Taught
from gcond.graph.teachers import GRAND, grand
from gcond.graph.training import Training
from gcond.graph.validation import Validation, Validator
from gcond.testing import example_graph

COUNTS = torch.tensor([3, 3, 3])
QUICK = Validator(Training(16, epochs=40, lr=0.05), models=2)


@dataclass(frozen=True)
class Turned:
    """Another start whose classes have changed places."""

    init: Bags

    def affordable(self, task):
        return True

    def start(self, task, counts, seed, validation=None):
        return Start(self.init.start(task, counts, seed).features.roll(3, 0))


@pytest.fixture
def big():
    return as_task(example_graph(num_nodes=240))


@pytest.fixture
def misled(big):
    """A task whose validation labels say the opposite of all others."""
    y = big.y.copy()
    rows = big.index["val"]
    y[rows] = (y[rows] + 1) % 3
    return replace(big, y=y)


def test_agreement_with_the_teacher_decides_and_not_the_validation_labels(misled):
    told = Taught().speak(misled, 0)
    right, wrong = Bags(), Turned(Bags())
    validation = Validation(misled, QUICK, 0)
    features = {kind: kind.start(told, COUNTS, 0).features for kind in (right, wrong)}
    for candidates in ((right, wrong), (wrong, right)):
        found = Faithful(candidates).start(told, COUNTS, 0, validation)
        assert torch.equal(found.features, features[right])
        plain = BestOf(candidates).start(told, COUNTS, 0, validation)
        assert torch.equal(plain.features, features[wrong])


def test_no_validation_node_is_needed(big):
    blind = replace(big, index={**big.index, "val": big.index["val"][:0]})
    told = Taught().speak(blind, 0)
    candidates = (Turned(Bags()), Bags())
    found = Faithful(candidates).start(told, COUNTS, 0, Validation(blind, QUICK, 0))
    assert torch.equal(found.features, Bags().start(told, COUNTS, 0).features)


def test_where_no_teacher_speaks_validation_decides(misled):
    candidates = (Bags(), Turned(Bags()))
    validation = Validation(misled, QUICK, 0)
    found = Faithful(candidates).start(misled, COUNTS, 0, validation)
    assert torch.equal(found.features, Turned(Bags()).start(misled, COUNTS, 0).features)


def test_a_choice_within_a_choice_is_made(big):
    told = Taught().speak(big, 0)
    nested = BestOf((Faithful((Turned(Bags()), Bags())), Turned(Bags())))
    found = nested.start(told, COUNTS, 0, Validation(big, QUICK, 0))
    assert torch.equal(found.features, Bags().start(told, COUNTS, 0).features)


def test_it_affords_what_a_candidate_affords(big):
    assert Faithful((Selected(),)).affordable(big)


def test_a_network_is_kept_at_its_least_cross_entropy(big):
    kept = grand._Kept(big, runs=2)
    rows, y = torch.as_tensor(big.index["val"]), big.labels("val")

    def saying(*share):
        p = torch.full((2, big.num_nodes, 3), 1 / 3)
        for run, each in enumerate(share):
            p[run, rows] = (1 - each) / 2
            p[run, rows, y] = each
        return p.log()

    for epoch, share in ((5, (0.4, 0.5)), (10, (0.6, 0.45)), (15, (0.5, 0.48))):
        kept.see(epoch, saying(*share))
    assert kept.latest == 10
    assert torch.allclose(kept.predictions[0, rows, y], torch.tensor(0.6))
    assert torch.allclose(kept.predictions[1, rows, y], torch.tensor(0.5))


def test_training_stops_when_no_network_gets_better(big, monkeypatch):
    seen, plain = [], grand._Kept.see

    def see(self, epoch, out):
        plain(self, epoch, out)
        seen.append((epoch, self.latest))

    monkeypatch.setattr(grand._Kept, "see", see)
    teacher = GRAND(runs=2, hidden_channels=8, epochs=2000, patience=20, lr=0.1)
    short = teacher.predict(big, 0)
    epoch, latest = seen[-1]
    assert epoch < 2000
    assert epoch - latest == 20
    patient = replace(teacher, epochs=epoch + 40, patience=10_000)
    seen.clear()
    patient.predict(big, 0)
    assert seen[-1][0] == epoch + 40
    assert np.allclose(short.sum(1), 1, atol=1e-5)
    with pytest.raises(ValueError, match="patience must be at least 1, got 0"):
        GRAND(patience=0)
