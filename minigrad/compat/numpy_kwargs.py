"""NumPy's argument names, which torch takes too: ``x.sum(axis=0, keepdims=True)`` is ``x.sum(dim=0, keepdim=True)``."""

from collections.abc import Callable
from functools import wraps
from inspect import isfunction, signature
from typing import ParamSpec, TypeVar

from minigrad.arguments import CAUGHT, explain_errors, explained

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
        try:
            return function(*args, **kwargs)
        except CAUGHT as error:
            raise explained(error, function, args, kwargs)  # noqa: B904 - it may be the error itself

    return wrapper


def methods_explain_errors(cls: type[C]) -> type[C]:
    """Apply `explain_errors` to each public method of a class; `accept_numpy_kwargs`, which does it too, if it has `dim`."""
    for name, method in list(vars(cls).items()):
        if not isfunction(method):
            continue
        method.__qualname__ = f"Tensor.{method.__name__}"
        if name[0] != "_" and name != "backward":  # which is called most
            parameters = signature(method).parameters
            if len(parameters) > 1:
                setattr(cls, name, (accept_numpy_kwargs if "dim" in parameters else explain_errors)(method))
    return cls
