"""Command line: ``gcond condense | evaluate | compare | search | fit | reproduce | show | cite |
methods | datasets``.

Nothing heavy is imported at the top: ``gcond --help`` answers without torch.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

import tyro

from gcond.cli.console import complain
from gcond.cli.judging import compare, evaluate, fit, search
from gcond.cli.making import condense, with_set
from gcond.cli.reading import cite, datasets, methods, show
from gcond.cli.reproducing import reproduce
from gcond.spelling import meant

DESCRIPTION = "Dataset condensation on graphs: a tiny synthetic graph that trains like the whole."

COMMANDS: dict[str, Callable[..., None]] = {
    command.__name__: command
    for command in (
        condense,
        evaluate,
        compare,
        search,
        fit,
        reproduce,
        show,
        cite,
        methods,
        datasets,
    )
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; wrong input is one line on standard error and exit code 2."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("gcond").setLevel(logging.INFO)
    try:
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS, prog="gcond", description=DESCRIPTION, args=_ready(arguments)
        )
    except (ValueError, TypeError, FileNotFoundError, IsADirectoryError, ImportError) as error:
        complain(str(error))
        return 2
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to flush at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ArithmeticError, OSError, MemoryError) as error:
        complain("; ".join([str(error), *getattr(error, "__notes__", [])]))
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 130
    return 0


def _ready(arguments: list[str] | None) -> list[str]:
    """The arguments as tyro reads them."""
    found = list(sys.argv[1:] if arguments is None else arguments)
    command = found[0] if found else ""
    if command == "condense":
        return [command, *with_set(found[1:])]
    if command and not command.startswith("-") and command not in COMMANDS:
        raise ValueError(
            f"unknown command {command!r}; {meant(command, COMMANDS)}known: {', '.join(COMMANDS)}"
        )
    return found
