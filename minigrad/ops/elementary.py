"""Elementary functions, element by element: powers, exponentials, logarithms, angles."""

import math
from typing import Any

import numpy as np

from minigrad.ops.blocks import in_blocks
from minigrad.ops.selection import fill, masked_out, where
from minigrad.ops.ufunc import from_ufunc
from minigrad.primitive import Array, elementwise

LN2, LN10 = math.log(2), math.log(10)


@elementwise(
    public=False,
    a=lambda g, a, b: g * _pow_slope(a, b),
    b=lambda g, a, b, out: g * where((a == 0) & (b >= 0), 0, out * log(a)),
)
def power(a: Array, b: Array) -> Array:
    """a to the power b, element by element.

    At b = 0 the derivative by a is 0 for every a, and at a = 0 the derivative by b is 0 if b >= 0. For integers, negative
    powers are rounded towards 0: all but those of 1 and -1 become 0.
    """
    if a.dtype.kind == "b":
        return a | ~b
    if b.dtype.kind == "i" and (b < 0).any():
        inverse = np.where(np.abs(a) == 1, np.power(a, b & 1), 0)
        return np.where(b < 0, inverse, np.power(a, np.maximum(b, 0)))
    return _float_power(a, b) if a.dtype.kind == "f" else np.power(a, b)


def _float_power(a: Array, b: Any) -> Array:
    """Return a^b from |a|^b: for negative a, `np.power` takes 40 times as long."""
    negative = np.signbit(a)
    out = np.asarray(np.power(np.abs(a), b))
    if not negative.any():
        return out
    out = np.where(negative & (b % 2 == 1), -out, out)
    return np.where((a < 0) & (a > -np.inf) & (np.rint(b) != b), np.nan, out).astype(a.dtype, copy=False)


def _pow_slope(a: Any, b: Any) -> Any:
    """Return b a^(b - 1); 0 where it is 0 times infinity or NaN, because a^0 is 1 for every a."""
    slope = b * power(a, b - 1)  # not **, which is that of NumPy where the arguments are arrays
    return where((b == 0) & (slope != slope), 0, slope)


@elementwise(
    public=False,
    x=lambda g, x, exponent: g * (exponent * pow_(x, exponent=exponent - 1)) if exponent else fill(g, value=0),
)
def pow_(x: Array, *, exponent: float) -> Array:
    """x to the power of a scalar. NumPy has shortcuts for 2 and 0.5."""
    if x.dtype.kind != "f" or exponent in (0, 0.5, 1, 2):
        return x**exponent
    if abs(exponent) in range(1, 9):
        out = _multiplied_out(x, int(abs(exponent)))
        return out if exponent > 0 else 1 / out  # `np.reciprocal` takes twice as long
    return _float_power(x, exponent)


def _multiplied_out(x: Array, n: int) -> Array:
    """Return x^n for a small n > 0, by squaring."""
    if n == 1:
        return x
    root = _multiplied_out(x, n // 2)
    out = root * root
    if n % 2:
        out *= x
    return out


exp = from_ufunc("exp", np.exp, "e to the power x.", floating=True, x=lambda g, out: g * out)
log = from_ufunc("log", np.log, "Natural logarithm; NaN below 0, -inf at 0.", floating=True, x=lambda g, x: g / x)
sqrt = from_ufunc("sqrt", np.sqrt, "Square root, with derivative inf at 0.", floating=True, x=lambda g, out: g / (2 * out))
sin = from_ufunc("sin", np.sin, "Sine; x in radians.", floating=True, x=lambda g, x: g * cos(x))
cos = from_ufunc("cos", np.cos, "Cosine; x in radians.", floating=True, x=lambda g, x: -g * sin(x))
tanh = from_ufunc("tanh", np.tanh, "Hyperbolic tangent.", floating=True, x=lambda g, out: g * (1 - out * out))


@elementwise(floating=True, x=lambda g, x: g * sigmoid_slope(x))
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow.

    Unlike torch's, it keeps x for its derivative, which would lose its digits where the result is almost 1: a write to x
    before backward is an error.
    """
    return _sigmoid(x)


@in_blocks
def _sigmoid(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)  # inf for x far below 0, and so the result 0
    out += 1
    np.divide(1, out, out=out)  # in half of the time of `np.reciprocal`


# Not out (1 - out), which loses its digits where out is almost 1.
@elementwise(public=False, floating=True, x=lambda g, x, out: -g * out * tanh(x / 2))
def sigmoid_slope(x: Array) -> Array:
    """1 / (2 + exp(x) + exp(-x)).

    The derivative of `sigmoid`. Where exp(x) overflows, it is 0.
    """
    return _sigmoid_slope(x)


@in_blocks
def _sigmoid_slope(x: Array, out: Array) -> None:
    np.exp(x, out=out)
    out += 1 / out
    out += 2
    np.divide(1, out, out=out)


@elementwise(x=lambda g, out: masked_out(g, out <= 0))
def relu(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0."""
    return np.maximum(x, 0)


exp2 = from_ufunc("exp2", np.exp2, "2 to the power x.", floating=True, x=lambda g, out: g * (out * LN2))
expm1 = from_ufunc("expm1", np.expm1, "exp(x) - 1, accurate also near 0.", floating=True, x=lambda g, out: g * (out + 1))
log2 = from_ufunc("log2", np.log2, "Logarithm to base 2.", floating=True, x=lambda g, x: g / (x * LN2))
log10 = from_ufunc("log10", np.log10, "Logarithm to base 10.", floating=True, x=lambda g, x: g / (x * LN10))
log1p = from_ufunc("log1p", np.log1p, "log(1 + x), accurate also near 0.", floating=True, x=lambda g, x: g / (x + 1))


@elementwise(floating=True, x=lambda g, out: -0.5 * g * out * out * out)
def rsqrt(x: Array) -> Array:
    """1 / sqrt(x)."""
    return 1 / np.sqrt(x)


reciprocal = from_ufunc("reciprocal", np.reciprocal, "1 / x.", floating=True, x=lambda g, out: -g * out * out)
tan = from_ufunc("tan", np.tan, "Tangent; x in radians.", floating=True, x=lambda g, out: g * (1 + out * out))


@elementwise(ufunc=np.arcsin, floating=True, x=lambda g, x: g / sqrt(1 - x * x))
def asin(x: Array) -> Array:
    """The angle in radians, from -pi/2 to pi/2, whose sine is x."""
    return np.arcsin(x)


@elementwise(ufunc=np.arccos, floating=True, x=lambda g, x: -g / sqrt(1 - x * x))
def acos(x: Array) -> Array:
    """The angle in radians, from 0 to pi, whose cosine is x."""
    return np.arccos(x)


@elementwise(ufunc=np.arctan, floating=True, x=lambda g, x: g / (1 + x * x))
def atan(x: Array) -> Array:
    """The angle in radians, from -pi/2 to pi/2, whose tangent is x."""
    return np.arctan(x)


@elementwise(
    ufunc=np.arctan2, floating=True, a=lambda g, a, b: g * _div_norm2(b, a, b), b=lambda g, a, b: -g * _div_norm2(a, a, b)
)
def atan2(a: Array, b: Array) -> Array:
    """The angle in radians, from -pi to pi, of the point (b, a); the derivatives at the origin are 0."""
    return np.arctan2(a, b)


def _div_norm2(x: Any, a: Any, b: Any) -> Any:
    """Return x / (a^2 + b^2), or 0 at the origin."""
    norm2 = a * a + b * b
    return where(norm2 == 0, 0, x / norm2)


sinh = from_ufunc("sinh", np.sinh, "Hyperbolic sine.", floating=True, x=lambda g, x: g * cosh(x))
cosh = from_ufunc("cosh", np.cosh, "Hyperbolic cosine.", floating=True, x=lambda g, x: g * sinh(x))


@elementwise(
    ufunc=np.logaddexp,
    in_place=False,
    floating=True,
    a=lambda g, a, b: g * sigmoid(a - b),
    b=lambda g, a, b: g * sigmoid(b - a),
)
def logaddexp(a: Array, b: Array) -> Array:
    """log(exp(a) + exp(b)), without overflow."""
    return np.logaddexp(a, b)


@elementwise(floating=True, x=lambda g, x, y: g * where((x == 0) & (y <= 0), 0, log(y)), y=lambda g, x, y: g * x / y)
def xlogy(x: Array, y: Array) -> Array:
    """x log(y), and 0 where x is 0, unless y is NaN."""
    return np.where((x == 0) & (y == y), 0, x * np.log(y))
