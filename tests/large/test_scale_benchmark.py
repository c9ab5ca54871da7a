import sys
from pathlib import Path

import pytest

SCALE = Path(__file__).parents[2] / "benchmarks" / "scale"


@pytest.fixture
def scale(monkeypatch):
    monkeypatch.syspath_prepend(str(SCALE))
    import measures
    import run

    yield measures, run
    for name in ("measures", "run", "graphs"):
        sys.modules.pop(name, None)


def test_the_scale_benchmark_measures_tabulates_and_draws(scale, tmp_path):
    measures, run = scale
    found = {
        "step": [measures.step(tmp_path, 600, 40, "4GB")],
        "product": [measures.product(tmp_path, 600, 6, 16)],
        "propagation": [measures.propagation(tmp_path, 600, 6, 16, "4GB", "float32")],
    }
    assert found["step"][0]["rows_in"] == "memory"
    assert found["propagation"][0]["peak"] > 2**20
    assert found["propagation"][0]["width"] == 16
    text = run.tables(found)
    assert "| 600 | 40 | memory |" in text
    run.picture(found, tmp_path / "scale.svg")
    assert (tmp_path / "scale.svg").stat().st_size > 1000
    assert set(run.QUICK) == set(run.FULL) == set(measures.MEASURES) - {"prepare"}


def test_figures_that_are_there_are_not_measured_again(scale, tmp_path, monkeypatch):
    _, run = scale
    path, asked = tmp_path / "scale.json", []

    def measured(name, folder, case):
        if len(asked) == 3:
            raise KeyboardInterrupt
        asked.append((name, case))
        return {"case": list(case)}

    monkeypatch.setattr(run, "measured", measured)
    monkeypatch.setattr(run, "tables", lambda found: "")
    monkeypatch.setattr(run, "picture", lambda found, path: None)
    monkeypatch.setattr(sys, "argv", ["run.py", "--quick", "--json", str(path)])
    with pytest.raises(KeyboardInterrupt):
        run.main()
    first = list(asked)
    asked.clear()
    run.main()
    assert not set(first) & set(asked)
    assert {*first, *asked} == {(n, case) for n, cases in run.QUICK.items() for case in cases}
