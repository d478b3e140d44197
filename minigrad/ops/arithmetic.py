"""Arithmetic, comparison and selection, element by element.

``out=...`` asks a ufunc for an array also where the result has no axes; by itself NumPy would give a scalar there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.primitive import Array, elementwise, primitive, unbroadcast


@elementwise(ufunc=np.add, public=False, a=lambda g: g, b=lambda g: g)
def add(a: Array, b: Array) -> Array:
    """a + b."""
    return np.add(a, b, out=...)


@elementwise(ufunc=np.subtract, public=False, a=lambda g: g, b=lambda g: -g)
def sub(a: Array, b: Array) -> Array:
    """a - b."""
    return np.subtract(a, b, out=...)


@elementwise(ufunc=np.multiply, public=False, a=lambda g, b: g * b, b=lambda g, a: g * a)
def mul(a: Array, b: Array) -> Array:
    """a b."""
    return np.multiply(a, b, out=...)


@elementwise(ufunc=np.true_divide, public=False, floating=True, a=lambda g, b: g / b, b=lambda g, b, out: -g * out / b)
def div(a: Array, b: Array) -> Array:
    """a / b."""
    return np.true_divide(a, b, out=...)


@elementwise(ufunc=np.negative, x=lambda g: -g)
def neg(x: Array) -> Array:
    """-x."""
    return np.negative(x, out=...)


@elementwise(ufunc=np.absolute, x=lambda g, x: g * sign(x))
def abs_(x: Array) -> Array:
    """|x|, with derivative 0 at 0."""
    return np.absolute(x, out=...)


# Steps have the derivative 0, as in torch: what is computed from them still has a gradient.


@elementwise(x=lambda g: fill(g, value=0))
def sign(x: Array) -> Array:
    """-1, 0 or 1; 0 for NaN."""
    return x.copy() if x.dtype.kind == "b" else np.subtract(x > 0, x < 0, dtype=x.dtype)


@elementwise(ufunc=np.floor, x=lambda g: fill(g, value=0))
def floor(x: Array) -> Array:
    """The next integer below."""
    return np.floor(x)


@elementwise(ufunc=np.ceil, x=lambda g: fill(g, value=0))
def ceil(x: Array) -> Array:
    """The next integer above."""
    return np.ceil(x)


@elementwise(ufunc=np.trunc, x=lambda g: fill(g, value=0))
def trunc(x: Array) -> Array:
    """The integer next to it, towards 0."""
    return np.trunc(x)


@elementwise(public=False, x=lambda g: fill(g, value=0))
def round_(x: Array) -> Array:
    """The nearest integer, halves to the even one."""
    return np.rint(x).astype(x.dtype, copy=False)


@elementwise(public=False, a=lambda g: fill(g, value=0), b=lambda g: fill(g, value=0))
def floor_divide(a: Array, b: Array) -> Array:
    """a / b, rounded down."""
    return np.floor_divide(a, _divisor(b))


@elementwise(public=False, a=lambda g: fill(g, value=0), b=lambda g: fill(g, value=0))
def trunc_divide(a: Array, b: Array) -> Array:
    """a / b, rounded towards 0."""
    if a.dtype.kind == "f":
        return np.trunc(a / b)
    quotient = np.floor_divide(a, _divisor(b))
    return quotient + ((quotient < 0) & (quotient * b != a))


@elementwise(public=False, a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b))
def remainder(a: Array, b: Array) -> Array:
    """a - b floor(a / b), which has the sign of b."""
    return np.remainder(a, _divisor(b))


def _divisor(b: Array) -> Array:
    """Return b, unless it is an integer 0, by which NumPy would divide without complaint."""
    if b.dtype.kind in "iu" and not b.all():
        raise ValueError("division of integers by zero")
    return b


BITS = {2: np.int16, 4: np.int32, 8: np.int64}


@primitive(x=lambda g, mask, x_shape: unbroadcast(keep(g, mask), x_shape))
def keep(x: Array, mask: Array) -> Array:
    """x where the mask is True, else 0, also for inf and NaN. Working on the bits is ten times as fast as `np.where`."""
    bits = BITS[x.dtype.itemsize]
    return (x.view(bits) & -mask.view(np.int8).astype(bits)).view(x.dtype)


@primitive(x=lambda g, mask, x_shape: unbroadcast(drop(g, mask), x_shape))
def drop(x: Array, mask: Array) -> Array:
    """0 where the mask is True, else x: the other half of `keep`."""
    bits = BITS[x.dtype.itemsize]
    return (x.view(bits) & (mask.view(np.int8) - 1).astype(bits)).view(x.dtype)


def _share(g: Any, mine: Any, other: Any) -> Any:
    """The part of g that goes to `mine`, the larger operand; half where both are equal; g where one is NaN."""
    return where(mine == other, g / 2, where(mine < other, 0, g))


@elementwise(ufunc=np.maximum, in_place=False, a=lambda g, a, b: _share(g, a, b), b=lambda g, a, b: _share(g, b, a))
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b, or NaN; equal operands share the gradient."""
    return np.maximum(a, b)


@elementwise(ufunc=np.minimum, in_place=False, a=lambda g, a, b: _share(g, -a, -b), b=lambda g, a, b: _share(g, -b, -a))
def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b, or NaN; equal operands share the gradient."""
    return np.minimum(a, b)


# --------------------------------------------------------------------------------------- selection and comparison


@primitive(
    promote=("a", "b"),
    a=lambda g, condition, a_shape: unbroadcast(keep(g, condition), a_shape),
    b=lambda g, condition, b_shape: unbroadcast(drop(g, condition), b_shape),
)
def where(condition: Array, a: Array, b: Array) -> Array:
    """a where the condition holds, else b. A NaN gradient of the branch not taken is not carried on from here."""
    if condition.dtype.kind != "b":
        raise TypeError(f"the condition must be boolean, but it is {condition.dtype}: compare, for example x != 0")
    return np.where(condition, a, b)


@elementwise(ufunc=np.equal)
def eq(a: Array, b: Array) -> Array:
    """a == b."""
    return np.equal(a, b, out=...)


@elementwise(ufunc=np.not_equal)
def ne(a: Array, b: Array) -> Array:
    """a != b."""
    return np.not_equal(a, b, out=...)


@elementwise(ufunc=np.less)
def lt(a: Array, b: Array) -> Array:
    """a < b."""
    return np.less(a, b, out=...)


@elementwise(ufunc=np.less_equal)
def le(a: Array, b: Array) -> Array:
    """a <= b."""
    return np.less_equal(a, b, out=...)


@elementwise(ufunc=np.greater)
def gt(a: Array, b: Array) -> Array:
    """a > b."""
    return np.greater(a, b, out=...)


@elementwise(ufunc=np.greater_equal)
def ge(a: Array, b: Array) -> Array:
    """a >= b."""
    return np.greater_equal(a, b, out=...)


@elementwise(ufunc=np.bitwise_and)
def bitwise_and(a: Array, b: Array) -> Array:
    """a & b: logical for booleans, bit by bit for integers."""
    return np.bitwise_and(a, b)


@elementwise(ufunc=np.bitwise_or)
def bitwise_or(a: Array, b: Array) -> Array:
    """a | b: logical for booleans, bit by bit for integers."""
    return np.bitwise_or(a, b)


@elementwise(ufunc=np.bitwise_xor)
def bitwise_xor(a: Array, b: Array) -> Array:
    """a ^ b: logical for booleans, bit by bit for integers."""
    return np.bitwise_xor(a, b)


@elementwise(ufunc=np.left_shift)
def bitwise_left_shift(a: Array, b: Array) -> Array:
    """a << b: the bits of a moved b places up, 0 if b is negative or too large."""
    return np.left_shift(a, b)


@elementwise(ufunc=np.right_shift)
def bitwise_right_shift(a: Array, b: Array) -> Array:
    """a >> b: the bits of a moved b places down; only the sign is left if b is negative or too large."""
    return np.right_shift(a, b)


@elementwise(ufunc=np.invert)
def bitwise_not(x: Array) -> Array:
    """~x: logical for booleans, bit by bit for integers."""
    return np.invert(x)


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


@elementwise(public=False, x=lambda g, x, low, high: keep(g, _between(x, low, high)))
def clamp(x: Array, *, low: float | None, high: float | None) -> Array:
    """x, or the bound that it exceeds; the derivative on a bound is 1."""
    return np.clip(x, low, high)


def _between(x: Any, low: float | None, high: float | None) -> Any:
    above, below = low is None or x >= low, high is None or x <= high
    return below if above is True else above if below is True else above & below


@elementwise(public=False, x=lambda g: fill(g, value=0))
def fill(x: Array, *, value: float) -> Array:
    """An array like x that holds one number everywhere."""
    return np.full_like(x, value)
