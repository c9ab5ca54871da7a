"""The documents and the gate say the same."""

import re
import tomllib
from pathlib import Path

import pytest

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
