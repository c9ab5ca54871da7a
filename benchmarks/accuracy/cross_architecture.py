"""One condensed graph, many architectures, beside the published rows.

    python benchmarks/accuracy/cross_architecture.py --root DATASETS

Test accuracy in percent, mean ± std over evaluation seeds of one condensation; models that use no
edge weights get the edges at or above the protocol's threshold. One process for each core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import gcond
from gcond.evaluation.architectures import ARCHITECTURES

sys.path.insert(0, str(Path(__file__).parents[1]))
from published import ARCHITECTURES as PUBLISHED

SIZES = {"cora": 70, "citeseer": 60}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--root", type=Path)
    add("--datasets", nargs="+", choices=SIZES, default=list(SIZES))
    add("--models", nargs="+", default=list(ARCHITECTURES))
    add("--methods", nargs="+", default=["gcond"])
    add("--baselines", nargs="*", default=[])
    add("--protocol", default="gcn-600")
    add("--seeds", type=int, default=3)
    add("--jobs", type=int, default=os.cpu_count())
    add("--out", type=Path, help="folder for the figures as JSON")
    options = parser.parse_args()
    began = time.perf_counter()
    for name in options.datasets:
        sets = [
            gcond.condense(
                name, num_nodes=SIZES[name], method=method, root=options.root, progress=False
            )
            for method in options.methods
        ]
        found = gcond.compare(
            sets,
            models=options.models,
            protocol=options.protocol,
            seeds=options.seeds,
            baselines=options.baselines,
            root=options.root,
            jobs=options.jobs,
        )
        print(found.table())
        reported = PUBLISHED.get(name, {})
        cells = [f"{reported[m]:.1f}" if m in reported else "" for m in options.models]
        print(
            "| GCond as published | "
            + " | ".join([str(SIZES[name]), "", "", "", *cells, ""])
            + " |"
        )
        print(f"\n{time.perf_counter() - began:.0f} s so far\n", flush=True)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / f"cross-architecture-{name}.json").write_text(found.to_json())


if __name__ == "__main__":
    main()
