"""Indexing: some of the elements, and its transpose: elements put back in their places.

An index is what NumPy's brackets take: a tuple of integers, slices, None, Ellipsis, and integer or boolean arrays.
"""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from minigrad.ops.primitive import Array, Shape, primitive

Index = tuple[Any, ...]


def is_basic(index: Index) -> bool:
    """Return whether the index selects no element twice and gives a view: only integers, slices, None and Ellipsis."""
    return all(isinstance(k, int | slice | EllipsisType | None) for k in index)


@primitive(x=lambda g, x_shape, index: put(g, index=index, shape=x_shape))
def getitem(x: Array, *, index: Index) -> Array:
    """x[index]; a view if the index is basic."""
    return np.asarray(x[index])


@primitive(x=lambda g, index: getitem(g, index=index))
def put(x: Array, *, index: Index, shape: Shape) -> Array:
    """Zeros of the shape, with x added at the index; repeated places accumulate."""
    full = np.zeros(shape, x.dtype)
    if is_basic(index):
        full[index] = x
    else:
        np.add.at(full, index, x)
    return full
