"""Time and peak memory against the size of a graph: a table, a picture, and JSON.

    python benchmarks/scale/run.py                    # all of it, a few GB of scratch files
    python benchmarks/scale/run.py --quick            # the same on small graphs, a minute
    python benchmarks/scale/run.py --folder /scratch  # where the graphs are written and kept
    python benchmarks/scale/run.py --again            # measure anew what the JSON has already

Figures are written as they come; a run that was stopped goes on with those that are missing. All of
it takes some ten minutes on a machine that does nothing else.

Every figure comes from a process of its own, so that peaks do not mix. Peak memory is the largest
resident set that the system saw (``ru_maxrss``), libraries and mapped files included: the strictest
count. On a busy machine use ``OMP_NUM_THREADS=1`` and read the CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "speed"))

Facts = dict[str, Any]
Cases = dict[str, list[tuple[str | int, ...]]]

FULL: Cases = {
    "step": [(n, 90, "4GB") for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)],
    "product": [(170_000, 14, 128), (230_000, 50, 64)],
    "propagation": [
        *[(200_000, degree, 128, "4GB", "float32") for degree in (5, 10, 20, 40)],
        *[(200_000, 20, features, "4GB", "float32") for features in (32, 64, 256)],
        *[(500_000, 10, 512, memory, "float32") for memory in ("500MB", "700MB", "900MB")],
        (500_000, 10, 512, "500MB", "float16"),
    ],
}
QUICK: Cases = {
    "step": [(n, 40, "4GB") for n in (2_000, 8_000)],
    "product": [(5_000, 10, 32)],
    "propagation": [(5_000, d, 32, "4GB", "float32") for d in (5, 20)],
}


def measured(name: str, folder: Path, case: tuple[str | int, ...]) -> Facts:
    """One figure, from a process of its own, on a graph that another one wrote."""
    size = (case[0], 10, 128) if name == "step" else case[:3]
    of_its_own("prepare", folder, size)
    facts = {"case": list(case)} | of_its_own(name, folder, case)
    print(f"{name} {case}: {facts}", file=sys.stderr, flush=True)
    return facts


def of_its_own(name: str, folder: Path, case: tuple[str | int, ...]) -> Facts:
    """What a process that does nothing else finds."""
    command = [sys.executable, str(HERE / "measures.py"), name, str(folder), *map(str, case)]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    facts: Facts = json.loads(found.stdout.splitlines()[-1])
    return facts


def tables(found: dict[str, list[Facts]]) -> str:
    """All figures as Markdown."""
    lines = ["| nodes | n' | rows in | step | CPU |", "|--:|--:|---|--:|--:|"]
    for f in found["step"]:
        seconds = f"{1e3 * f['step_s']:.1f} ms | {1e3 * f['step_cpu_s']:.1f} ms"
        lines.append(f"| {f['nodes']:,} | {f['num_nodes']} | {f['rows_in']} | {seconds} |")
    lines += ["", "| nodes | edges | d | ours | half precision | scipy | torch |"]
    lines += ["|--:|--:|--:|--:|--:|--:|--:|"]
    for f in found["product"]:
        names = ("ours_s", "ours_half_s", "scipy_s", "torch_s")
        seconds = " | ".join(f"{f[name]:.2f} s" for name in names)
        lines.append(f"| {f['nodes']:,} | {f['edges']:,} | {f['features']} | {seconds} |")
    lines += [
        "",
        "| nodes | edges | d | precision | features | budget | peak | of it | time | CPU |",
    ]
    lines += ["|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|"]
    for f in found["propagation"]:
        sizes = [f"{f[name] / 1e6:,.0f} MB" for name in ("feature_bytes", "budget", "peak")]
        share = f"{f['peak'] / f['budget']:.0%}"
        head = f"| {f['nodes']:,} | {f['edges']:,} | {f['features']} | {f['precision']}"
        lines.append(
            f"{head} | {' | '.join(sizes)} | {share} | {f['seconds']:.1f} s | {f['cpu_s']:.1f} s |"
        )
    return "\n".join(lines)


def picture(found: dict[str, list[Facts]], path: Path) -> None:
    """Steps against nodes, propagation against edges x features, peaks against budgets."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    steps, work, memory = figure.subplots(1, 3)
    nodes = [f["nodes"] for f in found["step"]]
    steps.plot(nodes, [1e3 * f["step_s"] for f in found["step"]], "o-", label="wall")
    steps.plot(nodes, [1e3 * f["step_cpu_s"] for f in found["step"]], "s--", label="CPU")
    steps.set(xscale="log", ylim=(0, None), xlabel="nodes", ylabel="ms per matching step")
    steps.legend()
    plain = [f for f in found["propagation"] if f["budget"] == 4 * 10**9]
    amounts = [f["edges"] * f["features"] / 1e9 for f in plain]
    work.plot(amounts, [f["cpu_s"] for f in plain], "o")
    work.set(
        xlim=(0, None), ylim=(0, None), xlabel="edges x features / 1e9", ylabel="CPU s, 2 hops"
    )
    tight = [f for f in found["propagation"] if f["feature_bytes"] > f["budget"]] or plain
    top = 1.1 * max(f["budget"] for f in tight) / 1e6
    memory.plot([0, top], [0, top], "k:", lw=1, label="budget")
    memory.plot(
        [f["budget"] / 1e6 for f in tight], [f["peak"] / 1e6 for f in tight], "o", label="peak"
    )
    memory.set(xlim=(0, top), ylim=(0, top), xlabel="budget, MB", ylabel="peak memory, MB")
    memory.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="where graphs are written and kept")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(FULL), default=list(FULL))
    parser.add_argument("--json", type=Path, help="by default benchmarks/results/scale.json")
    parser.add_argument("--plot", type=Path, help="by default beside the JSON")
    options = parser.parse_args()
    cases = QUICK if options.quick else FULL
    from timing import machine

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        path = options.json or (folder if options.quick else HERE.parent / "results") / "scale.json"
        there = path.exists() and not options.again
        found: dict[str, list[Facts]] = json.loads(path.read_text())["found"] if there else {}
        for name in options.only:
            known = {tuple(facts.get("case", ())): facts for facts in found.get(name, [])}
            found[name] = [known[case] for case in cases[name] if case in known]
            for case in cases[name]:
                if case not in known:
                    found[name].append(measured(name, folder, case))
                    content = {"machine": machine(), "found": found}
                    path.write_text(json.dumps(content, indent=1) + "\n")
        if set(found) == set(FULL):
            print(tables(found))
            picture(found, options.plot or path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
