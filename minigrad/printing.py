"""How a tensor is printed: as torch prints it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

DIGITS = 4  # after the decimal point
WIDTH = 80  # of a line
THRESHOLD = 1000  # elements, from which on the middle is left out
EDGE = 3  # rows and columns shown on each side of what is left out


def render(array: Array, suffix: str = "") -> str:
    """Return ``tensor(...)`` with the values, the dtype where it is not the usual one of its kind, and the suffix."""
    details = [suffix] if suffix else []
    if array.dtype not in (np.float32, np.int64, np.bool_):
        details.insert(0, f"dtype=minigrad.{array.dtype.name}")
    if array.size == 0 and array.ndim != 1:
        details.insert(0, f"size={array.shape}")
    shown = _visible(array)
    text = np.array2string(
        array,
        max_line_width=WIDTH,
        separator=", ",
        prefix="tensor(",
        threshold=THRESHOLD,
        edgeitems=EDGE,
        formatter={"all": _formatter(shown)},
    )
    return f"tensor({', '.join([text, *details])})"


def _visible(array: Array) -> Array:
    """Return the elements that will be shown, which alone decide on the format."""
    if array.size <= THRESHOLD:
        return array.ravel()
    for k in range(array.ndim):
        if array.shape[k] > 2 * EDGE:
            array = np.concatenate([array.take(range(EDGE), k), array.take(range(-EDGE, 0), k)], k)
    return array.ravel()


def _formatter(shown: Array) -> Callable[[Any], str]:
    """Return the function that prints an element, all of them equally wide."""
    one = _element(shown)
    width = max((len(one(x)) for x in shown), default=0)
    return lambda x: one(x).rjust(width)


def _element(shown: Array) -> Callable[[Any], str]:
    if shown.dtype.kind != "f":
        return str
    finite = np.abs(shown[np.isfinite(shown) & (shown != 0)].astype(np.float64))
    if not finite.size:
        return lambda x: f"{x:.0f}." if math.isfinite(x) else str(x)
    low, high = finite.min(), finite.max()
    whole = bool(np.all(finite == np.ceil(finite)))
    if high / low > 1000 or high > 1e8 or (not whole and low < 1e-4):
        return lambda x: f"{x:.{DIGITS}e}"
    if whole:
        return lambda x: f"{x:.0f}." if math.isfinite(x) else str(x)
    return lambda x: f"{x:.{DIGITS}f}"
