"""Indexing, and its adjoint: elements scattered back into zeros.

An index is a tuple as NumPy takes it: of integers, slices, None, Ellipsis, and integer or boolean arrays.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from types import EllipsisType
from typing import Any

import numpy as np

from minigrad.primitive import Array, Shape, primitive, unbroadcast

Index = tuple[Any, ...]
Path = tuple[Any, ...]
"""How a view was made: (), or the path to its source, a primitive, and its keyword arguments."""


def axis_index(dim: int, part: int | slice | Array) -> Index:
    """Return the index of a part of one axis, and all of the others."""
    return (*(slice(None),) * dim, part, ...)


def axis_indices(dim: int, parts: Iterable[int | slice]) -> list[Index]:
    """Return the index of each of several parts of one axis."""
    before = (slice(None),) * dim
    return [(*before, part, ...) for part in parts]


def is_basic(index: Index) -> bool:
    """Return whether the index selects no element twice and gives a view: only integers, slices, None and Ellipsis."""
    return all(isinstance(k, int | slice | EllipsisType | None) and not isinstance(k, bool) for k in index)


@primitive(is_view=True, x=lambda g, x_shape, index: getitem_adjoint(g, index=index, shape=x_shape))
def getitem(x: Array, *, index: Index) -> Array:
    """x[index]; a view if the index is basic, else a copy in row-major order."""
    part = x[index]
    # An array as index may give another order in memory.
    return part if part.flags.c_contiguous or is_basic(index) else part.copy()


@primitive(
    promote=("x", "value"),
    x=lambda g, index: setitem(g, 0, index=index),
    value=lambda g, index, value_shape: unbroadcast(getitem(g, index=index), value_shape),
)
def setitem(x: Array, value: Array, *, index: Index) -> Array:
    """A copy of x with the elements at the index replaced by value, which broadcasts."""
    out = np.array(x)  # also of a NumPy scalar, which has no memory to write to
    out[index] = value
    return out


@primitive(x=lambda g, index: getitem(g, index=index))
def getitem_adjoint(x: Array, *, index: Index, shape: Shape) -> Array:
    """Zeros of the given shape with x added at the index: the adjoint of `getitem`. Repeated indices accumulate."""
    if is_basic(index):
        full = np.zeros(shape, x.dtype)
        full[index] = x
        return full
    if x.dtype == np.float16:  # to be added in float32
        return getitem_adjoint.forward(x.astype(np.float32), index=index, shape=shape).astype(x.dtype)
    full = np.zeros(shape, x.dtype)
    if len(index) == 1 and isinstance(index[0], np.ndarray) and index[0].dtype.kind in "iu" and len(shape) > 1 and x.size:
        _add_at_rows(full, index[0], x)
    else:
        np.add.at(full, index, x)
    return full


def _add_at_rows(full: Array, index: Array, x: Array) -> None:
    """Add each row of x to the row of `full` that the index names, many times faster than ``np.add.at``."""
    rows = index.ravel() % len(full)
    order = np.argsort(rows, kind="stable")
    rows = rows[order]
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    full[rows[first]] = np.add.reduceat(x.reshape(-1, *full.shape[1:])[order], first)


def replay_view(x: Any, path: Path) -> Any:
    """Return the view of x that a path leads to."""
    steps = []
    while path:
        path, *step = path
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
    """A copy of x with the view that the path leads to replaced by value, which broadcasts."""
    out = np.array(x)
    view = replay_view(out, path)
    if view.base is out:
        view[...] = value
    else:  # x has another order in memory than the tensor that was viewed: a reshape on the path has copied
        positions = replay_view(np.arange(x.size).reshape(x.shape), path)
        out = out.copy("C")
        out.reshape(-1)[positions] = value
    return out


@primitive(promote=("xs",), xs=lambda g, xs_shape, dim: split(g, [shape[dim] for shape in xs_shape], dim))
def cat(*xs: Array, dim: int) -> Array:
    """The arrays joined along an axis."""
    return _joined(xs, dim)


@primitive(promote=("xs",), xs=lambda g, xs_shape, dim: views(g, axis_indices(dim, range(len(xs_shape)))))
def stack(*xs: Array, dim: int) -> Array:
    """The arrays joined along a new axis."""
    shape = xs[0].shape
    if dim == len(shape):
        return np.stack(xs, dim)
    return _joined(xs, dim).reshape(*shape[:dim], len(xs), *shape[dim:])  # `np.stack` makes a view of each array


def _joined(xs: Sequence[Any], dim: int) -> Array:
    """Return arrays of one dtype, whose sizes fit, joined along an axis."""
    if dim == 0 and xs[0].size and len(xs) > 8:
        try:  # many small arrays take a quarter of the time that `np.concatenate` takes
            memory = np.frombuffer(bytearray().join(xs), xs[0].dtype)
            return memory.reshape(-1, *xs[0].shape[1:])  # a view, so that `base` of its views is an array too
        except TypeError:  # one is not contiguous
            pass
    return np.concatenate(xs, dim)


def split(x: Any, sizes: Sequence[int], dim: int) -> list[Any]:
    """Return consecutive views of x along an axis, of the given sizes."""
    return views(x, axis_indices(dim, [slice(end - n, end) for n, end in zip(sizes, accumulate(sizes), strict=True)]))


def views(x: Any, indices: Sequence[Index]) -> list[Any]:
    """Return the views of x at basic indices."""
    return [x[index] if isinstance(x, np.ndarray) else getitem(x, index=index) for index in indices]


@primitive(xs=lambda g, indices: views(g, indices))
def assemble(*xs: Array, indices: Sequence[Index], shape: Shape) -> Array:
    """Zeros of the given shape with each array at its index. The indices are basic and do not overlap."""
    full = np.zeros(shape, xs[0].dtype)
    for x, index in zip(xs, indices, strict=True):
        full[index] = x
    return full


@primitive()
def nonzero(x: Array) -> Array:
    """The indices of the elements that are not zero, a row for each."""
    return np.argwhere(x)


@primitive(x=lambda g, index, x_shape, dim: scatter_add(index, g, shape=x_shape, dim=dim))
def gather(x: Array, index: Array, *, dim: int) -> Array:
    """For dim 1, out[i, j, k] = x[i, index[i, j, k], k], and so on; the result has the shape of the index."""
    return x[gather_index(index, dim)]


@primitive(src=lambda g, index, dim: gather(g, index, dim=dim))
def scatter_add(index: Array, src: Array, *, shape: Shape, dim: int) -> Array:
    """Zeros of the given shape; for dim 1, out[i, index[i, j, k], k] += src[i, j, k], and so on: the adjoint of `gather`."""
    full = np.zeros(shape, src.dtype)
    np.add.at(full, gather_index(index, dim), src)
    return full


def gather_index(index: Array, dim: int) -> Index:
    """Return the index of `gather` as one that NumPy takes: for dim 1, (i, index, k), with i and k counting up."""
    grid: list[Array] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)
