"""The OGB scripts, end to end on miniature files, with sockets and questions blocked."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import raw_files

SCRIPTS = Path(__file__).parents[1] / "benchmarks" / "ogb"

BLOCKED = """
import builtins, runpy, socket, sys
def refuse(*given, **named):
    raise RuntimeError("blocked")
class NoSocket(socket.socket):
    __init__ = refuse
socket.socket, socket.create_connection, socket.getaddrinfo = NoSocket, refuse, refuse
builtins.input = refuse
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rsplit("/", 1)[0])
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("name", ["ogbn-arxiv", "ogbn-papers100M"])
def test_node_prop_without_network_and_questions(name, tmp_path):
    g = raw_files.mini()
    if name == "ogbn-arxiv":
        raw_files.ogb(tmp_path, name, g)
    else:
        raw_files.papers(tmp_path, g)
    out = tmp_path / "found.json"
    given = ["--dataset", name, "--num-nodes", "8", "--root", str(tmp_path), "--runs", "2"]
    given += ["--epochs", "30", "--method", "doscond-x", "--json", str(out)]
    found = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(SCRIPTS / "node_prop.py"), *given],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert found.returncode == 0, found.stderr
    for words in (r"Run 02:", r"Highest Train: [\d.]+$", r"Final Test: [\d.]+ ± [\d.]+$"):
        assert re.search(words, found.stdout, re.MULTILINE), found.stdout
    runs = json.loads(out.read_text())["runs"]
    assert len(runs) == 2
    # Four classes whose features lie apart: a model of them beats one that guesses.
    assert all(run["Final Test"] > 40 for run in runs)


def test_the_lines_are_those_of_the_best_validated_epoch(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from leaderboard import Run, summary

    runs = [Run(((90.0, 50.0, 60.0), (80.0, 55.0, 40.0))), Run(((70.0, 40.0, 44.0),))]
    assert runs[0].lines(1) == (
        "Run 01:\nHighest Train: 90.00\nHighest Valid: 55.00\n  Final Train: 80.00\n"
        "   Final Test: 40.00"
    )
    assert summary(runs).splitlines()[-1] == "   Final Test: 42.00 ± 2.83"
