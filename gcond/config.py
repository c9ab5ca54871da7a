"""Configuration as plain data: dataclasses to dictionaries with type tags, and back.

Types are resolved through a closed registry that the caller brings; a file can never name an
import path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

Plain = Any
"""What JSON can hold."""


def to_plain(value: Any) -> Plain:
    """Turns a value of frozen dataclasses, tuples and scalars into plain data."""
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: to_plain(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"type": type(value).__name__, **content}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if callable(value):
        return {"callable": f"{value.__module__}.{value.__qualname__}"}
    raise TypeError(f"cannot describe a {type(value).__name__} as configuration")


def digest(value: Any) -> str:
    """Eight letters of a hash of a value: those of other settings differ."""
    plain = json.dumps(to_plain(value), sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:8]


def types_in(value: Any) -> dict[str, type]:
    """The configuration types that a value is made of, by name."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {type(value).__name__: type(value)}
        for f in fields(value):
            found |= types_in(getattr(value, f.name))
        return found
    if isinstance(value, tuple | list):
        return {name: kind for item in value for name, kind in types_in(item).items()}
    return {}


def from_plain(plain: Plain, types: Mapping[str, type]) -> Any:
    """Rebuilds a value from plain data.

    Raises:
        ValueError: A type or a field is unknown, or the value held a callable, which a file
            cannot bring back.
    """
    if isinstance(plain, dict):
        if "callable" in plain:
            raise ValueError(
                f"the configuration holds the function {plain['callable']}, which is not stored; "
                "build the method again with replace(get_method(...), model=...)"
            )
        name = str(plain.get("type"))
        if name not in types:
            raise ValueError(f"unknown configuration type {name!r}; known: {', '.join(types)}")
        known = {f.name for f in fields(types[name]) if f.init}
        unknown = set(plain) - known - {"type"}
        if unknown:
            raise ValueError(f"{name} has no field {sorted(unknown)[0]!r}; it has {sorted(known)}")
        values = {k: from_plain(v, types) for k, v in plain.items() if k != "type"}
        try:
            return types[name](**values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} cannot be made of its stored fields: {error}") from error
    if isinstance(plain, list):
        return tuple(from_plain(item, types) for item in plain)
    return plain
