"""Condensed images judged by the papers' networks, most of which no condensation saw.

    python benchmarks/accuracy/image_architectures.py --jobs 2

Test accuracy in percent, mean ± std over the networks of each architecture, one condensation of
each method. All of them matched a narrow ConvNet.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

import gcond

MODELS = ("ConvNet", "MLP", "LeNet", "AlexNet", "ResNet18")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--dataset", default="digits-images")
    add("--per-class", type=int, default=10)
    add("--methods", nargs="+", default=["random", "centroid", "dc", "dsa", "dm"])
    add("--models", nargs="+", default=MODELS)
    add("--protocol", default="short-300")
    add("--networks", type=int, default=2, help="networks of each architecture")
    add("--jobs", type=int, default=1, help="processes of one thread each")
    add("--root", type=Path)
    add("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter()
    sets = [
        gcond.condense(
            options.dataset,
            per_class=options.per_class,
            method=method,
            root=options.root,
            progress=False,
        )
        for method in options.methods
    ]
    found = gcond.compare(
        sets,
        models=options.models,
        protocol=options.protocol,
        seeds=options.networks,
        root=options.root,
        jobs=options.jobs,
    )
    seconds = time.perf_counter() - began
    print(f"{found.table()}\n\n{seconds:.0f} s with {options.jobs} processes")
    if options.json is not None:
        about = {
            "dataset": options.dataset,
            "per_class": options.per_class,
            "jobs": options.jobs,
            "seconds": round(seconds),
        }
        whole = {"about": about, **json.loads(found.to_json())}
        options.json.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
