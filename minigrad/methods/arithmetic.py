"""Arithmetic and comparison: the operators, and torch's names for them.

Operands broadcast. Dtypes meet as in torch: a Python number does not change the type of a tensor of its own category, so
``float32_tensor * 2.0`` is float32, and ``int64_tensor * 2.0`` is of the default floating-point type.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from minigrad.methods.carrier import Carrier, Operand
from minigrad.ops import elementwise

Comparable = Carrier | bool | int | float | np.ndarray


def scaled(beside: Carrier, other: Operand, alpha: float) -> Operand:
    """Return alpha other, for an operand that stands beside a tensor."""
    return other if alpha == 1 else beside._constant(other)._binary(elementwise.mul, alpha)


class Arithmetic(Carrier):
    """+ - * / ** and comparisons."""

    def __add__(self, other: Operand) -> Self:
        return self._binary(elementwise.add, other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Self:
        return self._binary(elementwise.sub, other)

    def __rsub__(self, other: Operand) -> Self:
        return self._constant(other)._binary(elementwise.sub, self)

    def __mul__(self, other: Operand) -> Self:
        return self._binary(elementwise.mul, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Self:
        return self._binary(elementwise.div, other)

    def __rtruediv__(self, other: Operand) -> Self:
        return self._constant(other)._binary(elementwise.div, self)

    def __pow__(self, exponent: Operand) -> Self:
        if isinstance(exponent, int | float):
            return self._unary(elementwise.pow_scalar, exponent=exponent)
        return self._binary(elementwise.pow_, exponent)

    def __rpow__(self, base: Operand) -> Self:
        return self._constant(base)._binary(elementwise.pow_, self)

    def __neg__(self) -> Self:
        return self._unary(elementwise.neg)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Self:
        return self.abs()

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._binary(elementwise.eq, other) if isinstance(other, Comparable) else NotImplemented

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._binary(elementwise.ne, other) if isinstance(other, Comparable) else NotImplemented

    def __lt__(self, other: Operand) -> Self:
        return self._binary(elementwise.lt, other)

    def __le__(self, other: Operand) -> Self:
        return self._binary(elementwise.le, other)

    def __gt__(self, other: Operand) -> Self:
        return self._binary(elementwise.gt, other)

    def __ge__(self, other: Operand) -> Self:
        return self._binary(elementwise.ge, other)

    def __and__(self, other: Operand) -> Self:
        return self._binary(elementwise.bitwise_and, other)

    def __or__(self, other: Operand) -> Self:
        return self._binary(elementwise.bitwise_or, other)

    def __xor__(self, other: Operand) -> Self:
        return self._binary(elementwise.bitwise_xor, other)

    def __invert__(self) -> Self:
        return self._unary(elementwise.bitwise_not)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    __hash__ = object.__hash__

    def add(self, other: Operand, *, alpha: float = 1) -> Self:
        """Return self + alpha other."""
        return self + scaled(self, other, alpha)

    def sub(self, other: Operand, *, alpha: float = 1) -> Self:
        """Return self - alpha other."""
        return self - scaled(self, other, alpha)

    def mul(self, other: Operand) -> Self:
        """Return self times other, element by element."""
        return self * other

    def div(self, other: Operand) -> Self:
        """Return self divided by other, element by element; integers give floating point."""
        return self / other

    def pow(self, exponent: Operand) -> Self:
        """Return self to the power of the exponent; its derivative at 0 to the power 0 is 0."""
        return self**exponent

    def neg(self) -> Self:
        """Return -self."""
        return -self

    def abs(self) -> Self:
        """Return the absolute value; its derivative at 0 is 0."""
        return self._unary(elementwise.abs_)

    def square(self) -> Self:
        """Return self times itself."""
        return self**2

    def maximum(self, other: Operand) -> Self:
        """Return the larger of the two, or NaN; where they are equal each gets half of the gradient."""
        return self._binary(elementwise.maximum, other)

    def minimum(self, other: Operand) -> Self:
        """Return the smaller of the two, or NaN; where they are equal each gets half of the gradient."""
        return self._binary(elementwise.minimum, other)

    def eq(self, other: Operand) -> Self:
        """Return where self equals other."""
        return self == other

    def ne(self, other: Operand) -> Self:
        """Return where self differs from other."""
        return self != other

    def lt(self, other: Operand) -> Self:
        """Return where self < other."""
        return self < other

    def le(self, other: Operand) -> Self:
        """Return where self <= other."""
        return self <= other

    def gt(self, other: Operand) -> Self:
        """Return where self > other."""
        return self > other

    def ge(self, other: Operand) -> Self:
        """Return where self >= other."""
        return self >= other
