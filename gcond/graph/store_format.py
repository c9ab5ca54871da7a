"""What a store on disk says of itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from gcond.graph.array_file import StoreError

FORMAT = 1
META = "meta.json"
SPLITS = ("train", "val", "test")
"""Number of each split in ``split.npy``."""

Part = Literal["indptr", "indices", "x", "y", "split"]
PARTS: tuple[Part, ...] = ("indptr", "indices", "x", "y", "split")


def is_store(folder: str | Path) -> bool:
    """Whether a folder holds a store, whole or not."""
    return (Path(folder) / META).is_file()


def digest(meta: dict[str, Any]) -> str:
    """Hash of a store by what ``meta.json`` says, which has a hash of every array."""
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def meta_of(folder: Path) -> dict[str, Any]:
    """What the folder says of itself, with the hash of it as ``digest``."""
    path = folder / META
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no graph: there is no {META} in it (gcond datasets generate makes one)"
        )
    try:
        meta = json.loads(path.read_text())
        claimed = meta.pop("digest")
        version = meta["format"]
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"{path} cannot be read ({error}); get or make the graph again") from error
    if version != FORMAT:
        raise StoreError(f"{path} has format {version!r}, this version reads {FORMAT}")
    if claimed != digest(meta):
        raise StoreError(f"{path} was changed after it was written; get or make the graph again")
    return {**meta, "digest": claimed}
