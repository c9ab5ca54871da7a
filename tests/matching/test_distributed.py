import os
import threading

import pytest
import torch
import torch.distributed as dist
from ranks import METHOD, condense, die, evaluate, together

import gcond
from gcond.condensed import checkpoint
from gcond.condensed.container import read
from gcond.matching import Fresh, Linear, Team
from gcond.matching.distributed import ALONE, current, join
from gcond.testing import example_graph

several = pytest.mark.skipif(
    not dist.is_available() or not hasattr(os, "fork") or torch.cuda.is_available(),
    reason="needs torch.distributed, and forks, which torch does not allow beside CUDA",
)


def test_one_process_is_a_team_of_its_own():
    assert current() == join({}) == ALONE
    assert ALONE.leads
    assert ALONE.number(7) == 7
    given = (torch.ones(2), None)
    assert ALONE.mean(given) == given
    assert ALONE.mean_of(3.0) == 3
    assert ALONE.spread(3, lambda seeds: ([s + 1.0 for s in seeds], [])) == ((1, 2, 3), ())
    stream, task = Fresh(), object()
    assert ALONE.along(stream) is stream
    assert ALONE.of(task) is task


def test_processes_draw_different_models_and_no_two_of_a_run_the_same():
    model = Linear(3, 2, torch.zeros(()))
    numbers = [Team(rank, 3).number(epoch) for epoch in range(4) for rank in range(3)]
    assert numbers == list(range(12))
    theta = Team(2, 3).along(Fresh()).draw(model, 1, seed=0)
    assert (theta[0] == Fresh().draw(model, 5, seed=0)[0]).all()


@several
def test_two_processes_take_the_step_of_one_on_the_union_of_their_draws(tmp_path, monkeypatch):
    codes = together(condense, tmp_path)
    assert codes == [0, 0], list(tmp_path.glob("error-*"))
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for name in ("x", "edges"):
        assert (first[name] == second[name]).all()
    assert first["losses"] == second["losses"]
    alone = union(monkeypatch)
    assert first["losses"] == pytest.approx(alone.history.losses, rel=1e-6)
    torch.testing.assert_close(first["x"], alone.x, rtol=1e-6, atol=1e-6)


def union(monkeypatch):
    """One process that takes both ranks' draws in turn, and the mean of their derivatives."""
    from gcond.matching import loop

    halves = [_Half(rank, 2) for rank in range(2)]
    return _in_lockstep(halves, lambda: gcond.condense(
        example_graph(), num_nodes=9, method=METHOD, progress=False
    ), monkeypatch, loop)  # fmt: skip


class _Half(Team):
    """A member of a team whose processes are threads that wait for each other."""


def _in_lockstep(halves, run, monkeypatch, loop):
    barrier, told, own = threading.Barrier(2), {}, threading.local()

    def mean(self, tensors):
        told[self.rank] = tensors
        barrier.wait()
        both = list(zip(told[0], told[1], strict=True))
        barrier.wait()
        return tuple(None if a is None else (a + b) / 2 for a, b in both)

    def agree(self, tensors):
        told[self.rank] = [t.detach() for t in tensors]
        barrier.wait()
        for mine, theirs in zip(told[self.rank], told[0], strict=True):
            mine.copy_(theirs)
        barrier.wait()

    monkeypatch.setattr(Team, "mean", mean)
    monkeypatch.setattr(Team, "agree", agree)
    monkeypatch.setattr(loop, "current", lambda: own.team)
    found = {}

    def work(half):
        own.team = half
        found[half.rank] = run()

    threads = [threading.Thread(target=work, args=(half,)) for half in halves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found[0]


@several
def test_evaluation_seeds_are_spread_over_the_processes(tmp_path):
    codes = together(evaluate, tmp_path)
    assert codes == [0, 0], list(tmp_path.glob("error-*"))
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert first == second
    evaluate(tmp_path, "alone")
    assert torch.load(tmp_path / "alone.pt") == first


@several
def test_a_killed_process_leaves_a_checkpoint_that_one_process_continues(tmp_path):
    codes = together(die, tmp_path)
    assert codes == [0, -9]
    assert "checkpoint continues with any number" in (tmp_path / "lost").read_text()
    path = tmp_path / "run.safetensors"
    left = checkpoint.read(path, read(path, "checkpoint")[0]["key"])
    assert left.epoch == 4
    small = gcond.condense(
        example_graph(), num_nodes=9, method=METHOD, checkpoint=path, resume=True
    )
    assert small.history.steps == 16
    assert list(small.history.losses[:8]) == left.losses
