"""Errors that say which argument is wrong. Nothing is checked beforehand: what is looked for, is looked for after an error.

The functions are wrapped when their module is imported: one statement names what is explained, no function is written twice,
and a call that succeeds costs 0.1 us more. Functions that run in every training step are left out, and check for themselves.

>>> @explain_errors
... def scaled(x: float, times: int) -> list[float]:
...     return [x] * times
>>> scaled(1.0, "2")
Traceback (most recent call last):
    ...
TypeError: scaled(): argument 'times' must be int, not str
"""

import inspect
import itertools
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from opcode import opmap
from typing import Any, ParamSpec, TypeVar

import numpy as np

from minigrad.autodiff import TensorBase

P = ParamSpec("P")
R = TypeVar("R")

CAUGHT = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)

LIBRARIES = {"minigrad", "numpy", *sys.stdlib_module_names} - {"__main__"}

SCALARS: dict[Any, Any] = {float: int | float | np.generic, int: int | np.integer, bool: bool | np.bool_}
"""The types of what is taken for a Python scalar."""


def explain_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with errors of Python and NumPy, raised inside, replaced by such as name an argument."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CAUGHT as error:
            raise explained(error, function, args, kwargs)  # noqa: B904 - it may be the error itself

    wrapper.__dict__["explains"] = True
    return wrapper


def explain_functions(namespace: dict[str, Any]) -> None:
    """Apply `explain_errors` to the public functions of a module, whose ``globals()`` are given, when all are defined."""
    for name in namespace.get("__all__") or [name for name in namespace if name[0] != "_"]:
        value = namespace[name]
        if inspect.isfunction(value) and not hasattr(value, "explains"):
            namespace[name] = explain_errors(value)


def explain_classes(namespace: Mapping[str, Any], *names: str) -> None:
    """Apply `explain_errors` to some methods of the classes of minigrad in a module, whose ``globals()`` are given."""
    classes = [value for value in namespace.values() if isinstance(value, type)]
    for cls in itertools.chain.from_iterable(cls.__mro__ for cls in classes):
        for name in names:
            method = vars(cls).get(name)
            if cls.__module__.startswith("minigrad.") and inspect.isfunction(method) and not hasattr(method, "explains"):
                setattr(cls, name, explain_errors(method))


def explained(error: Exception, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Exception:
    """Return an error that a function raised: itself if it was raised on purpose, else one that says what the caller did."""
    accident = _is_accident(error)
    if not accident and error.__cause__ is None and not isinstance(error, AttributeError):  # which a module raises itself
        return error
    name = function.__name__
    if name in ("__init__", "forward", "step"):
        name = type(args[0]).__name__
    elif name.startswith("__"):
        name = f"{type(args[0]).__name__}.{name}"
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError as mismatch:
        return _caused_by(error, TypeError(f"{name}(): {mismatch}"))
    for key, value in given.items():
        parameter = signature.parameters[key]
        kind = _resolved(parameter.annotation, function)
        if parameter.kind is parameter.VAR_KEYWORD:
            continue
        for one in value if parameter.kind is parameter.VAR_POSITIONAL else [value]:
            if one is not parameter.default and not fits(one, kind):
                text = f"{name}(): argument '{key}' must be {describe(kind)}, not {type(one).__name__}"
                return _caused_by(error, TypeError(text))
    if not accident:
        return error
    kinds = (IndexError, TypeError, ValueError)
    if isinstance(error, KeyError) and isinstance(error.args[0], str):
        return _caused_by(error, KeyError(f"{name}(): there is no key {error}"))  # in a dict of the caller
    kind = next((kind for kind in kinds if isinstance(error, kind)), RuntimeError)
    return _caused_by(error, kind(f"{name}(): {error}"))


def _caused_by(cause: Exception, error: Exception) -> Exception:
    error.__cause__ = cause
    return error


def _is_accident(error: Exception) -> bool:
    """Return whether Python or NumPy raised an error within minigrad, and not a ``raise`` of minigrad or code of the user."""
    frames = list(_walk(error.__traceback__))
    packages = [str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in frames]
    if not LIBRARIES.issuperset(packages):
        return False
    last, instruction = frames[-1]
    return packages[-1] != "minigrad" or last.f_code.co_code[instruction] != opmap["RAISE_VARARGS"]


def _walk(traceback: types.TracebackType | None) -> Iterator[tuple[types.FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lasti
        traceback = traceback.tb_next


def _resolved(annotation: Any, function: Callable[..., Any]) -> Any:
    """Return the type that an annotation stands for; Any if it cannot be told."""
    if not isinstance(annotation, str):
        return Any if annotation is inspect.Parameter.empty else annotation
    try:
        return eval(annotation, inspect.unwrap(function).__globals__, {"Self": TensorBase})
    except NameError:
        return Any


def fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of an annotated type; of a type that is not understood it is."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, arg) for arg in args)
    if kind in SCALARS:
        return isinstance(value, SCALARS[kind]) or (isinstance(value, TensorBase) and value.array.size == 1)
    if isinstance(kind, type):
        return kind is Any or isinstance(value, kind)
    if not isinstance(origin, type):
        return value in args if origin is typing.Literal else value is None or kind is not None
    elements = value if isinstance(value, list | tuple) else ()
    return isinstance(value, origin) and not isinstance(value, str) and all(fits(x, args[0]) for x in elements)


def describe(kind: Any) -> str:
    """Return the name of an annotated type.

    >>> describe(TensorBase | Sequence[int] | None)
    'Tensor | Sequence[int] | None'
    """
    name = kind.__name__ if type(kind) is type else str(kind)
    return re.sub(r"\b(\w+\.)+", "", name).replace("TensorBase", "Tensor")
