"""Elementary functions, element by element. Integers become the default floating-point type first."""

from __future__ import annotations

from typing import Any, Self

from minigrad.methods.arithmetic import no_number
from minigrad.methods.carrier import Carrier
from minigrad.methods.spelling import numpy_names
from minigrad.ops import elementary, neural
from minigrad.ops.shape import axis, reshape
from minigrad.primitive import Primitive


@numpy_names
class Elementary(Carrier):
    """exp, log, and their kin."""

    def exp(self) -> Self:
        """Return e to the power of each element."""
        return self._unary(elementary.exp)

    def log(self) -> Self:
        """Return the natural logarithm; NaN below 0, -inf at 0."""
        return self._unary(elementary.log)

    def sqrt(self) -> Self:
        """Return the square root; its derivative at 0 is inf."""
        return self._unary(elementary.sqrt)

    def sin(self) -> Self:
        """Return the sine of an angle in radians."""
        return self._unary(elementary.sin)

    def cos(self) -> Self:
        """Return the cosine of an angle in radians."""
        return self._unary(elementary.cos)

    def tanh(self) -> Self:
        """Return the hyperbolic tangent."""
        return self._unary(elementary.tanh)

    def sigmoid(self) -> Self:
        """Return 1 / (1 + exp(-x)), without overflow."""
        return self._unary(elementary.sigmoid)

    def relu(self) -> Self:
        """Return max(x, 0); the derivative at 0 is 0."""
        return self._unary(elementary.relu)

    def exp2(self) -> Self:
        """Return 2 to the power of each element."""
        return self._unary(elementary.exp2)

    def expm1(self) -> Self:
        """Return exp(x) - 1, exact also near 0."""
        return self._unary(elementary.expm1)

    def log2(self) -> Self:
        """Return the logarithm to base 2."""
        return self._unary(elementary.log2)

    def log10(self) -> Self:
        """Return the logarithm to base 10."""
        return self._unary(elementary.log10)

    def log1p(self) -> Self:
        """Return log(1 + x), exact also near 0."""
        return self._unary(elementary.log1p)

    def rsqrt(self) -> Self:
        """Return 1 / sqrt(x)."""
        return self._unary(elementary.rsqrt)

    def reciprocal(self) -> Self:
        """Return 1 / x."""
        return self._unary(elementary.reciprocal)

    def tan(self) -> Self:
        """Return the tangent of an angle in radians."""
        return self._unary(elementary.tan)

    def asin(self) -> Self:
        """Return the angle in radians, from -pi/2 to pi/2, whose sine is given."""
        return self._unary(elementary.asin)

    def acos(self) -> Self:
        """Return the angle in radians, from 0 to pi, whose cosine is given."""
        return self._unary(elementary.acos)

    def atan(self) -> Self:
        """Return the angle in radians, from -pi/2 to pi/2, whose tangent is given."""
        return self._unary(elementary.atan)

    def sinh(self) -> Self:
        """Return the hyperbolic sine."""
        return self._unary(elementary.sinh)

    def cosh(self) -> Self:
        """Return the hyperbolic cosine."""
        return self._unary(elementary.cosh)

    def erf(self) -> Self:
        """Return the error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
        return self._unary(elementary.erf)

    def atan2(self, other: Self) -> Self:
        """Return the angle in radians, from -pi to pi, of the point with ordinate self and abscissa other."""
        return self._binary(elementary.atan2, no_number(other, "atan2"))

    def logaddexp(self, other: Self) -> Self:
        """Return log(exp(self) + exp(other)), without overflow."""
        return self._binary(elementary.logaddexp, no_number(other, "logaddexp"))

    def softmax(self, dim: int, dtype: Any = None) -> Self:
        """Return exp(x) / sum(exp(x)) along dim, without overflow; computed in another dtype if one is given."""
        return self._along_one(neural.softmax, dim, dtype)

    def log_softmax(self, dim: int, dtype: Any = None) -> Self:
        """Return log(softmax(x)) along dim, without overflow; computed in another dtype if one is given."""
        return self._along_one(neural.log_softmax, dim, dtype)

    def _along_one(self, op: Primitive, dim: int, dtype: Any) -> Self:
        x = self if dtype is None else self.to(dtype)
        k = axis(dim, len(self.shape))
        if not self.shape:  # a number is a vector of one
            return x._unary(reshape, shape=(1,))._unary(op, dim=0)._unary(reshape, shape=())
        return x._unary(op, dim=k)
