"""The pages of results say what the figures of the runs say."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = runpy.run_path(str(ROOT / "benchmarks" / "page.py"))["PAGES"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_made_of_the_figures(name):
    made = PAGES[name]()
    assert (ROOT / "docs" / name).read_text() == made, "run python benchmarks/page.py"


def test_labels_say_who_gave_them():
    made = PAGES["results.md"]()
    assert "training labels" in made
    assert "teacher's soft labels" in made
