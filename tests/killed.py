"""Kills runs at random points and continues them; prints how often the bytes came out the same.

Run as ``python killed.py METHOD FOLDER KILLS``. Children are forked from a process that has
everything imported, so that a run lasts about as long as its arithmetic.
"""

import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

import gcond
from gcond import callbacks
from gcond.graph.initialise import Selected
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.matching import Schedule
from gcond.testing import example_graph

callbacks.EVERY = 0.0  # a checkpoint after every epoch
SCHEDULES = {"gcond": Schedule(25, 5, 3), "doscond": Schedule(125)}
LIGHT = Validator(Training(hidden_channels=16, epochs=20, lr=0.03, validate_every=10), models=2)


def run(name, out):
    """One run as a process of its own, from its checkpoint if there is one; returns its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        # A start that takes no time, so that runs are killed while they match.
        method = replace(
            gcond.get_method(name), schedule=SCHEDULES[name], validator=LIGHT, init=Selected()
        )
        small = gcond.condense(
            example_graph(),
            num_nodes=9,
            method=method,
            checkpoint=out.with_suffix(".checkpoint.safetensors"),
            resume=True,
            progress=False,
        )
        small.save(out)
        status = 0
    finally:
        os._exit(status)


def main(name, folder, kills):
    torch.set_num_threads(1)
    draw = random.Random(0)
    gcond.condense(example_graph(), num_nodes=9, method="centroid")  # imports what is imported late
    whole = folder / "whole.safetensors"
    began = time.monotonic()
    assert os.waitpid(run(name, whole), 0)[1] == 0
    lasted = time.monotonic() - began
    same = continued = 0
    for i in range(kills):
        out = folder / f"{i}.safetensors"
        child = run(name, out)
        time.sleep(draw.uniform(0.05, 0.95) * lasted)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        continued += out.with_suffix(".checkpoint.safetensors").exists() and not out.exists()
        assert os.waitpid(run(name, out), 0)[1] == 0
        same += out.read_bytes() == whole.read_bytes()
    print(kills, continued, same)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
