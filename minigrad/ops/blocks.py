"""Arrays in blocks that fit into the cache: a function of several steps takes a third of the time on large arrays."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from minigrad.primitive import Array

SIZE = 262144
"""Elements in a block."""


def in_blocks(function: Callable[[Array, Array], None]) -> Callable[[Array], Array]:
    """Decorate ``function(x, out)``, which works element by element, so that it returns its result, of the dtype of x."""

    @wraps(function)
    def wrapper(x: Array) -> Array:
        out = np.empty_like(x)
        if not x.ndim:
            function(np.atleast_1d(x), np.atleast_1d(out))  # a view of out: NumPy computes nothing in place on 0-d arrays
            return out
        if x.size <= SIZE or not x.flags.forc:
            function(x, out)
            return out
        source, target = x.reshape(-1, order="A"), out.reshape(-1, order="A")
        for k in range(0, x.size, SIZE):
            function(source[k : k + SIZE], target[k : k + SIZE])
        return out

    return wrapper


def row_blocks(x: Array) -> list[slice]:
    """Return which parts of an array along its first axis are to be computed with at a time."""
    step = max(1, SIZE * len(x) // max(1, x.size))
    return [slice(k, k + step) for k in range(0, max(1, len(x)), step)]


def blocks_across(x: Array, dim: int) -> list[Any]:
    """Return the index of each part of an array to be computed with at a time, with all elements along an axis."""
    return row_blocks(x) if dim else [...]
