"""Element by element: arithmetic, comparisons, and the elementary functions.

``out=...`` asks a ufunc for an array also where the result has no axes; by itself NumPy would give a scalar there.
"""

from __future__ import annotations

import numpy as np

from minigrad.ops.broadcasting import elementwise, match_shape
from minigrad.ops.primitive import Array, primitive

# ---------------------------------------------------------------------------------------------------- arithmetic


@elementwise(a=lambda g: g, b=lambda g: g)
def add(a: Array, b: Array) -> Array:
    """A + b."""
    return np.add(a, b, out=...)


@elementwise(a=lambda g: g, b=lambda g: -g)
def sub(a: Array, b: Array) -> Array:
    """A - b."""
    return np.subtract(a, b, out=...)


@elementwise(a=lambda g, b: g * b, b=lambda g, a: g * a)
def mul(a: Array, b: Array) -> Array:
    """A b."""
    return np.multiply(a, b, out=...)


@elementwise(floating=True, a=lambda g, b: g / b, b=lambda g, b, out: -g * out / b)
def div(a: Array, b: Array) -> Array:
    """A / b."""
    return np.true_divide(a, b, out=...)


@elementwise(
    a=lambda g, a, b: g * where((a == 0) & (b == 0), 0, b * a ** (b - 1)),
    b=lambda g, a, b, out: g * where((a == 0) & (b >= 0), 0, out * log(a)),
)
def pow_(a: Array, b: Array) -> Array:
    """A to the power b. At a = 0 the derivative with respect to b is 0, and with respect to a it is 0 where b = 0."""
    return np.power(a, b, out=...)


@elementwise(x=lambda g, x, exponent: g * (exponent * x ** (exponent - 1)) if exponent else fill(g, value=0))
def pow_scalar(x: Array, *, exponent: float) -> Array:
    """X to the power of a number, for which NumPy knows short ways (square, square root, reciprocal)."""
    return np.asarray(x**exponent)


@elementwise(x=lambda g: -g)
def neg(x: Array) -> Array:
    """-x."""
    return np.negative(x, out=...)


@elementwise(x=lambda g, x: g * sign(x))
def abs_(x: Array) -> Array:
    """|x|, with derivative 0 at 0."""
    return np.absolute(x, out=...)


@elementwise(x=lambda g: fill(g, value=0))
def sign(x: Array) -> Array:
    """-1, 0 or 1; its derivative is 0, also at 0."""
    return np.sign(x)


def _share(g: object, mine: Array, other: Array) -> object:
    """The part of g that goes to `mine`, the larger operand; half where both are equal; g where it is NaN."""
    return where(mine == other, g / 2, where((mine > other) | (mine != mine), g, 0))  # type: ignore[operator]


@elementwise(a=lambda g, a, b: _share(g, a, b), b=lambda g, a, b: _share(g, b, a))
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b, or NaN; equal operands share the gradient."""
    return np.maximum(a, b)


@elementwise(a=lambda g, a, b: _share(g, -a, -b), b=lambda g, a, b: _share(g, -b, -a))
def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b, or NaN; equal operands share the gradient."""
    return np.minimum(a, b)


# --------------------------------------------------------------------------------------- selection and comparison


@primitive(
    promote=("a", "b"),
    a=lambda g, condition, a_shape: match_shape(where(condition, g, 0), a_shape),
    b=lambda g, condition, b_shape: match_shape(where(condition, 0, g), b_shape),
)
def where(condition: Array, a: Array, b: Array) -> Array:
    """A where the condition holds, else b. A NaN gradient of the branch not taken is not carried on from here."""
    return np.where(condition, a, b)


@elementwise()
def eq(a: Array, b: Array) -> Array:
    """A == b."""
    return np.equal(a, b, out=...)


@elementwise()
def ne(a: Array, b: Array) -> Array:
    """A != b."""
    return np.not_equal(a, b, out=...)


@elementwise()
def lt(a: Array, b: Array) -> Array:
    """A < b."""
    return np.less(a, b, out=...)


@elementwise()
def le(a: Array, b: Array) -> Array:
    """A <= b."""
    return np.less_equal(a, b, out=...)


@elementwise()
def gt(a: Array, b: Array) -> Array:
    """A > b."""
    return np.greater(a, b, out=...)


@elementwise()
def ge(a: Array, b: Array) -> Array:
    """A >= b."""
    return np.greater_equal(a, b, out=...)


@elementwise()
def bitwise_and(a: Array, b: Array) -> Array:
    """A & b: logical for booleans, bit by bit for integers."""
    return np.bitwise_and(a, b)


@elementwise()
def bitwise_or(a: Array, b: Array) -> Array:
    """A | b: logical for booleans, bit by bit for integers."""
    return np.bitwise_or(a, b)


@elementwise()
def bitwise_xor(a: Array, b: Array) -> Array:
    """A ^ b: logical for booleans, bit by bit for integers."""
    return np.bitwise_xor(a, b)


@elementwise()
def bitwise_not(x: Array) -> Array:
    """~x: logical for booleans, bit by bit for integers."""
    return np.invert(x)


# ------------------------------------------------------------------------------------------- elementary functions


@elementwise(floating=True, x=lambda g, out: g * out)
def exp(x: Array) -> Array:
    """E to the power x."""
    return np.exp(x, out=...)


@elementwise(floating=True, x=lambda g, x: g / x)
def log(x: Array) -> Array:
    """Natural logarithm; NaN below 0, -inf at 0."""
    return np.log(x, out=...)


@elementwise(floating=True, x=lambda g, out: g / (2 * out))
def sqrt(x: Array) -> Array:
    """Square root, with derivative inf at 0."""
    return np.sqrt(x, out=...)


@elementwise(floating=True, x=lambda g, x: g * cos(x))
def sin(x: Array) -> Array:
    """Sine; x in radians."""
    return np.sin(x, out=...)


@elementwise(floating=True, x=lambda g, x: -g * sin(x))
def cos(x: Array) -> Array:
    """Cosine; x in radians."""
    return np.cos(x, out=...)


@elementwise(floating=True, x=lambda g, out: g * (1 - out * out))
def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(x, out=...)


@elementwise(floating=True, x=lambda g, out: g * out * (1 - out))
def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    t = np.exp(-np.abs(x))
    return np.where(x < 0, t, 1) / (1 + t)


@elementwise(x=lambda g, out: g * (out > 0))
def relu(x: Array) -> Array:
    """max(x, 0), with derivative 0 at 0."""
    return np.maximum(x, 0, out=...)


@elementwise(x=lambda g: fill(g, value=0))
def fill(x: Array, *, value: float) -> Array:
    """An array like x that holds one number everywhere."""
    return np.full_like(x, value)
