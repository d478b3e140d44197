"""Number types with torch's names, and torch's rules for what comes out when they meet."""

from typing import Any, Final

import numpy as np

__all__ = [
    "double", "dtype", "float16", "float32", "float64", "get_default_dtype", "half", "int8", "int16", "int32", "int64",
    "long", "set_default_dtype", "short", "uint8",
]  # fmt: skip

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


def unwrap_scalar(value: Any) -> Any:
    """Return a NumPy scalar as the Python scalar of its value, anything else unchanged."""
    if not isinstance(value, np.generic):
        return value
    return float(value) if isinstance(value, np.longdouble) else value.item()


BOOLEAN, INTEGER, FLOATING = range(3)


def category(d: NumpyDtype) -> int:
    """Return the category of a dtype: `BOOLEAN` < `INTEGER` < `FLOATING`."""
    return {"b": BOOLEAN, "f": FLOATING}.get(d.kind, INTEGER)


def can_cast(source: NumpyDtype, target: NumpyDtype) -> bool:
    """Return whether a result may be written to a target in place: its category must not be higher."""
    return category(source) <= category(target)
