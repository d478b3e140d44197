"""Primitives that are ufuncs of NumPy."""

from typing import Any

import numpy as np

from minigrad.primitive import Array, Primitive, elementwise


def from_ufunc(name: str, ufunc: np.ufunc, doc: str, **options: Any) -> Primitive:
    """Make a ufunc of one or two arrays a primitive of that name; the options, with the rules, are those of `elementwise`."""

    def unary(x: Array) -> Array:
        return ufunc(x)

    def binary(a: Array, b: Array) -> Array:
        return ufunc(a, b)

    forward = unary if ufunc.nin == 1 else binary
    forward.__name__, forward.__doc__ = name, doc
    return elementwise(ufunc=ufunc, **options)(forward)
