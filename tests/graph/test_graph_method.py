from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import nn
from torch_geometric.nn import GCNConv

import gcond
from gcond.coreset import Herding, Random
from gcond.datasets import as_task
from gcond.graph.adjacency import FreeLogits
from gcond.graph.initialise import Selected
from gcond.graph.models import GCN, Module, PropagatedMLP
from gcond.graph.real import RealNodes
from gcond.graph.selection import Selection
from gcond.graph.training import Training
from gcond.graph.validation import Validation, Validator
from gcond.matching import Best, ByClass, Last, Schedule, Together, Turns, generator_for
from gcond.methods import get_method

COUNTS = torch.tensor([3, 2, 1])
LIGHT = Validator(Training(hidden_channels=16, epochs=20, lr=0.03, validate_every=10), models=2)
QUICK = replace(
    get_method("gcond"),
    schedule=Schedule(4, 2, 1),
    turns=Turns(1, 1),
    init=Selected(Herding()),
    validator=LIGHT,
    selection=Best(checks=2),
)


class Numbers:
    """A source whose inputs are the numbers of the rows that were asked for."""

    draws = False

    def take(self, rows, dtype, generator=None):
        return (rows.to(dtype)[:, None],), None


Y = torch.tensor([2, 0, 1, 0, 0, 2, 0, 1, 0, 2])


def real_nodes(batch_size, counts=COUNTS, grouping=None):
    return RealNodes(Numbers(), Y, counts, grouping or ByClass(), batch_size, None)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
def test_no_class_gives_more_than_the_batch_size_and_every_row_is_of_its_class(batch_size):
    real = real_nodes(batch_size)
    sizes = torch.bincount(Y).clamp_max(batch_size)
    for epoch in range(20):
        batch = real.real(generator_for(0, "real", epoch))
        rows = batch.inputs[0].flatten().long()
        labels = batch.y.argmax(1)
        assert torch.equal(Y[rows], labels)
        assert torch.equal(torch.bincount(labels), sizes)
        for c, (index, weight) in enumerate(
            zip(batch.groups.index, batch.groups.weight, strict=True)
        ):
            assert set(labels[index[weight > 0]].tolist()) == {c}


def test_every_node_of_a_class_is_drawn_at_some_time_and_draws_follow_the_generator():
    real = real_nodes(2)
    seen = [real.real(generator_for(0, "real", i)).inputs[0].flatten().tolist() for i in range(40)]
    assert {row for rows in seen for row in rows} == set(map(float, range(10)))
    assert seen[0] == real.real(generator_for(0, "real", 0)).inputs[0].flatten().tolist()
    assert len({tuple(rows) for rows in seen}) > 20


def test_classes_that_fit_the_batch_are_taken_whole_and_only_once():
    real = real_nodes(5)
    batch = real.real(generator_for(0, "real", 0))
    assert sorted(batch.inputs[0].flatten().tolist()) == list(range(10))
    assert real.real(generator_for(0, "real", 1)) is batch


def test_classes_without_synthetic_nodes_are_left_out():
    batch = real_nodes(5, torch.tensor([1, 0, 1])).real(generator_for(0, "real", 0))
    assert set(batch.y.argmax(1).tolist()) == {0, 2}
    assert len(batch.groups.index) == 2


def test_the_grouping_of_the_method_groups_the_real_nodes():
    batch = real_nodes(5, grouping=Together()).real(generator_for(0, "real", 0))
    assert batch.groups.index.shape == (1, 10)


def run(method, task, **options):
    return method.run(task, COUNTS, seed=0, **options)


@pytest.mark.parametrize("name", ["gcond", "gcond-x", "doscond", "doscond-x"])
def test_a_run_gives_the_asked_nodes_in_class_order(name, task):
    method = replace(
        get_method(name), schedule=Schedule(4), init=QUICK.init, validator=LIGHT, selection=Last()
    )
    out = run(method, task)
    assert out.y.tolist() == [0, 0, 0, 1, 1, 2]
    assert out.x.shape == (6, 16)
    assert not out.x.requires_grad
    assert (out.adj is None) == name.endswith("-x")
    assert len(out.progress.losses) == method.schedule.steps


def test_the_outcome_is_the_state_that_was_selected(task):
    out = run(QUICK, task)
    scores = out.progress.scores
    assert list(scores) == [0, 4, 8]
    assert out.progress.best == max(scores.values())
    assert scores[out.progress.best_step] == out.progress.best
    again = Validation(task, LIGHT, seed=0).score(out.x, out.adj, out.y)
    assert again == out.progress.best


def test_a_task_without_validation_nodes_keeps_the_last_step_and_says_so(task):
    bare = replace(task, index={**task.index, "val": np.array([], dtype=np.int64)})
    with pytest.warns(UserWarning, match="no validation nodes, so the last step is kept"):
        out = run(QUICK, bare)
    assert (out.progress.best_step, out.progress.scores) == (8, {})
    last = run(replace(QUICK, selection=Last()), task)
    assert torch.equal(out.x, last.x)


def test_the_start_depends_on_the_seed_and_is_not_changed_by_a_run(task):
    counts = torch.tensor([2, 2, 2])
    first, again, other = (QUICK.start(task, counts, seed) for seed in (0, 0, 1))
    assert torch.equal(first.structure(first.x), again.structure(again.x))
    assert not torch.equal(first.structure(first.x), other.structure(other.x))


class TwoConvs(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.first, self.second = GCNConv(in_channels, 8), GCNConv(8, out_channels)

    def forward(self, x, edge_index, edge_weight):
        return self.second(self.first(x, edge_index, edge_weight).relu(), edge_index, edge_weight)


@pytest.mark.parametrize(
    "model",
    [PropagatedMLP(hidden_channels=8), GCN(hidden_channels=8), GCN(3, 8), Module(TwoConvs)],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("setting", ["transductive", "inductive"])
def test_every_matching_model_runs_in_both_settings_and_is_reproducible(model, setting, task):
    method = replace(QUICK, model=model, selection=Last(), batch_size=5)
    task = replace(task, setting=setting)
    first, again = run(method, task), run(method, task)
    assert bool(torch.isfinite(first.x).all())
    assert torch.equal(first.x, again.x)
    assert first.progress.losses == again.progress.losses
    assert len(set(first.progress.losses)) == 8


def test_free_logits_learn_a_structure(task):
    method = replace(QUICK, adjacency=FreeLogits(), turns=Turns(1, 0), selection=Last())
    before = run(replace(method, schedule=Schedule(0)), task)
    after = run(method, task)
    assert torch.equal(before.x, after.x)
    assert float((before.adj - after.adj).abs().max()) > 1e-4


def test_gcnconv_with_its_defaults_reproduces_the_propagation_used_inside(example):
    method = replace(QUICK, selection=Last())
    small = gcond.condense(example, num_nodes=12, method=method, seed=3)
    counts = torch.bincount(small.y)
    out = method.run(as_task(example), counts, seed=3)
    (inside,) = method.model.view(out.x, out.adj)

    conv = GCNConv(16, 16, bias=False)
    conv.lin.weight.data = torch.eye(16)
    data = small.data
    outside = conv(
        conv(data.x, data.edge_index, data.edge_weight), data.edge_index, data.edge_weight
    )
    assert data.num_edges > 0
    assert torch.allclose(outside, inside, atol=1e-6 * float(inside.abs().max()))


def test_selected_raw_nodes_keep_the_edges_between_them(task):
    picked = Selected(Random(), "raw").pick(task, torch.tensor([6, 6, 6]), seed=0)
    out = Selection("random").run(task, torch.tensor([6, 6, 6]), seed=0)
    nodes = task.index["train"][picked.rows.numpy()]
    assert torch.equal(out.x, torch.tensor(task.x[nodes]))
    assert np.array_equal(out.adj, task.adj[nodes][:, nodes].toarray())
    assert float(out.adj.sum()) > 0


def test_edges_between_selected_nodes_are_made_symmetric_and_without_loops(task):
    directed = sp.triu(task.adj, format="csr") + sp.eye_array(60, format="csr")
    out = Selection("random").run(replace(task, adj=directed), torch.tensor([6, 6, 6]), seed=0)
    assert torch.equal(out.adj, out.adj.T)
    assert not out.adj.diagonal().any()
    assert set(out.adj.unique().tolist()) == {0.0, 0.5}


@pytest.mark.parametrize("name", ["random", "herding", "k-center", "centroid"])
def test_selectors_learn_nothing(name, task):
    out = get_method(name).run(task, COUNTS, seed=0)
    assert out.y.tolist() == [0, 0, 0, 1, 1, 2]
    assert out.progress.losses == []
    assert (out.adj is None) == (name == "centroid")


def test_methods_describe_themselves():
    assert get_method("gcond").describe() == "gcond, SGC"
    assert get_method("random").describe() == "random, raw features"


def test_a_held_adjacency_is_that_of_the_structures_last_turn_and_survives_a_resume(task):
    method = replace(QUICK, hold=True, turns=Turns(1, 2))
    kept, seen = [], []

    def watch(moment):
        held = moment.synthetic.held
        moving = moment.plan.turns.moving(moment.progress.epoch - 1, ("features", "structure"))
        seen.append((moving, held.clone()))
        if moment.progress.epoch == 2:
            kept.append(moment.snapshot())

    method = replace(method, schedule=Schedule(4, 3, 1))
    whole = method.run(task, COUNTS, seed=0, observers=[watch])
    assert seen[1][0] == ("structure",)
    assert not torch.equal(seen[0][1], seen[1][1])
    assert torch.equal(seen[1][1], seen[2][1])
    assert torch.equal(seen[2][1], seen[3][1])
    rest = method.run(task, COUNTS, seed=0, progress=kept[0])
    assert torch.equal(whole.x, rest.x)
    assert whole.progress.losses == rest.progress.losses
    following = replace(method, hold=False).run(task, COUNTS, seed=0)
    assert following.progress.losses[:4] == whole.progress.losses[:4]
    assert following.progress.losses != whole.progress.losses
    assert "held.0" not in following.progress.state
