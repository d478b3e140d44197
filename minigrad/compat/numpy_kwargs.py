"""NumPy's argument names, which torch takes too: ``x.sum(axis=0, keepdims=True)`` is ``x.sum(dim=0, keepdim=True)``."""

from collections.abc import Callable
from functools import wraps
from inspect import isfunction, signature
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

KWARG_ALIASES = {"axis": "dim", "keepdims": "keepdim"}


def accept_numpy_kwargs(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function, taking `dim` and `keepdim` also as `axis` and `keepdims`.

    >>> @accept_numpy_kwargs
    ... def size(shape, dim):
    ...     return shape[dim]
    >>> size((2, 3), axis=1)
    3
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs:
            for alias in KWARG_ALIASES.keys() & kwargs.keys():
                if KWARG_ALIASES[alias] not in kwargs:
                    kwargs[KWARG_ALIASES[alias]] = kwargs.pop(alias)
        return function(*args, **kwargs)

    return wrapper


def methods_accept_numpy_kwargs(cls: type[C]) -> type[C]:
    """Apply `accept_numpy_kwargs` to each public method of a class that has a parameter `dim`."""
    for name, method in list(vars(cls).items()):
        if name[0] != "_" and isfunction(method) and "dim" in signature(method).parameters:
            setattr(cls, name, accept_numpy_kwargs(method))
    return cls
