"""Shape: the same elements, arranged in another way."""

from collections.abc import Sequence
from operator import index
from typing import Literal

import numpy as np

from minigrad.primitive import Array, Shape, primitive


@primitive(is_view=True, x=lambda g, x_shape: reshape(g, shape=x_shape))
def reshape(x: Array, *, shape: Shape) -> Array:
    """The elements in another shape, in row-major order; a view where the strides allow one, else a copy."""
    return x.reshape(shape)


@primitive(is_view=True, x=lambda g, dims: permute(g, dims=tuple(sorted(range(len(dims)), key=dims.__getitem__))))
def permute(x: Array, *, dims: tuple[int, ...]) -> Array:
    """The axes in another order: axis k of the result is axis dims[k] of x. A view. No dim is negative."""
    return x.transpose(dims)


@primitive(order="K", x=lambda g, x_dtype: cast(g, dtype=x_dtype))
def cast(x: Array, *, dtype: np.dtype[np.generic]) -> Array:
    """The same values in another dtype."""
    return x.astype(dtype)


@primitive(order="K", x=lambda g: g)
def clone(x: Array, *, order: Literal["C", "K"] = "K") -> Array:
    """The same values in memory of their own, in the order ("K") in which they lie there, or row by row ("C")."""
    return x.copy(order)


@primitive(order="K", x=lambda g, dims: flip(g, dims=dims))
def flip(x: Array, *, dims: tuple[int, ...]) -> Array:
    """The elements in reverse order along some axes; a copy."""
    return np.flip(x, dims).copy("K")


@primitive(x=lambda g, shifts, dims: roll(g, shifts=tuple(-n for n in shifts), dims=dims))
def roll(x: Array, *, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
    """The elements shifted along some axes, wrapping around."""
    return np.roll(x, shifts, dims)


@primitive(x=lambda g, diagonal: tril(g, diagonal=diagonal))
def tril(x: Array, *, diagonal: int = 0) -> Array:
    """The lower triangle of the last two axes, up to a diagonal (0: the main one, 1: the one above); 0 elsewhere."""
    return np.tril(x, diagonal)


@primitive(x=lambda g, diagonal: triu(g, diagonal=diagonal))
def triu(x: Array, *, diagonal: int = 0) -> Array:
    """The upper triangle of the last two axes, from a diagonal on (0: the main one, 1: the one above); 0 elsewhere."""
    return np.triu(x, diagonal)


@primitive(is_view=True, x=lambda g, x_shape, offset, dims: diagonal_adjoint(g, shape=x_shape, offset=offset, dims=dims))
def diagonal(x: Array, *, offset: int, dims: tuple[int, int]) -> Array:
    """The diagonal of two axes as the last axis; a view."""
    view = np.diagonal(x, offset, *dims)
    view.flags.writeable = x.flags.writeable
    return view


@primitive(x=lambda g, offset, dims: diagonal(g, offset=offset, dims=dims))
def diagonal_adjoint(x: Array, *, shape: Shape, offset: int, dims: tuple[int, int]) -> Array:
    """Zeros of the given shape with x on the diagonal of two axes: the adjoint of `diagonal`."""
    full = np.zeros(shape, x.dtype)
    diagonal.forward(full, offset=offset, dims=dims)[...] = x
    return full


def broadcast_shapes(caller: str, *shapes: Shape) -> Shape:
    """Return the shape to which shapes broadcast.

    Raises:
        RuntimeError: They do not broadcast.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise RuntimeError(f"{caller}: the shapes {', '.join(str(list(s)) for s in shapes)} do not broadcast") from error


def axis(dim: int, ndim: int) -> int:
    """Return an axis as an index that is not negative; -1 stands for the last one.

    Raises:
        IndexError: There is no such axis.
    """
    span, dim = max(ndim, 1), index(dim)
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim % span


def axes(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...] | None:
    """Return axes as indices that are not negative; None stands for all of them, and so does an empty sequence, as in torch.

    Raises:
        IndexError: One of them does not exist.
        RuntimeError: One is named twice.
    """
    if dim is None:
        return None
    dims = tuple(axis(d, ndim) for d in (dim if isinstance(dim, Sequence) else (dim,)))
    if len(set(dims)) < len(dims):
        raise RuntimeError(f"dim {dim} names an axis twice")
    return dims if dims and ndim else None
