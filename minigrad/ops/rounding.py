"""Rounding and integer division, element by element.

These functions are constant between their steps: their derivative is 0, as in torch, and not absent. What is computed from
them still has a gradient.
"""

import numpy as np

from minigrad.ops.selection import fill
from minigrad.ops.ufunc import from_ufunc
from minigrad.primitive import Array, elementwise


@elementwise(x=lambda g: fill(g, value=0))
def sign(x: Array) -> Array:
    """-1, 0 or 1; 0 for NaN."""
    return x.copy() if x.dtype.kind == "b" else np.subtract(x > 0, x < 0, dtype=x.dtype)


floor = from_ufunc("floor", np.floor, "Round down.", x=lambda g: fill(g, value=0))
ceil = from_ufunc("ceil", np.ceil, "Round up.", x=lambda g: fill(g, value=0))
trunc = from_ufunc("trunc", np.trunc, "Round towards 0.", x=lambda g: fill(g, value=0))


@elementwise(public=False, x=lambda g: fill(g, value=0))
def round_(x: Array) -> Array:
    """Round to the nearest integer, halves to the even one."""
    return np.rint(x) if x.dtype.kind == "f" else x.copy()


@elementwise(public=False, a=lambda g: fill(g, value=0), b=lambda g: fill(g, value=0))
def floor_divide(a: Array, b: Array) -> Array:
    """a / b, rounded down."""
    return np.floor_divide(a, _checked_divisor(b))


@elementwise(public=False, a=lambda g: fill(g, value=0), b=lambda g: fill(g, value=0))
def trunc_divide(a: Array, b: Array) -> Array:
    """a / b, rounded towards 0."""
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    quotient = np.floor_divide(a, _checked_divisor(b))
    return quotient + ((quotient < 0) & (quotient * b != a))


@elementwise(public=False, a=lambda g: g, b=lambda g, a, b: -g * trunc_divide(a, b))
def fmod(a: Array, b: Array) -> Array:
    """a - b trunc(a / b), which has the sign of a."""
    return np.fmod(a, _checked_divisor(b))


@elementwise(public=False, a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b))
def remainder(a: Array, b: Array) -> Array:
    """a - b floor(a / b), which has the sign of b."""
    return np.remainder(a, _checked_divisor(b))


def _checked_divisor(b: Array) -> Array:
    """Return a divisor. NumPy divides integers by 0 without an error, so that it is raised here."""
    if b.dtype.kind in "iu" and not b.all():
        raise ValueError("division of integers by zero")
    return b
