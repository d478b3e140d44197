"""Reductions over all axes or some of them.

`dim` is None for all axes, or a tuple of axes that are not negative. With `keepdim` a reduced axis is kept with size 1.
"""

import math
from typing import Any

import numpy as np

from minigrad.ops.arithmetic import abs_
from minigrad.ops.elementary import exp, pow_
from minigrad.ops.rounding import sign
from minigrad.ops.selection import masked, where
from minigrad.ops.shape import cast, flip, reshape
from minigrad.primitive import Array, Shape, expand, primitive
from minigrad.summation import sum_along

Dims = tuple[int, ...] | None


def unreduce(reduced: Any, shape: Shape, dim: Dims) -> Any:
    """Return a result of a reduction of an array of that shape, with the reduced axes as axes of size 1."""
    if dim is None:
        return reduced
    return reshape(reduced, shape=tuple(1 if k in dim else n for k, n in enumerate(shape)))


def reduced_size(shape: Shape, dim: Dims) -> int:
    """Return how many elements are reduced to one."""
    return math.prod(shape if dim is None else [shape[k] for k in dim])


@primitive(x=lambda g, x_shape, dim: expand(unreduce(g, x_shape, dim), shape=x_shape))
def sum_(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The sum; that of integers and booleans is int64."""
    if x.dtype.kind in "fc":
        return sum_along(x, dim, keepdim)
    return np.add.reduce(x, axis=dim, keepdims=keepdim, dtype=np.int64)


@primitive(x=lambda g, x_shape, dim: expand(unreduce(g / reduced_size(x_shape, dim), x_shape, dim), shape=x_shape))
def mean(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The mean; NaN of an empty array."""
    if x.dtype.kind in "iub":
        raise TypeError("the elements must be floating-point: convert them with float() first")
    return np.true_divide(sum_along(x, dim, keepdim), reduced_size(x.shape, dim), dtype=x.dtype)


def extremum_vjp(g: Any, x: Any, out: Any, dim: Dims, dtype: np.dtype[Any]) -> Any:
    """Return the cotangent of an extremum, in equal parts for the elements that attain it.

    As in torch, where the extremum is NaN that is each NaN if dim is None; else the cotangent is NaN.
    """
    extremum = unreduce(out, x.shape, dim)
    attained = x == extremum if dim is not None else (x == extremum) | (x != x)
    count = sum_(cast(attained, dtype=dtype), dim=dim)
    share = masked(unreduce(g, x.shape, dim) / unreduce(count, x.shape, dim), attained)
    return share if dim is None else where(extremum != extremum, np.nan, share)


@primitive(x=lambda g, x, out, dim, x_dtype: extremum_vjp(g, x, out, dim, x_dtype))
def amax(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The largest element, or NaN; equal ones share the gradient."""
    return np.maximum.reduce(x, axis=dim, keepdims=keepdim)


@primitive(x=lambda g, x, out, dim, x_dtype: extremum_vjp(g, x, out, dim, x_dtype))
def amin(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """The smallest element, or NaN; equal ones share the gradient."""
    return np.minimum.reduce(x, axis=dim, keepdims=keepdim)


@primitive(floating=True, x=lambda g, x, out, dim: unreduce(g, x.shape, dim) * exp(x - unreduce(out, x.shape, dim)))
def logsumexp(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """log(sum(exp(x))), without overflow; -inf of an empty array."""
    top = np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    total = np.log(sum_along(np.exp(x - top), dim, keepdims=True)) + top
    return total if keepdim else total.squeeze(dim)


@primitive(x=lambda g, x, out, dim, p: unreduce(g, x.shape, dim) * _norm_slope(x, unreduce(out, x.shape, dim), p))
def norm(x: Array, *, p: float = 2, dim: Dims = None, keepdim: bool = False) -> Array:
    """(sum |x|^p)^(1/p) for p other than 0, without overflow; the derivative by an element that is 0 is 0."""
    powers = x * x if p == 2 else np.abs(x) ** p
    total, info = sum_along(powers, dim, keepdim), np.finfo(x.dtype)
    if p < 0 or (np.isfinite(total) & (total > info.tiny / info.eps)).all():
        return total ** (1 / p)
    largest = np.max(np.abs(x), axis=dim, keepdims=True, initial=0)
    exponent = np.where(np.isfinite(largest) & (largest > 0), np.frexp(largest)[1] - 1, 0)
    scale = np.ldexp(np.ones_like(largest), exponent)  # powers of 2, so that nothing is rounded
    scaled = sum_along(np.abs(x / scale) ** p, dim, keepdims=True) ** (1 / p) * scale
    return scaled if keepdim else scaled.squeeze(dim)


def _norm_slope(x: Any, out: Any, p: float) -> Any:
    """Return the derivative of the p-norm, sign(x) (|x| / out)^(p - 1); for p = 2 in a form that is smooth at 0."""
    if p == 2:
        return x / where(out == 0, 1, out)
    return sign(x) * pow_(where((x == 0) & (out == out), 1, abs_(x) / out), exponent=p - 1)


@primitive(x=lambda g, dim: flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,)))
def cumsum(x: Array, *, dim: int) -> Array:
    """Cumulative sum along an axis, accumulated in float64; that of integers and booleans is int64."""
    if x.dtype.kind == "f":
        return np.add.accumulate(x, axis=dim, dtype=np.float64).astype(x.dtype, "C", copy=False)
    return np.add.accumulate(x, axis=dim, dtype=x.dtype if x.dtype.kind == "c" else np.int64)


@primitive()
def argsort(x: Array, *, dim: int, descending: bool = False) -> Array:
    """The indices that sort x along an axis. The sort is stable, and NaN is the largest."""
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    return np.flip(x.shape[dim] - 1 - np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)


@primitive()
def argtop(x: Array, *, k: int, dim: int, largest: bool = True) -> Array:
    """The indices of the k largest or smallest elements along an axis, in order; NaN is the largest."""
    n = x.shape[dim]
    first = slice(0, k)
    if 4 * k >= n:
        return argsort.forward(x, dim=dim, descending=largest)[(*(slice(None),) * dim, first)]
    parted = np.argpartition(x, n - k if largest else k - 1, axis=dim)
    candidates = np.sort(parted[(*(slice(None),) * dim, slice(n - k, None) if largest else first)], axis=dim)
    order = argsort.forward(np.take_along_axis(x, candidates, dim), dim=dim, descending=largest)
    return np.take_along_axis(candidates, order, dim)


@primitive()
def argmax(x: Array, *, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first largest element, along an axis or in the flattened array."""
    return np.argmax(x, axis=dim, keepdims=keepdim)


@primitive()
def argmin(x: Array, *, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first smallest element, along an axis or in the flattened array."""
    return np.argmin(x, axis=dim, keepdims=keepdim)


@primitive()
def any_(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether any element is not zero; uint8 for uint8."""
    return np.asarray(np.any(x, axis=dim, keepdims=keepdim), _bool_dtype(x))


@primitive()
def all_(x: Array, *, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether no element is zero; uint8 for uint8."""
    return np.asarray(np.all(x, axis=dim, keepdims=keepdim), _bool_dtype(x))


def _bool_dtype(x: Array) -> type[np.generic]:
    return np.uint8 if x.dtype == np.uint8 else np.bool_
