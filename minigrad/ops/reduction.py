"""Reductions: many numbers into one, over all axes or some.

`dim` is None for all axes or a tuple of axes, each at least 0. With `keepdim` a reduced axis stays, with size 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.ops.elementary import exp
from minigrad.ops.selection import masked
from minigrad.ops.shape import cast, flip, reshape
from minigrad.primitive import Array, Shape, expand, primitive

Dims = tuple[int, ...] | None


def restore(reduced: Any, shape: Shape, dim: Dims) -> Any:
    """Return a reduced array with its axes put back at size 1, so that it broadcasts against `shape`."""
    if dim is None:
        return reduced
    return reshape(reduced, shape=tuple(1 if k in dim else n for k, n in enumerate(shape)))


def count(shape: Shape, dim: Dims) -> int:
    """Return how many numbers go into one."""
    return math.prod(shape if dim is None else [shape[k] for k in dim])


@primitive(x=lambda g, x_shape, dim: expand(restore(g, x_shape, dim), shape=x_shape))
def sum_(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The sum; integers and booleans are added up as int64."""
    return np.add.reduce(x, axis=dim, keepdims=keepdim, dtype=None if x.dtype.kind in "fc" else np.int64)


@primitive(x=lambda g, x_shape, dim: expand(restore(g / count(x_shape, dim), x_shape, dim), shape=x_shape))
def mean(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The arithmetic mean; NaN of nothing."""
    return np.true_divide(np.add.reduce(x, axis=dim, keepdims=keepdim), count(x.shape, dim), dtype=x.dtype)


def _shared(g: Any, x: Any, out: Any, dim: Dims, dtype: np.dtype[Any]) -> Any:
    """Return the cotangent of an extreme, in equal parts for the elements that reach it."""
    reach = (x == restore(out, x.shape, dim)) | (x != x)
    count = sum_(cast(reach, dtype=dtype), dim=dim)
    return masked(restore(g, x.shape, dim) / restore(count, x.shape, dim), reach)


@primitive(x=lambda g, x, out, dim, x_dtype: _shared(g, x, out, dim, x_dtype))
def amax(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The largest element, or NaN; equal ones share the gradient."""
    return np.maximum.reduce(x, axis=dim, keepdims=keepdim)


@primitive(x=lambda g, x, out, dim, x_dtype: _shared(g, x, out, dim, x_dtype))
def amin(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The smallest element, or NaN; equal ones share the gradient."""
    return np.minimum.reduce(x, axis=dim, keepdims=keepdim)


@primitive(floating=True, x=lambda g, x, out, dim: restore(g, x.shape, dim) * exp(x - restore(out, x.shape, dim)))
def logsumexp(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """log(sum(exp(x))), without overflow; -inf of nothing."""
    top = np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    total = np.log(np.add.reduce(np.exp(x - top), axis=dim, keepdims=True)) + top
    return total if keepdim else total.reshape(np.add.reduce(x, axis=dim).shape)


@primitive(x=lambda g, dim: flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,)))
def cumsum(x: Array, *, dim: int) -> Array:
    """The sums of the first, the first two, ... elements along an axis; integers and booleans are added up as int64."""
    return np.add.accumulate(x, axis=dim, dtype=None if x.dtype.kind in "fc" else np.int64)


@primitive()
def argsort(x: Array, *, dim: int, descending: bool = False) -> Array:
    """The positions along an axis in the order of the elements; NaN counts as the largest, equal ones keep their order."""
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    return np.flip(x.shape[dim] - 1 - np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)


@primitive()
def argmax(x: Array, *, dim: int | None = None, keepdim: bool = False) -> Array:
    """The position of the largest element, the first of several, along one axis or in the flattened array."""
    return np.asarray(np.argmax(x, axis=dim, keepdims=keepdim))


@primitive()
def argmin(x: Array, *, dim: int | None = None, keepdim: bool = False) -> Array:
    """The position of the smallest element, the first of several, along one axis or in the flattened array."""
    return np.asarray(np.argmin(x, axis=dim, keepdims=keepdim))


@primitive()
def any_(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether any element is not zero; of bytes, as a byte."""
    return np.asarray(np.any(x, axis=dim, keepdims=keepdim), _truth(x))


@primitive()
def all_(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether no element is zero; of bytes, as a byte."""
    return np.asarray(np.all(x, axis=dim, keepdims=keepdim), _truth(x))


def _truth(x: Array) -> type[np.generic]:
    return np.uint8 if x.dtype == np.uint8 else np.bool_
