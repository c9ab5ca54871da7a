"""Teams of processes, forked from one that has everything imported, and what one of them does."""

import os
import signal
import socket
from dataclasses import replace

import torch

import gcond
from gcond.evaluation import Protocol
from gcond.graph.initialise import Selected
from gcond.graph.training import Training
from gcond.graph.validation import Validator
from gcond.matching import LostRankError, Schedule
from gcond.matching.distributed import join
from gcond.testing import example_graph

LIGHT = Validator(Training(hidden_channels=16, epochs=20, validate_every=10), models=2)
METHOD = replace(
    gcond.get_method("gcond"), schedule=Schedule(8, 2, 1), validator=LIGHT, init=Selected()
)


def together(work, folder, size=2):
    """Runs a team to its end, with the environment that torchrun gives; returns how each ended."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    team = []
    for rank in range(size):
        child = os.fork()
        if not child:
            _member(work, folder, rank, size, port)
        team.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in team]


def _member(work, folder, rank, size, port):
    code = 1
    try:
        os.environ |= {"WORLD_SIZE": str(size), "RANK": str(rank), "MASTER_PORT": port}
        os.environ["MASTER_ADDR"] = "127.0.0.1"
        join()
        work(folder, rank)
        code = 0
    except BaseException as error:  # the parent only sees the code
        (folder / f"error-{rank}").write_text(repr(error))
    finally:
        os._exit(code)


def condense(folder, rank):
    small = gcond.condense(example_graph(), num_nodes=9, method=METHOD, progress=False)
    torch.save({"x": small.x, "edges": small.edge_weight, "losses": small.history.losses},
               folder / f"{rank}.pt")  # fmt: skip


def evaluate(folder, rank):
    small = gcond.condense(example_graph(), num_nodes=9, method="centroid")
    quick = Protocol("quick", Training(hidden_channels=16, epochs=20))
    options = {"seeds": 3, "protocol": quick, "baselines": ()}
    found = gcond.evaluate(small, example_graph(), **options).rows[0]
    torch.save([found.accuracies, found.validation], folder / f"{rank}.pt")


def die(folder, rank):
    """The second process is killed in the middle; the first has to notice."""

    advance = METHOD.advance.start
    if rank == 1:
        taken = []

        def start(model, theta, *rest):
            taken.append(1)
            if len(taken) == 5:
                os.kill(os.getpid(), signal.SIGKILL)
            return advance(model, theta, *rest)

        type(METHOD.advance).start = lambda self, *given: start(*given)
    try:
        gcond.condense(
            example_graph(),
            num_nodes=9,
            method=METHOD,
            progress=False,
            checkpoint=folder / "run.safetensors",
        )
    except LostRankError as error:
        (folder / "lost").write_text(str(error))
