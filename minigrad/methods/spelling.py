"""NumPy's names of arguments, which torch takes too: ``x.sum(axis=0, keepdims=True)`` is ``x.sum(dim=0, keepdim=True)``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from minigrad.primitive import positional

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

OTHER_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def also_as_numpy(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that takes `dim` and `keepdim` by NumPy's names too."""

    @wraps(function)
    def respelt(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs:
            for name in OTHER_NAMES.keys() & kwargs.keys():
                if OTHER_NAMES[name] not in kwargs:
                    kwargs[OTHER_NAMES[name]] = kwargs.pop(name)
        return function(*args, **kwargs)

    return respelt


def numpy_names(cls: type[C]) -> type[C]:
    """Let all public methods of a class that have a `dim` take NumPy's names."""
    for name, method in list(vars(cls).items()):
        if name[0] != "_" and callable(method) and "dim" in positional(method):
            setattr(cls, name, also_as_numpy(method))
    return cls
