"""Number types with torch's names, and torch's rules for what comes out when they meet."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

__all__ = [
    "double",
    "dtype",
    "float16",
    "float32",
    "float64",
    "get_default_dtype",
    "half",
    "int8",
    "int16",
    "int32",
    "int64",
    "long",
    "set_default_dtype",
    "short",
    "uint8",
]

NumpyDtype = np.dtype[Any]


class dtype:
    """A number type, such as `minigrad.float32`.

    There is one object for each type, so types may be compared with ``is``. The names are torch's.

    Attributes:
        numpy: The NumPy dtype that stores it.
        itemsize: Bytes an element takes.
        is_floating_point: Whether it is one of float16, float32, float64; only these have gradients.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.numpy: Final[NumpyDtype] = np.dtype(name)
        self.itemsize: Final = self.numpy.itemsize
        self.is_floating_point: Final = self.numpy.kind == "f"

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.numpy,)


bool_ = dtype("bool")
uint8 = dtype("uint8")
int8 = dtype("int8")
int16 = dtype("int16")
int32 = dtype("int32")
int64 = dtype("int64")
float16 = dtype("float16")
float32 = dtype("float32")
float64 = dtype("float64")

half, double, long = float16, float64, int64
short, int_, float_ = int16, int32, float32

_by_numpy = {t.numpy: t for t in (bool_, uint8, int8, int16, int32, int64, float16, float32, float64)}


class _Default:
    floating = float32


def get_default_dtype() -> dtype:
    """Return the type of new floating-point tensors; float32 unless `set_default_dtype` was called."""
    return _Default.floating


def set_default_dtype(d: dtype) -> None:
    """Make d, a floating-point type, the type of new floating-point tensors.

    Raises:
        TypeError: d is not a floating-point type.
    """
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise TypeError(f"only floating-point types are supported as the default type, but got {d}")
    _Default.floating = d


def as_dtype(d: Any) -> dtype:
    """Return the minigrad type for one of its own, a NumPy dtype, or Python's float (float64), int or bool.

    Raises:
        TypeError: minigrad has no such type; complex numbers, strings and objects are not supported.
    """
    if isinstance(d, dtype):
        return d
    try:
        return _by_numpy[np.dtype(d)]
    except (TypeError, KeyError):
        names = ", ".join(t.name for t in _by_numpy.values())
        raise TypeError(f"minigrad has no dtype {d!r}; it has {names}") from None


def as_python(value: Any) -> Any:
    """Return a number of NumPy as one of Python, which does not decide a dtype; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _rank(d: NumpyDtype) -> int:
    """Return the category of a type: boolean, integer, floating point."""
    return {"b": 0, "f": 2}.get(d.kind, 1)


def can_cast(source: NumpyDtype, target: NumpyDtype) -> bool:
    """Return whether a result may be written to a target in place: its category must not be higher."""
    return _rank(source) <= _rank(target)


def _join(a: NumpyDtype | None, b: NumpyDtype) -> NumpyDtype:
    """Return the smallest type that holds both; an integer and a floating-point type give the latter."""
    if a is None or _rank(a) < _rank(b) == 2:
        return b
    if _rank(b) < _rank(a) == 2:
        return a
    return np.promote_types(a, b)


def result_type(*operands: np.ndarray[Any, NumpyDtype] | bool | int | float) -> NumpyDtype:
    """Return the type in which operands meet, as torch decides it (``torch.result_type``).

    Arrays with axes decide. Arrays without axes and Python numbers, in this order, matter only where they belong to a
    higher category (boolean < integer < floating point); a Python float counts as the default type, an int as int64.
    """
    decided: NumpyDtype | None = None
    arrays = [x for x in operands if isinstance(x, np.ndarray)]
    numbers = [x for x in operands if not isinstance(x, np.ndarray)]
    groups = (
        [x.dtype for x in arrays if x.ndim],
        [x.dtype for x in arrays if not x.ndim],
        [_by_python[type(x)]() for x in numbers],
    )
    for group in groups:
        joined: NumpyDtype | None = None
        for d in group:
            joined = _join(joined, d)
        if joined is not None and (decided is None or _rank(joined) > _rank(decided)):
            decided = joined if decided is None else _join(decided, joined)
    assert decided is not None
    return decided


_by_python = {
    bool: lambda: bool_.numpy,
    int: lambda: int64.numpy,
    float: lambda: _Default.floating.numpy,
}
