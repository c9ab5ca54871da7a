"""What the commands share: words for their arguments, and where their output goes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

Dataset = Annotated[str, tyro.conf.Positional]
File = Annotated[Path, tyro.conf.Positional]
Name = Annotated[str | None, tyro.conf.Positional]
Files = Annotated[tuple[Path, ...], tyro.conf.Positional]
Settings = Annotated[tuple[str, ...], tyro.conf.arg(metavar="PATH=VALUE")]
Style = Literal["markdown", "plain", "latex"]


def leads() -> bool:
    """Whether this process writes and speaks; of those that torchrun starts the first one does."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str) -> None:
    """Prints a result."""
    if leads():
        print(text, flush=True)


def say_json(value: Any) -> None:
    """Prints a result for programs."""
    say(json.dumps(value, indent=2))


def say_table(found: Mapping[str, str], json: bool) -> None:
    """Prints names, each with what it is."""
    if json:
        say_json(found)
        return
    width = max(map(len, found))
    for name, text in found.items():
        say(f"{name:{width}}  {text}")


def complain(text: str) -> None:
    """Prints what went wrong, apart from results."""
    print(f"gcond: {text}", file=sys.stderr, flush=True)


def writable(path: Path, flag: str) -> Path:
    """A file that can be written.

    Raises:
        ValueError: Its folder does not exist, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} of {flag} does not exist; create it first")
    if path.is_dir():
        raise ValueError(f"{flag} {path} is a folder; name a file in it")
    return path
