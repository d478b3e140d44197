"""Comparison, element by element. The results are booleans, which have no derivative."""

import numpy as np

from minigrad.primitive import Array, Primitive, elementwise


def without_derivative(name: str, ufunc: np.ufunc, doc: str, in_place: bool = True) -> Primitive:
    """Make a ufunc of NumPy a primitive of that name, without rules."""

    def unary(x: Array) -> Array:
        return ufunc(x)

    def binary(a: Array, b: Array) -> Array:
        return ufunc(a, b)

    forward = unary if ufunc.nin == 1 else binary
    forward.__name__, forward.__doc__ = name, doc
    return elementwise(ufunc=ufunc, in_place=in_place)(forward)


eq = without_derivative("eq", np.equal, "a == b.")
ne = without_derivative("ne", np.not_equal, "a != b.")
lt = without_derivative("lt", np.less, "a < b.")
le = without_derivative("le", np.less_equal, "a <= b.")
gt = without_derivative("gt", np.greater, "a > b.")
ge = without_derivative("ge", np.greater_equal, "a >= b.")

isnan = without_derivative("isnan", np.isnan, "Whether each element is NaN.", in_place=False)
isinf = without_derivative("isinf", np.isinf, "Whether each element is infinite.", in_place=False)
isfinite = without_derivative("isfinite", np.isfinite, "Whether each element is neither infinite nor NaN.", in_place=False)
