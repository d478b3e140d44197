"""Shape: the same numbers, arranged in another way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad.ops.primitive import Array, Shape, primitive


@primitive(x=lambda g, x_shape: reshape(g, shape=x_shape))
def reshape(x: Array, *, shape: Shape) -> Array:
    """The elements in row-major order in another shape; a view where the strides allow one."""
    return x.reshape(shape)


@primitive(x=lambda g, dims: permute(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))))
def permute(x: Array, *, dims: tuple[int, ...]) -> Array:
    """The axes in another order, axis k of the result being axis dims[k] of x; a view. Every dim is at least 0."""
    return x.transpose(dims)


@primitive(x=lambda g, x_dtype: cast(g, dtype=x_dtype))
def cast(x: Array, *, dtype: np.dtype[np.generic]) -> Array:
    """The same values in another dtype."""
    return x.astype(dtype)


@primitive(x=lambda g: g)
def copy(x: Array) -> Array:
    """The same values in memory of their own."""
    return x.copy()


def axis(dim: int, ndim: int) -> int:
    """Return the axis counted from the front, for one that may be counted from the back.

    Raises:
        IndexError: There is no such axis.
    """
    span = max(ndim, 1)
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim % span


def axes(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...] | None:
    """Return the axes counted from the front; None, and an empty sequence as in torch, stand for all of them.

    Raises:
        IndexError: One of them does not exist.
        RuntimeError: One is named twice.
    """
    if dim is None or ndim == 0:
        return None
    found = tuple(axis(d, ndim) for d in ((dim,) if isinstance(dim, int) else dim))
    if len(set(found)) < len(found):
        raise RuntimeError(f"dim {dim} names an axis twice")
    return found or None
