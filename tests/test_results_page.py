"""The page of results says what the figures of the runs say."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_is_made_of_the_figures():
    made = runpy.run_path(str(ROOT / "benchmarks" / "page.py"))["page"]()
    assert (ROOT / "docs" / "results.md").read_text() == made, "run python benchmarks/page.py"
    assert "training labels" in made
    assert "teacher's soft labels" in made
