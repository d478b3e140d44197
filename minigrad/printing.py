"""How a tensor is printed: as torch prints it, letter by letter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad import dtypes

Array = np.ndarray[Any, np.dtype[Any]]

DIGITS = 4  # after the decimal point
WIDTH = 80  # of a line
THRESHOLD = 1000  # elements, from which on the middle is left out
EDGE = 3  # elements, rows, ... shown on each side of what is left out
PREFIX = "tensor("


def render(array: Array, suffix: str = "") -> str:
    """Return ``tensor(...)`` with the values, the dtype where it is not the usual one of its kind, and the suffix."""
    details = []
    if array.size == 0 and array.ndim != 1:
        details.append(f"size={array.shape}")
    default = dtypes.get_default_dtype().numpy
    if array.dtype != default and (array.size == 0 or array.dtype not in (np.int64, np.bool_)):
        details.append(f"dtype={dtypes.as_dtype(array.dtype)}")
    if suffix:
        details.append(suffix)
    text = PREFIX + _values(array)
    column = len(text) - text.rfind("\n") + 1
    for detail in details:
        if column + len(detail) + 2 > WIDTH:
            text += f",\n{' ' * len(PREFIX)}{detail}"
            column = len(PREFIX) + len(detail)
        else:
            text += f", {detail}"
            column += len(detail) + 2
    return text + ")"


def _values(array: Array) -> str:
    if array.size == 0:
        return "[]"
    shorten = array.size > THRESHOLD
    one, width = _format(_shown(array) if shorten else array)
    return _nest(array, len(PREFIX), one, width, shorten)


def _shown(array: Array) -> Array:
    """Return the elements that are printed, which alone decide on the format."""
    for k in range(array.ndim):
        if array.shape[k] > 2 * EDGE:
            array = np.concatenate([array.take(range(EDGE), k), array.take(range(-EDGE, 0), k)], k)
    return array


def _format(shown: Array) -> tuple[Callable[[Any], str], int]:
    """Return the function that prints an element, and the width that it fills with blanks.

    The width is that of the finite numbers other than 0; what is longer sticks out.
    """
    values = shown.ravel().tolist()
    if shown.dtype.kind != "f":
        return _padded(str, values)
    finite = [x for x in values if math.isfinite(x) and x != 0]
    low, high = min(map(abs, finite), default=1.0), max(map(abs, finite), default=1.0)
    if high / low > 1000 or high > 1e8 or low < 1e-4:
        return _padded(lambda x: f"{x:.{DIGITS}e}", finite)
    if all(x.is_integer() for x in finite):
        return _padded(lambda x: f"{x:.0f}{'.' if math.isfinite(x) else ''}", finite)
    return _padded(lambda x: f"{x:.{DIGITS}f}", finite)


def _padded(one: Callable[[Any], str], values: Iterable[Any]) -> tuple[Callable[[Any], str], int]:
    width = max((len(one(x)) for x in values), default=1)
    return lambda x: one(x).rjust(width), width


def _nest(array: Array, indent: int, one: Callable[[Any], str], width: int, shorten: bool) -> str:
    """Return the brackets of an array; the depth of the recursion is the number of axes."""
    if array.ndim == 0:
        return one(array.item())
    cut = shorten and len(array) > 2 * EDGE
    if array.ndim > 1:
        rows = [_nest(row, indent + 1, one, width, shorten) for row in ([*array[:EDGE], *array[-EDGE:]] if cut else array)]
        if cut:
            rows.insert(EDGE, "...")
        return "[" + (",".ljust(array.ndim, "\n") + " " * (indent + 1)).join(rows) + "]"
    elements = [one(x) for x in (np.concatenate([array[:EDGE], array[-EDGE:]]) if cut else array).tolist()]
    if cut:
        elements.insert(EDGE, " ...")
    count = max(1, (WIDTH - indent) // (width + 2))
    lines = [", ".join(elements[k : k + count]) for k in range(0, len(elements), count)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
