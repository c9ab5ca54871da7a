"""Methods as flat settings: ``adjacency=low-rank``, ``adjacency.rank=8``, and back to a value.

A setting names a path of fields. Where a field holds a choice, its value is a type's name in
kebab case, whose own fields are reached with a dot. Which types a choice has follows from the
protocol the field is declared with: every registered type that fits it.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass, replace
from typing import Any, Union, get_args, get_origin, get_type_hints

from gcond.methods.registry import TYPES
from gcond.spelling import meant


@dataclass(frozen=True)
class Setting:
    """One setting of a method.

    Args:
        path: Where it is, ``"adjacency.rank"``.
        text: Its value.
        choices: What else it can be, where it is a choice.
    """

    path: str
    text: str
    choices: tuple[str, ...] = ()


def settings(value: Any, prefix: str = "") -> Iterator[Setting]:
    """All settings of a method, choices before their fields; a choice of one is none."""
    for f in _open(value):
        path, held = prefix + f.name.replace("_", "-"), getattr(value, f.name)
        if not is_dataclass(held):
            yield Setting(path, _text(held))
            continue
        choices = tuple(_choices(type(value), f))
        if len(choices) > 1:
            yield Setting(path, _kebab(type(held)), choices)
        yield from settings(held, f"{path}.")


def with_settings(method: Any, given: Mapping[str, str]) -> Any:
    """A method with some of its settings replaced, whatever their order.

    Args:
        method: The method to change.
        given: Text by path, as :func:`settings` lists them; ``_`` and ``-`` are the same.

    Raises:
        ValueError: A path or a choice is unknown, or a text is no value of the field's type.

    Example:
        >>> from gcond.methods import get_method
        >>> method = with_settings(
        ...     get_method("gcond"), {"adjacency.rank": "8", "adjacency": "low-rank"}
        ... )
        >>> method.adjacency
        LowRank(rank=8, degree=1.0)
    """
    by_depth = sorted(given, key=lambda path: path.count("."))
    changed: Any = method
    for path in by_depth:
        changed = _with(changed, path.replace("-", "_").split("."), given[path], path)
    return changed


def _with(value: Any, path: list[str], text: str, whole: str) -> Any:
    known = {f.name: f for f in _open(value)}
    if path[0] not in known:
        names = [name.replace("_", "-") for name in known]
        raise ValueError(
            f"unknown setting --{whole}: {_kebab(type(value))} has no "
            f"{path[0].replace('_', '-')!r}; {meant(path[0], names)}it has "
            f"{', '.join(names) or 'no settings'}"
        )
    field, held = known[path[0]], getattr(value, path[0])
    if len(path) > 1:
        if not is_dataclass(held):
            raise ValueError(f"unknown setting --{whole}: {path[0]} is {_text(held)}, no choice")
        new = _with(held, path[1:], text, whole)
    else:
        new = _parsed(type(value), field, text, whole)
    try:
        return replace(value, **{path[0]: new})
    except (TypeError, ValueError) as error:
        raise ValueError(f"--{whole} {text}: {error}") from error


def _open(value: Any) -> list[Field[Any]]:
    """Fields that a setting may change."""
    return [f for f in fields(value) if f.init and f.name != "name"]


def _parsed(owner: type, field: Field[Any], text: str, whole: str) -> Any:
    choices = _choices(owner, field)
    if choices:
        if text not in choices:
            raise ValueError(
                f"--{whole} {text}: {meant(text, choices)}choose one of {', '.join(choices)}"
            )
        return _built(choices[text], whole)
    kinds = _declared(owner, field)
    for kind in kinds:
        try:
            return _scalar(kind, text)
        except ValueError:
            continue
    expected = " or ".join("none" if kind is type(None) else kind.__name__ for kind in kinds)
    raise ValueError(f"--{whole} must be {expected}, got {text!r}")


def _choices(owner: type, field: Field[Any]) -> dict[str, type]:
    """Registered types that a field can hold, by name."""
    kinds = _declared(owner, field)
    found = [kind for kind in TYPES.values() if any(_fits(kind, k) for k in kinds)]
    return {_kebab(kind): kind for kind in sorted(found, key=lambda kind: kind.__name__)}


def _declared(owner: type, field: Field[Any]) -> tuple[Any, ...]:
    declared = get_type_hints(owner)[field.name]
    return get_args(declared) if _is_union(declared) else (declared,)


def _built(kind: type, whole: str) -> Any:
    """The default value of a choice."""
    missing = [
        f.name
        for f in fields(kind)
        if f.init and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ValueError(
            f"--{whole} {_kebab(kind)} needs {', '.join(missing)}, which has no default; build the "
            "method in Python with dataclasses.replace"
        )
    return kind()


def _fits(kind: type, declared: Any) -> bool:
    """Whether a registered type can stand where a field is declared so."""
    if not isinstance(declared, type) or declared.__module__ == "builtins":
        return False
    if not getattr(declared, "_is_protocol", False):
        return kind is declared
    wanted = {
        name: member
        for name, member in vars(declared).items()
        if not name.startswith("_") or name == "__call__"
    }
    return bool(wanted) and all(_has(kind, name, member) for name, member in wanted.items())


def _has(kind: type, name: str, member: Any) -> bool:
    if isinstance(member, property):
        return hasattr(kind, name) or name in getattr(kind, "__dataclass_fields__", {})
    own = getattr(kind, name, None)
    if not (inspect.isfunction(own) and inspect.isfunction(member)):
        return False
    return list(inspect.signature(own).parameters) == list(inspect.signature(member).parameters)


def _scalar(kind: Any, text: str) -> Any:
    if kind is type(None) and text == "none":
        return None
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind in (int, float):
        return kind(text)
    if kind is str or (get_origin(kind) is not None and text in get_args(kind)):
        return text
    raise ValueError(text)


def _is_union(declared: Any) -> bool:
    return get_origin(declared) in (Union, types.UnionType)


def _kebab(kind: type) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", kind.__name__).lower()


def _text(held: Any) -> str:
    if held is None:
        return "none"
    if isinstance(held, bool):
        return str(held).lower()
    if isinstance(held, tuple):
        return ", ".join(_kebab(type(item)) if is_dataclass(item) else str(item) for item in held)
    return getattr(held, "__name__", str(held))
