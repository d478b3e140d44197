"""Indexing: some of the elements, and its transpose: elements put back in their places.

An index is what NumPy's brackets take: a tuple of integers, slices, None, Ellipsis, and integer or boolean arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from types import EllipsisType
from typing import Any

import numpy as np

from minigrad.primitive import Array, Shape, primitive, unbroadcast

Index = tuple[Any, ...]
Path = tuple[Any, ...]
"""How a view was made: (), or the path to its source and a pair of a primitive and its keyword arguments."""


def is_basic(index: Index) -> bool:
    """Return whether the index selects no element twice and gives a view: only integers, slices, None and Ellipsis."""
    return all(isinstance(k, int | slice | EllipsisType | None) and not isinstance(k, bool) for k in index)


@primitive(is_view=True, x=lambda g, x_shape, index: getitem_adjoint(g, index=index, shape=x_shape))
def getitem(x: Array, *, index: Index) -> Array:
    """x[index]; a view if the index is basic, else a copy in row-major order."""
    part = x[index]
    # What arrays select, NumPy lays out in an order of its own.
    return part if part.flags.c_contiguous or is_basic(index) else part.copy()


@primitive(
    promote=("x", "value"),
    x=lambda g, index: setitem(g, 0, index=index),
    value=lambda g, index, value_shape: unbroadcast(getitem(g, index=index), value_shape),
)
def setitem(x: Array, value: Array, *, index: Index) -> Array:
    """A copy of x in which the elements at the index are those of value, which broadcasts."""
    out = np.array(x)  # of a number without axes x.copy() is no array
    out[index] = value
    return out


@primitive(x=lambda g, index: getitem(g, index=index))
def getitem_adjoint(x: Array, *, index: Index, shape: Shape) -> Array:
    """Zeros of the shape, with x added at the index; repeated places accumulate."""
    full = np.zeros(shape, x.dtype)
    if is_basic(index):
        full[index] = x
    elif len(index) == 1 and isinstance(index[0], np.ndarray) and index[0].dtype.kind in "iu" and len(shape) > 1 and x.size:
        _add_rows(full, index[0], x)
    else:
        np.add.at(full, index, x)
    return full


def _add_rows(full: Array, index: Array, x: Array) -> None:
    """Add each row of x to the row of `full` that the index names; many times faster than ``np.add.at``."""
    rows = index.ravel() % len(full)
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    full[rows[first]] = np.add.reduceat(x.reshape(-1, *full.shape[1:])[order], first)


def replay_view(x: Any, path: Path) -> Any:
    """Return the view of x that the path leads to."""
    steps = []
    while path:
        path, step = path
        steps.append(step)
    for op, attributes in reversed(steps):
        x = op(x, **attributes)
    return x


@primitive(
    promote=("x", "value"),
    x=lambda g, path: view_scatter(g, 0, path=path),
    value=lambda g, path, value_shape: unbroadcast(replay_view(g, path), value_shape),
)
def view_scatter(x: Array, value: Array, *, path: Path) -> Array:
    """A copy of x in which the view that the path leads to holds value."""
    out = np.array(x)
    view = replay_view(out, path)
    if view.base is out:
        view[...] = value
    else:  # x lies in memory in another order than the tensor whose view it was, and a reshape on the path has copied
        positions = replay_view(np.arange(x.size).reshape(x.shape), path)
        out = out.copy("C")
        out.reshape(-1)[positions] = value
    return out


@primitive(promote=("xs",), xs=lambda g, xs_shape, dim: parts(g, [shape[dim] for shape in xs_shape], dim))
def cat(*xs: Array, dim: int) -> Array:
    """The arrays one after the other along an axis."""
    return np.concatenate(xs, dim)


def parts(x: Any, lengths: Sequence[int], dim: int) -> list[Any]:
    """Return views of x: the first so many elements along an axis, the next so many, and so on."""
    ends = list(accumulate(lengths))
    return [
        getitem(x, index=(*(slice(None),) * dim, slice(end - length, end), ...))
        for length, end in zip(lengths, ends, strict=True)
    ]


@primitive(xs=lambda g, indices: [getitem(g, index=index) for index in indices])
def assemble(*xs: Array, indices: Sequence[Index], shape: Shape) -> Array:
    """Zeros of the shape, with each array at its basic index; the indices do not overlap."""
    full = np.zeros(shape, xs[0].dtype)
    for x, index in zip(xs, indices, strict=True):
        full[index] = x
    return full


@primitive()
def nonzero(x: Array) -> Array:
    """The places of the elements that are not zero, a row for each."""
    return np.argwhere(x)


@primitive(x=lambda g, index, x_shape, dim: put_along(index, g, shape=x_shape, dim=dim))
def gather(x: Array, index: Array, *, dim: int) -> Array:
    """The elements of x at the positions along an axis that the index, of the shape of the result, gives."""
    return x[along(index, dim)]


@primitive(src=lambda g, index, dim: gather(g, index, dim=dim))
def put_along(index: Array, src: Array, *, shape: Shape, dim: int) -> Array:
    """Zeros of the shape, with src added at the positions along an axis that the index gives; repeated ones accumulate."""
    full = np.zeros(shape, src.dtype)
    np.add.at(full, along(index, dim), src)
    return full


def along(positions: Array, dim: int) -> Index:
    """Return the index that takes the positions along one axis and, along the others, the place where they stand."""
    places: list[Array] = list(np.ogrid[tuple(slice(n) for n in positions.shape)])
    places[dim] = positions
    return tuple(places)
