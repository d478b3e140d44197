"""Arguments and results: tensors in nested lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minigrad.autodiff import wrap
from minigrad.fastpath.replay.watch import PLAIN
from minigrad.tensor import Tensor


def leaves_of(value: Any) -> list[Any]:
    """Return the leaves of nested lists, tuples and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [leaf for x in value for leaf in leaves_of(x)]
    return [value]


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dicts."""
    return [x for x in leaves_of(value) if isinstance(x, Tensor)]


def with_tensors(value: Any, tensors: Iterator[Any]) -> Any:
    """Return nested lists, tuples and dicts with other tensors in place of theirs."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, dict):
        return {name: with_tensors(x, tensors) for name, x in value.items()}
    if isinstance(value, list | tuple):
        items = [with_tensors(x, tensors) for x in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def skeleton(value: Any) -> Any:
    """Return what is the same for arguments that a program fits: all but the tensors in them."""
    if isinstance(value, Tensor):
        return Tensor
    if isinstance(value, dict):
        return [(name, skeleton(x)) for name, x in value.items()]
    if isinstance(value, list | tuple):
        return [type(value), *map(skeleton, value)]
    return (type(value), value) if isinstance(value, PLAIN) else id(value)


def without_history(result: Any) -> Any:
    """Return a result as replays return it: with tensors of their own memory, which require no gradient."""
    return with_tensors(result, iter([wrap(x.array.copy()) for x in tensors_in(result)]))
