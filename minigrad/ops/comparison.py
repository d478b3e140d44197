"""Comparison, element by element. The results are booleans, which have no derivative."""

import numpy as np

from minigrad.primitive import Array, elementwise


@elementwise(ufunc=np.equal)
def eq(a: Array, b: Array) -> Array:
    """a == b."""
    return np.equal(a, b)


@elementwise(ufunc=np.not_equal)
def ne(a: Array, b: Array) -> Array:
    """a != b."""
    return np.not_equal(a, b)


@elementwise(ufunc=np.less)
def lt(a: Array, b: Array) -> Array:
    """a < b."""
    return np.less(a, b)


@elementwise(ufunc=np.less_equal)
def le(a: Array, b: Array) -> Array:
    """a <= b."""
    return np.less_equal(a, b)


@elementwise(ufunc=np.greater)
def gt(a: Array, b: Array) -> Array:
    """a > b."""
    return np.greater(a, b)


@elementwise(ufunc=np.greater_equal)
def ge(a: Array, b: Array) -> Array:
    """a >= b."""
    return np.greater_equal(a, b)


@elementwise(ufunc=np.isnan, in_place=False)
def isnan(x: Array) -> Array:
    """Whether each element is NaN."""
    return np.isnan(x)


@elementwise(ufunc=np.isinf, in_place=False)
def isinf(x: Array) -> Array:
    """Whether each element is infinite."""
    return np.isinf(x)


@elementwise(ufunc=np.isfinite, in_place=False)
def isfinite(x: Array) -> Array:
    """Whether each element is neither infinite nor NaN."""
    return np.isfinite(x)
