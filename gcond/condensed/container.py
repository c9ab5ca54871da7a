"""Files of ours: safetensors with a JSON header and a checksum, written whole or not at all.

Nothing in them is code. What a file claims is checked before anything of its size is allocated.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

FORMAT = 1
LARGEST_HEADER = 100_000_000
"""Bytes; the format allows no more."""

Header = dict[str, Any]


class FileError(ValueError):
    """A file is not what it should be; nothing of it was used."""


def write(path: Path, kind: str, header: Header, tensors: Mapping[str, Tensor]) -> None:
    """Writes a file, whole or not at all; the same content gives the same bytes."""
    from safetensors.torch import save

    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # As it will be read: JSON has no tuples, and no keys but texts.
    whole_header = json.loads(_text({"format": FORMAT, "kind": kind, **header}))
    text = _text({**whole_header, "sha256": _checksum(_text(whole_header), held)})
    # One entry only: safetensors writes several in no fixed order.
    replace_file(path, save(held, {"gcond": text}))


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file beside its target and renames it: the target is whole or as it was."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _text(header: Header) -> str:
    return json.dumps(header, sort_keys=True, allow_nan=False)


def read(path: Path, *kinds: str) -> tuple[Header, dict[str, Tensor]]:
    """Header and tensors of a file written by :func:`write`, of one of the given kinds.

    Raises:
        FileNotFoundError: There is no such file.
        FileError: It is cut off, changed, of another kind, or of a newer format.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    _check_size(path)
    try:
        with safe_open(str(path), "pt") as file:
            header = _header(path, file.metadata() or {}, kinds)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError, KeyError, TypeError, UnicodeError) as error:
        raise FileError(f"{path} is damaged or no safetensors file ({error})") from error
    claimed = header.pop("sha256", None)
    try:
        found = _checksum(_text(header), tensors)
    except (ValueError, RecursionError) as error:
        raise FileError(f"the header of {path} cannot be read ({error})") from error
    if claimed != found:
        raise FileError(
            f"{path} does not match its checksum: it was changed or damaged after it was written; "
            "get or make it again"
        )
    return header, tensors


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        claimed = int.from_bytes(file.read(8), "little")
    if size < 8 or claimed > size - 8:
        raise FileError(f"{path} is cut off or no safetensors file ({size} bytes); get it again")
    if claimed > LARGEST_HEADER:
        raise FileError(f"{path} claims a header of {claimed} bytes, more than the format allows")


def _header(path: Path, texts: Mapping[str, str], kinds: tuple[str, ...]) -> Header:
    if "gcond" not in texts:
        raise FileError(f"{path} is a safetensors file, but gcond did not write it")
    try:
        header = json.loads(texts["gcond"], parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FileError(f"the header of {path} cannot be read ({error})") from error
    if not isinstance(header, dict):
        raise FileError(f"the header of {path} is no JSON object")
    version = header.get("format")
    if not isinstance(version, int) or version < 1:
        raise FileError(f"{path} states no format, or one that cannot be: {version!r:.40}")
    if version > FORMAT:
        raise FileError(
            f"{path} has format {version}, this version reads up to {FORMAT}; upgrade gcond"
        )
    if header.get("kind") not in kinds:
        wanted = " or ".join(map(repr, kinds))
        raise FileError(f"{path} holds {header.get('kind')!r:.40}, wanted is {wanted}")
    return header


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def beside(path: Path, ending: str) -> Path:
    """``NAME.ending`` for ``NAME.safetensors``, in the same folder."""
    return path.with_name(f"{path.name.removesuffix('.safetensors')}.{ending}")


def number(value: object) -> bool:
    """Whether a value from JSON is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def whole(value: object, least: int = 0) -> bool:
    """Whether a value from JSON is a whole number of at least ``least`` that 64 bits hold."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**63
