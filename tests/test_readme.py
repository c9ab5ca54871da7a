"""The documents and the gate say the same."""

import functools
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from gcond import cli

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not (ROOT / ".ci" / "run").exists(), reason="not a checkout")
def test_the_gate_runs_the_readmes_test_command():
    commands = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    tests = [line for block in commands for line in block.splitlines() if "pytest" in line]
    assert tests
    assert tests[0] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_tool_versions_of_dev_are_pinned():
    with (ROOT / "pyproject.toml").open("rb") as file:
        dev = tomllib.load(file)["project"]["optional-dependencies"]["dev"]
    assert any(line.startswith("ruff==") for line in dev)
    assert any(line.startswith("mypy==") for line in dev)


def test_every_dependency_has_its_reason_beside_it():
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(?:dependencies|plot|privacy|docs|dev) = \[\n(.*?)^\]", text, re.S | re.M)
    lines = [line for block in lists for line in block.splitlines()]
    assert len(lines) > 15
    assert all("#" in line for line in lines)


def commands_of_the_readme():
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    lines = [line.split("#")[0] for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [part.split("gcond ", 1)[1] for part in parts if re.match(r"(\.venv/bin/)?gcond ", part)]


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="not a checkout")
def test_every_command_of_the_readme_is_understood(monkeypatch):
    assert len(commands_of_the_readme()) > 8
    for line in commands_of_the_readme():
        arguments, seen = shlex.split(line), []
        name = arguments[0]
        recorded = functools.wraps(cli.COMMANDS[name])(lambda *a, seen=seen, **k: seen.append(a))
        monkeypatch.setitem(cli.COMMANDS, name, recorded)
        assert cli.main(arguments) == 0
        assert seen
        monkeypatch.undo()
