"""Elementary functions, element by element. Integers become the default floating-point type first."""

from __future__ import annotations

from typing import Self

from minigrad.methods.carrier import Carrier
from minigrad.ops import elementwise, neural
from minigrad.ops.shape import axis


class Elementary(Carrier):
    """exp, log, and their kin."""

    def exp(self) -> Self:
        """Return e to the power of each element."""
        return self._unary(elementwise.exp)

    def log(self) -> Self:
        """Return the natural logarithm; NaN below 0, -inf at 0."""
        return self._unary(elementwise.log)

    def sqrt(self) -> Self:
        """Return the square root; its derivative at 0 is inf."""
        return self._unary(elementwise.sqrt)

    def sin(self) -> Self:
        """Return the sine of an angle in radians."""
        return self._unary(elementwise.sin)

    def cos(self) -> Self:
        """Return the cosine of an angle in radians."""
        return self._unary(elementwise.cos)

    def tanh(self) -> Self:
        """Return the hyperbolic tangent."""
        return self._unary(elementwise.tanh)

    def sigmoid(self) -> Self:
        """Return 1 / (1 + exp(-x)), without overflow."""
        return self._unary(elementwise.sigmoid)

    def relu(self) -> Self:
        """Return max(x, 0); the derivative at 0 is 0."""
        return self._unary(elementwise.relu)

    def softmax(self, dim: int) -> Self:
        """Return exp(x) / sum(exp(x)) along dim, without overflow."""
        return self._unary(neural.softmax, dim=axis(dim, len(self.shape)))

    def log_softmax(self, dim: int) -> Self:
        """Return log(softmax(x)) along dim, without overflow."""
        return self._unary(neural.log_softmax, dim=axis(dim, len(self.shape)))
