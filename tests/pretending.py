"""A second device for machines that have none: its tensors say they are there and hold their
numbers on the CPU.

An operation that mixes devices is refused as CUDA would refuse it, and so is handing a tensor's
memory to numpy. What is computed is what the CPU computes, so that a run there must equal the run
here to the last bit. The device is called ``meta``, since torch asks no driver about that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CPU, THERE = torch.device("cpu"), torch.device("meta")


class There(torch.Tensor):
    """A tensor on the device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls: Any, held: torch.Tensor) -> There:
        sparse = held.layout != torch.strided
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=None if sparse else held.stride(),
            storage_offset=None if sparse else held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=THERE,
            dispatch_layout=sparse,
        )
        made.held = held
        return made

    def __repr__(self, **_: Any) -> str:
        return f"There({self.held!r})"

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("can't convert a tensor of this device to numpy; use cpu() first")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


_MAY_MIX = ("aten::copy_", "aten::_to_copy", "aten::_local_scalar_dense")


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func._schema.name
    if name == "prim::layout":
        return args[0].held.layout
    flat, _ = tree_flatten((args, kwargs))
    tensors = [t for t in flat if isinstance(t, torch.Tensor)]
    there = [isinstance(t, There) for t in tensors]
    target = kwargs.get("device")
    if "device" in kwargs:
        kwargs = {**kwargs, "device": None if target is None else CPU}
    # Numbers as tensors of no dimensions, and lists to index by, go anywhere, as on CUDA.
    indexed = name == "aten::index" and isinstance(args[0], There)
    firm = [on for on, t in zip(there, tensors, strict=True) if on or not (t.dim() == 0 or indexed)]
    if any(firm) and not all(firm) and name not in _MAY_MIX:
        raise RuntimeError(f"{name}: expected all tensors to be on the same device")
    held = tree_map(lambda t: t.held if isinstance(t, There) else t, (args, kwargs))
    found = func(*held[0], **held[1])
    if target is not None:
        away = torch.device(target).type == "meta"
    elif name == "aten::copy_":
        return args[0]
    else:
        away = any(there)
    if not away:
        return found
    known = {id(t.held): t for t in tensors if isinstance(t, There)}

    def wrapped(t: Any) -> Any:
        if not isinstance(t, torch.Tensor):
            return t
        return known[id(t)] if id(t) in known else There(t)

    return tree_map(wrapped, found)


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


@contextmanager
def elsewhere() -> Iterator[None]:
    """The second device is what ``"cuda"`` means."""

    def there(given: Any) -> torch.device:
        return CPU if given in (None, "cpu") else THERE

    with ExitStack() as stack:
        for module in ("condensation", *(f"evaluation.{name}" for name in _JUDGES)):
            stack.enter_context(patch(f"gcond.{module}.device_of", there))
        stack.enter_context(patch("torch.optim.adam._device_dtype_check_for_fused", _allowed))
        stack.enter_context(_Mode())
        yield


_JUDGES = ("judge", "fitting", "ranking", "comparison")


def _allowed(*_: Any, **__: Any) -> None:
    """Fused steps are for devices that torch knows to have them; the CPU behind this one has."""
