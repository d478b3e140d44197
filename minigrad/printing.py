"""The repr of a tensor: torch's format, character for character, except for the name of the library."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad import dtypes

Array = np.ndarray[Any, np.dtype[Any]]

PRECISION = 4  # digits after the decimal point
LINE_WIDTH = 80  # characters
THRESHOLD = 1000  # larger arrays are summarized
EDGE_ITEMS = 3  # items shown at each end of a summarized axis
PREFIX = "tensor("


def render(array: Array, suffix: str = "") -> str:
    """Return ``tensor(...)``: the values, the dtype unless it is a default, and the suffix.

    The dtype is left out for the default floating-point dtype, int64 and bool. Arrays of more than `THRESHOLD` elements are
    summarized.

    Args:
        array: The values, of any shape.
        suffix: More to show, such as "requires_grad=True".
    """
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
        if column + len(detail) + 2 > LINE_WIDTH:
            text += f",\n{' ' * len(PREFIX)}{detail}"
            column = len(PREFIX) + len(detail)
        else:
            text += f", {detail}"
            column += len(detail) + 2
    return text + ")"


def _values(array: Array) -> str:
    if array.size == 0:
        return "[]"
    summarize = array.size > THRESHOLD
    format_element, width = _format(_visible(array) if summarize else array)
    return _nest(array, len(PREFIX), format_element, width, summarize)


def _visible(array: Array) -> Array:
    """Return the elements that are printed; only they determine the format."""
    for k in range(array.ndim):
        if array.shape[k] > 2 * EDGE_ITEMS:
            array = np.concatenate([array.take(range(EDGE_ITEMS), k), array.take(range(-EDGE_ITEMS, 0), k)], k)
    return array


def _format(visible: Array) -> tuple[Callable[[Any], str], int]:
    """Return the function that formats an element, and the column width.

    The width is that of the longest finite nonzero element. Longer ones, such as -inf, exceed it.
    """
    values = visible.ravel().tolist()
    if visible.dtype.kind != "f":
        return _padded(str, values)
    finite = [x for x in values if math.isfinite(x) and x != 0]
    low, high = min(map(abs, finite), default=1.0), max(map(abs, finite), default=1.0)
    if high / low > 1000 or high > 1e8 or low < 1e-4:
        return _padded(lambda x: f"{x:.{PRECISION}e}", finite)
    if all(x.is_integer() for x in finite):
        return _padded(lambda x: f"{x:.0f}{'.' if math.isfinite(x) else ''}", finite)
    return _padded(lambda x: f"{x:.{PRECISION}f}", finite)


def _padded(format_element: Callable[[Any], str], values: Iterable[Any]) -> tuple[Callable[[Any], str], int]:
    width = max((len(format_element(x)) for x in values), default=1)
    return lambda x: format_element(x).rjust(width), width


def _nest(array: Array, indent: int, format_element: Callable[[Any], str], width: int, summarize: bool) -> str:
    """Format an array with nested brackets, one level of recursion for each axis."""
    if array.ndim == 0:
        return format_element(array.item())
    omit = summarize and len(array) > 2 * EDGE_ITEMS
    shown = [*array[:EDGE_ITEMS], *array[-EDGE_ITEMS:]] if omit else array
    items = [_nest(item, indent + 1, format_element, width, summarize) for item in shown]
    if omit:
        items.insert(EDGE_ITEMS, "..." if array.ndim > 1 else " ...")
    line_break = ",".ljust(max(array.ndim, 2), "\n") + " " * (indent + 1)
    count = 1 if array.ndim > 1 else max(1, (LINE_WIDTH - indent) // (width + 2))
    return "[" + line_break.join(", ".join(items[k : k + count]) for k in range(0, len(items), count)) + "]"
