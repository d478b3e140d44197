"""Arithmetic, element by element: what a primitive and its gradient rules look like. Read this file first.

Let L be a scalar that is computed from c = a b. A rule gets g = dL/dc and returns, by the chain rule,

    dL/da = g b         written  a=lambda g, b: g * b
    dL/db = g a         written  b=lambda g, a: g * a

Each rule belongs to the input of its name, and names what it needs besides g: inputs, or the result, `out`. Only that is
saved. The rules below are in this order: those that need nothing but g, those that need an operand or the result, those that
use other primitives. Where an operand was broadcast, what its rule returns is summed to its shape; no rule has to care.

``ufunc=np.add`` says that the function equals this ufunc: ``np.add(array, tensor)`` is recorded then, and a result can be
computed in memory that is there already. ``floating=True`` converts integers to floating point first. ``public=False`` says
that torch's function of this name takes more arguments: it is in `minigrad.methods.arithmetic`.
"""

from typing import Any

import numpy as np

from minigrad.ops.rounding import sign
from minigrad.ops.selection import where
from minigrad.primitive import Array, elementwise


@elementwise(ufunc=np.negative, x=lambda g: -g)
def neg(x: Array) -> Array:
    """-x."""
    return np.negative(x)


@elementwise(ufunc=np.add, public=False, a=lambda g: g, b=lambda g: g)
def add(a: Array, b: Array) -> Array:
    """a + b."""
    return np.add(a, b)


@elementwise(ufunc=np.subtract, public=False, a=lambda g: g, b=lambda g: -g)
def sub(a: Array, b: Array) -> Array:
    """a - b."""
    return np.subtract(a, b)


@elementwise(ufunc=np.multiply, public=False, a=lambda g, b: g * b, b=lambda g, a: g * a)
def mul(a: Array, b: Array) -> Array:
    """a b."""
    return np.multiply(a, b)


@elementwise(ufunc=np.true_divide, public=False, floating=True, a=lambda g, b: g / b, b=lambda g, a, b: -g * (a / b) / b)
def div(a: Array, b: Array) -> Array:
    """a / b."""
    return np.true_divide(a, b)


@elementwise(ufunc=np.absolute, x=lambda g, x: g * sign(x))
def abs_(x: Array) -> Array:
    """|x|, with derivative 0 at 0."""
    return np.absolute(x)


@elementwise(ufunc=np.maximum, in_place=False, a=lambda g, a, b: split_tie(g, a, b), b=lambda g, a, b: split_tie(g, b, a))
def maximum(a: Array, b: Array) -> Array:
    """The larger of a and b, or NaN; equal operands share the gradient."""
    return np.maximum(a, b)


@elementwise(ufunc=np.minimum, in_place=False, a=lambda g, a, b: split_tie(g, -a, -b), b=lambda g, a, b: split_tie(g, -b, -a))
def minimum(a: Array, b: Array) -> Array:
    """The smaller of a and b, or NaN; equal operands share the gradient."""
    return np.minimum(a, b)


def split_tie(g: Any, a: Any, b: Any) -> Any:
    """Return the part of g that goes to a where the larger of a and b was taken: all, none, or half of it if they are equal.

    Where one is NaN, both get all of g, as in torch.
    """
    return where(a == b, g / 2, where(a < b, 0, g))
