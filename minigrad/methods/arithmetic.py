"""Arithmetic and comparison: the operators, and torch's names for them.

Operands broadcast, and are promoted to one dtype, see `minigrad.promotion`.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from minigrad.autodiff import TensorBase
from minigrad.backend import current
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.methods.interface import has_in_place, method_only, require_tensor, scalar_input
from minigrad.methods.primitive_methods import PrimitiveMethods
from minigrad.ops import arithmetic, bitwise, comparison, elementary, rounding, selection
from minigrad.primitive import Primitive
from minigrad.promotion import Operand, Scalar, as_operand, as_value

DIVISIONS = {None: arithmetic.div, "floor": rounding.floor_divide, "trunc": rounding.trunc_divide}
Comparable = TensorBase | bool | int | float | np.ndarray


def times_alpha(like: ArithmeticMethods, other: Operand, alpha: float) -> Operand:
    """Return alpha other, for an operand that is added to a tensor `like`.

    Raises:
        RuntimeError: Both are integers, but alpha is not.
    """
    if isinstance(alpha, float) and not like.is_floating_point() and not as_operand(other, like).is_floating_point():
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other if alpha == 1 else arithmetic.mul(as_operand(other, like), alpha)


@methods_explain_errors
class ArithmeticMethods(PrimitiveMethods):
    """+ - * / ** and comparisons."""

    @has_in_place
    def __add__(self, other: Operand) -> Self:
        return current.backend.binary(arithmetic.add, self, other)

    __radd__ = __add__

    @has_in_place
    def __sub__(self, other: Operand) -> Self:
        return current.backend.binary(arithmetic.sub, self, other)

    def __rsub__(self, other: Operand) -> Self:
        return current.backend.binary(arithmetic.sub, current.backend.as_operand(other, self), self)

    @has_in_place
    def __mul__(self, other: Operand) -> Self:
        return current.backend.binary(arithmetic.mul, self, other)

    __rmul__ = __mul__

    @has_in_place
    def __truediv__(self, other: Operand) -> Self:
        return current.backend.binary(arithmetic.div, self, other)

    def __rtruediv__(self, other: Operand) -> Self:
        dividend = current.backend.as_operand(float(other) if isinstance(other, int) else other, self)
        return current.backend.binary(arithmetic.div, dividend, self)

    @has_in_place
    def __pow__(self, exponent: Operand) -> Self:
        if isinstance(exponent, int | float):
            if self.is_floating_point():
                return elementary.pow_(self, exponent=exponent)
            if isinstance(exponent, int) and exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed: convert them with float()")
        return elementary.power(self, exponent)

    def __rpow__(self, base: Operand) -> Self:
        return elementary.power(as_operand(base, self), self)

    @has_in_place
    def __floordiv__(self, other: Operand) -> Self:
        return current.backend.binary(rounding.floor_divide, self, other)

    def __rfloordiv__(self, other: Operand) -> Self:
        return rounding.floor_divide(as_operand(other, self), self)

    @has_in_place
    def __mod__(self, other: Operand) -> Self:
        return current.backend.binary(rounding.remainder, self, other)

    def __rmod__(self, other: Operand) -> Self:
        return rounding.remainder(as_operand(other, self), self)

    def __neg__(self) -> Self:
        return arithmetic.neg(self)

    def __pos__(self) -> Self:
        if self.array.dtype.kind == "b":
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __abs__(self) -> Self:
        return self.abs()

    def _compare(self, op: Primitive, other: Any) -> Self:
        """Compare with an operand. An integer beyond the range of an integer tensor compares as infinity."""
        if isinstance(other, int) and self.array.dtype.kind in "iu":
            info = np.iinfo(self.array.dtype)
            other = other if info.min <= other <= info.max else math.copysign(math.inf, other)
        return current.backend.binary(op, self, other)

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._compare(comparison.eq, other) if isinstance(other, Comparable) else NotImplemented

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._compare(comparison.ne, other) if isinstance(other, Comparable) else NotImplemented

    def __lt__(self, other: Operand) -> Self:
        return self._compare(comparison.lt, other)

    def __le__(self, other: Operand) -> Self:
        return self._compare(comparison.le, other)

    def __gt__(self, other: Operand) -> Self:
        return self._compare(comparison.gt, other)

    def __ge__(self, other: Operand) -> Self:
        return self._compare(comparison.ge, other)

    @has_in_place
    def __and__(self, other: Operand) -> Self:
        return current.backend.binary(bitwise.bitwise_and, self, other)

    @has_in_place
    def __or__(self, other: Operand) -> Self:
        return current.backend.binary(bitwise.bitwise_or, self, other)

    @has_in_place
    def __xor__(self, other: Operand) -> Self:
        return current.backend.binary(bitwise.bitwise_xor, self, other)

    def __invert__(self) -> Self:
        if self.is_floating_point():
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return bitwise.bitwise_not(self)

    @has_in_place
    def __lshift__(self, other: Operand) -> Self:
        return current.backend.binary(bitwise.bitwise_left_shift, self, other)

    def __rlshift__(self, other: Operand) -> Self:
        return bitwise.bitwise_left_shift(as_operand(other, self), self)

    @has_in_place
    def __rshift__(self, other: Operand) -> Self:
        return current.backend.binary(bitwise.bitwise_right_shift, self, other)

    def __rrshift__(self, other: Operand) -> Self:
        return bitwise.bitwise_right_shift(as_operand(other, self), self)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    __hash__ = object.__hash__

    # The operators by name, and functions without an operator.

    @has_in_place
    @scalar_input
    def add(self, other: Operand, *, alpha: float = 1) -> Self:
        """Return self + alpha other."""
        return self + times_alpha(self, other, alpha)

    @has_in_place
    @scalar_input
    def sub(self, other: Operand, *, alpha: float = 1) -> Self:
        """Return self - alpha other."""
        return self - times_alpha(self, other, alpha)

    @has_in_place
    @scalar_input
    def mul(self, other: Operand) -> Self:
        """Return self other, element by element."""
        return self * other

    @has_in_place
    @scalar_input
    def div(self, other: Operand, *, rounding_mode: str | None = None) -> Self:
        """Return self / other, element by element; the quotient of integers is floating-point.

        Args:
            other: The divisor.
            rounding_mode: "floor" rounds down and "trunc" towards 0; then integers stay integers, and the derivative is 0.

        Raises:
            RuntimeError: There is no such rounding mode, or an integer is divided by 0 and rounded.
        """
        if rounding_mode not in DIVISIONS:
            raise RuntimeError(
                f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
            )
        return current.backend.binary(DIVISIONS[rounding_mode], self, other)

    @has_in_place
    @scalar_input
    def floor_divide(self, other: Operand) -> Self:
        """Return self / other, rounded down; its derivative is 0."""
        return self // other

    @has_in_place
    @scalar_input
    def remainder(self, other: Operand) -> Self:
        """Return self - other floor(self / other), which has the sign of other."""
        return self % other

    @has_in_place
    def fmod(self, other: Operand) -> Self:
        """Return self - other trunc(self / other), which has the sign of self."""
        return current.backend.binary(rounding.fmod, self, other)

    @has_in_place
    def addcmul(self, tensor1: Self, tensor2: Self, *, value: float = 1) -> Self:
        """Return self + value tensor1 tensor2."""
        product = require_tensor(tensor1, "addcmul", "tensor1") * require_tensor(tensor2, "addcmul", "tensor2")
        return self + times_alpha(self, product, value)

    @has_in_place
    def addcdiv(self, tensor1: Self, tensor2: Self, *, value: float = 1) -> Self:
        """Return self + value tensor1 / tensor2.

        Raises:
            RuntimeError: Both tensors are integers.
        """
        if not require_tensor(tensor1, "addcdiv", "tensor1").is_floating_point() and not tensor2.is_floating_point():
            raise RuntimeError("Integer division with addcdiv is not supported: convert the tensors with float()")
        return self + times_alpha(self, tensor1 / require_tensor(tensor2, "addcdiv", "tensor2"), value)

    @has_in_place
    @scalar_input
    def pow(self, exponent: Operand) -> Self:
        """Return self to the power of the exponent, element by element; the derivative of 0 to the power 0 is 0.

        For tensors of integers negative powers are 0, unless the base is 1 or -1.

        Raises:
            RuntimeError: Self is a tensor of integers, and the exponent a negative Python integer.
        """
        return self**exponent

    @has_in_place
    def square(self) -> Self:
        """Return the square of self."""
        return self**2

    @has_in_place
    def round(self, *, decimals: int = 0) -> Self:
        """Return self rounded to integers, or to so many decimals, halves to even; the derivative is 0."""
        if not decimals:
            return rounding.round_(self)
        unit: float = 10 ** abs(decimals) if abs(decimals) < 400 else math.inf
        return (self * unit).round() / unit if decimals > 0 else (self / unit).round() * unit

    @has_in_place
    def clamp(self, min: Any = None, max: Any = None) -> Self:
        """Return self, but at least min and at most max, which are scalars or tensors. The derivative on a bound is 1.

        Raises:
            RuntimeError: Neither bound is given.
        """
        if min is None and max is None:
            raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
        for bound in (min, max):
            if not isinstance(bound, Scalar | None):
                as_operand(bound, self)
        promoting = TensorBase if self.is_floating_point() else TensorBase | float
        if not isinstance(min, promoting) and not isinstance(max, promoting):
            return selection.clamp(self, low=min, high=max)
        result = self
        if min is not None:
            low = as_operand(min, self)
            result = selection.where((self < low) | low.isnan(), low, self)
        if max is not None:
            high = as_operand(max, self)
            result = selection.where((result > high) | high.isnan(), high, result)
        return result

    @has_in_place
    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Return `clamp(min, max)`."""
        return self.clamp(min, max)

    @has_in_place
    def lerp(self, end: Self, weight: Operand) -> Self:
        """Return self + weight (end - self): linear interpolation between self (weight 0) and end (weight 1)."""
        return self + (require_tensor(end, "lerp", "end") - self) * weight

    @method_only
    def where(self, condition: Self, other: Operand) -> Self:
        """Return self where the condition is True, else other; all three broadcast."""
        return selection.where(condition, self, other)

    @has_in_place
    def masked_fill(self, mask: Self, value: Operand) -> Self:
        """Return self with a scalar or 0-d tensor where the mask, which broadcasts, is True.

        Raises:
            RuntimeError: The mask is not boolean, or the value has axes.
        """
        value = as_value(value, self)
        if value.shape:
            raise RuntimeError(f"masked_fill: the value must be a scalar or 0-d tensor, but its shape is {list(value.shape)}")
        return selection.where(mask, value, self)

    @has_in_place
    def logical_and(self, other: Self) -> Self:
        """Return whether both elements are not zero."""
        return self.ne(0) & require_tensor(other, "logical_and").ne(0)

    @has_in_place
    def logical_or(self, other: Self) -> Self:
        """Return whether one or both elements are not zero."""
        return self.ne(0) | require_tensor(other, "logical_or").ne(0)

    @has_in_place
    def logical_xor(self, other: Self) -> Self:
        """Return whether exactly one element is not zero."""
        return self.ne(0) ^ require_tensor(other, "logical_xor").ne(0)

    @has_in_place
    def logical_not(self) -> Self:
        """Return whether each element is zero."""
        return self.eq(0)
