"""Runs that are killed, interrupted, or lose their footing."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import gcond
from gcond import callbacks
from gcond.cli import main
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.matching import NonFiniteError, Schedule, Step
from gcond.testing import example_graph

KILLS = 20


@pytest.fixture
def short(monkeypatch):
    """A method of a few epochs with a checkpoint after each."""
    monkeypatch.setattr(callbacks, "EVERY", 0.0)
    light = Validator(Training(hidden_channels=16, epochs=20, validate_every=10), models=2)
    return replace(gcond.get_method("gcond"), schedule=Schedule(6, 2, 1), validator=light)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")
@pytest.mark.parametrize("name", ["gcond", "doscond"])
def test_runs_killed_at_random_points_end_with_the_same_bytes(name, tmp_path):
    script = Path(__file__).with_name("killed.py")
    found = subprocess.run(
        [sys.executable, str(script), name, str(tmp_path), str(KILLS)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert found.returncode == 0, found.stderr
    kills, continued, same = map(int, found.stdout.split())
    assert same == kills == KILLS
    assert continued >= KILLS // 2  # most were hit in the middle of their work


def interrupt_at(epoch):
    def watch(moment):
        if moment.progress.epoch == epoch:
            raise KeyboardInterrupt

    return watch


def test_an_interrupted_run_continues_bit_for_bit(short, tmp_path):
    path = tmp_path / "run.checkpoint.safetensors"
    data = example_graph()
    whole = gcond.condense(data, num_nodes=6, method=short)
    with pytest.raises(KeyboardInterrupt):
        gcond.condense(
            data, num_nodes=6, method=short, checkpoint=path, observers=[interrupt_at(4)]
        )
    rest = gcond.condense(data, num_nodes=6, method=short, checkpoint=path, resume=True)
    assert torch.equal(rest.x, whole.x)
    assert torch.equal(rest.edge_weight, whole.edge_weight)
    assert rest.history == whole.history


def test_a_finished_run_is_not_run_again(short, tmp_path):
    path = tmp_path / "run.safetensors"
    data = example_graph()
    one = gcond.condense(data, num_nodes=6, method=short, checkpoint=path)
    epochs = []
    two = gcond.condense(
        data,
        num_nodes=6,
        method=short,
        checkpoint=path,
        resume=True,
        observers=[lambda moment: epochs.append(moment.progress.epoch)],
    )
    assert torch.equal(one.x, two.x)
    assert one.history == two.history
    assert epochs == []


def test_a_run_is_not_overwritten_by_another(short, tmp_path):
    path = tmp_path / "run.safetensors"
    data = example_graph()
    gcond.condense(data, num_nodes=6, method=short, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds a run already; continue it with resume"):
        gcond.condense(data, num_nodes=6, method=short, checkpoint=path)
    other = example_graph(seed=1)
    longer = replace(short, schedule=Schedule(7, 2, 1))
    for changes, message in (
        ({"seed": 1}, "seed was 0 there and is 1 here"),
        ({"num_nodes": 9}, r"counts was \[2, 2, 2\] there and is \[3, 3, 3\] here"),
        ({"method": longer}, "config.schedule.epochs was 6 there and is 7 here"),
        ({"dataset": other}, "data was '"),
        ({"normalize": "none"}, "preprocess was 'standard' there and is 'none' here"),
        ({"setting": "inductive"}, "setting was 'transductive' there"),
    ):
        options = {"dataset": data, "num_nodes": 6, "method": short, **changes}
        with pytest.raises(ValueError, match=message):
            gcond.condense(**options, checkpoint=path, resume=True)
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_is_refused(short, tmp_path):
    path = tmp_path / "run.safetensors"
    data = example_graph()
    small = gcond.condense(data, num_nodes=6, method=short, checkpoint=path)
    content = path.read_bytes()
    small.save(tmp_path / "small.safetensors")
    for damaged, message in (
        (content[:-9], "damaged"),
        (content[:-9] + b"\x01" + content[-8:], "checksum"),
        ((tmp_path / "small.safetensors").read_bytes(), "wanted is 'checkpoint'"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=message):
            gcond.condense(data, num_nodes=6, method=short, checkpoint=path, resume=True)


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_loses_its_footing_names_the_setting_and_keeps_the_last_good_state(
    short, tmp_path
):
    wild = replace(short, features=Step(3e38), schedule=Schedule(50), settle=False)
    path = tmp_path / "run.safetensors"
    with pytest.raises(NonFiniteError, match=r"epoch \d+, outer step 0; lower the step") as caught:
        gcond.condense(example_graph(), num_nodes=6, method=wild, checkpoint=path)
    kept = caught.value.kept
    assert isinstance(kept, gcond.Condensed)
    assert bool(torch.isfinite(kept.x).all())
    again = gcond.Condensed.load(tmp_path / "run.last-good.safetensors")
    assert torch.equal(again.x, kept.x)
    assert "run.last-good.safetensors" in caught.value.__notes__[0]


# A process started in the background of a script may have been told to ignore Ctrl-C.
CODE = """
import signal, sys
from gcond.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def command(out, *more):
    sized = ["--num-nodes", "10", "--method", "doscond-x", "--out", str(out)]
    # Long enough that it is still under way when the signal arrives on a busy machine.
    sized += ["--schedule.epochs", "300"]
    return [sys.executable, "-c", CODE, "condense", "digits", *sized, *more]


def test_ctrl_c_on_the_command_line_tells_how_to_go_on_and_leaves_the_same_bytes(tmp_path, capsys):
    out, checkpoint = tmp_path / "d.safetensors", tmp_path / "d.checkpoint.safetensors"
    running = subprocess.Popen(command(out), stderr=subprocess.PIPE, text=True)
    while not checkpoint.exists() and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    shown = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "--resume goes on" in shown
    assert not out.exists()
    assert main(command(out)[3:]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert main(command(out, "--resume")[3:]) == 0
    assert not checkpoint.exists()
    other = tmp_path / "other.safetensors"
    assert main(command(other)[3:]) == 0
    assert out.read_bytes() == other.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "d.log.json",
        "d.safetensors",
        "other.log.json",
        "other.safetensors",
    ]
