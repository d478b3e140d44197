"""Arithmetic and comparison: the operators, and torch's names for them.

Operands broadcast. Dtypes meet as in torch: a Python number does not change the type of a tensor of its own category, so
``float32_tensor * 2.0`` is float32, and ``int64_tensor * 2.0`` is of the default floating-point type.
"""

from __future__ import annotations

from typing import Any, Self, TypeVar

import numpy as np

from minigrad.methods.carrier import Carrier, Operand
from minigrad.ops import arithmetic, elementary, indexing, shape
from minigrad.primitive import Primitive

Tensorlike = TypeVar("Tensorlike", bound=Carrier)
DIVISIONS = {None: arithmetic.div, "floor": arithmetic.floor_divide, "trunc": arithmetic.trunc_divide}
Comparable = Carrier | bool | int | float | np.ndarray


def scaled(beside: Carrier, other: Operand, alpha: float) -> Operand:
    """Return alpha other, for an operand that stands beside a tensor.

    Raises:
        RuntimeError: Both are integers, but alpha is not.
    """
    if isinstance(alpha, float) and not beside.is_floating_point() and not beside._constant(other).is_floating_point():
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return other if alpha == 1 else beside._constant(other)._binary(arithmetic.mul, alpha)


def rounded_division(rounding_mode: str | None) -> Primitive:
    """Return the primitive that divides and rounds as asked.

    Raises:
        RuntimeError: There is no such mode.
    """
    if rounding_mode not in DIVISIONS:
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")
    return DIVISIONS[rounding_mode]


def no_number(other: Tensorlike, asker: str, name: str = "other") -> Tensorlike:
    """Return an operand that must be a tensor, as in torch.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(other, Carrier):
        raise TypeError(f"{asker}(): argument '{name}' must be Tensor, not {type(other).__name__}")
    return other


class Arithmetic(Carrier):
    """+ - * / ** and comparisons."""

    def __add__(self, other: Operand) -> Self:
        return self._binary(arithmetic.add, other)

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Self:
        return self._binary(arithmetic.sub, other)

    def __rsub__(self, other: Operand) -> Self:
        return self._constant(other)._binary(arithmetic.sub, self)

    def __mul__(self, other: Operand) -> Self:
        return self._binary(arithmetic.mul, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Self:
        return self._binary(arithmetic.div, other)

    def __rtruediv__(self, other: Operand) -> Self:
        return self._constant(float(other) if isinstance(other, int) else other)._binary(arithmetic.div, self)

    def __pow__(self, exponent: Operand) -> Self:
        if isinstance(exponent, int | float):
            if self.is_floating_point():
                return self._unary(elementary.pow_, exponent=exponent)
            if isinstance(exponent, int) and exponent < 0:
                raise RuntimeError("Integers to negative integer powers are not allowed: convert them with float()")
        return self._binary(elementary.power, exponent)

    def __rpow__(self, base: Operand) -> Self:
        return self._constant(base)._binary(elementary.power, self)

    def __floordiv__(self, other: Operand) -> Self:
        return self._binary(arithmetic.floor_divide, other)

    def __rfloordiv__(self, other: Operand) -> Self:
        return self._constant(other)._binary(arithmetic.floor_divide, self)

    def __mod__(self, other: Operand) -> Self:
        return self._binary(arithmetic.remainder, other)

    def __rmod__(self, other: Operand) -> Self:
        return self._constant(other)._binary(arithmetic.remainder, self)

    def __neg__(self) -> Self:
        return self._unary(arithmetic.neg)

    def __pos__(self) -> Self:
        if self._kind().kind == "b":
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __abs__(self) -> Self:
        return self.abs()

    def __eq__(self, other: object) -> Self:  # type: ignore[override]
        return self._binary(arithmetic.eq, other) if isinstance(other, Comparable) else NotImplemented

    def __ne__(self, other: object) -> Self:  # type: ignore[override]
        return self._binary(arithmetic.ne, other) if isinstance(other, Comparable) else NotImplemented

    def __lt__(self, other: Operand) -> Self:
        return self._binary(arithmetic.lt, other)

    def __le__(self, other: Operand) -> Self:
        return self._binary(arithmetic.le, other)

    def __gt__(self, other: Operand) -> Self:
        return self._binary(arithmetic.gt, other)

    def __ge__(self, other: Operand) -> Self:
        return self._binary(arithmetic.ge, other)

    def __and__(self, other: Operand) -> Self:
        return self._binary(arithmetic.bitwise_and, other)

    def __or__(self, other: Operand) -> Self:
        return self._binary(arithmetic.bitwise_or, other)

    def __xor__(self, other: Operand) -> Self:
        return self._binary(arithmetic.bitwise_xor, other)

    def __invert__(self) -> Self:
        if self.is_floating_point():
            raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
        return self._unary(arithmetic.bitwise_not)

    def __lshift__(self, other: Operand) -> Self:
        return self._binary(arithmetic.bitwise_left_shift, other)

    def __rlshift__(self, other: Operand) -> Self:
        return self._constant(other)._binary(arithmetic.bitwise_left_shift, self)

    def __rshift__(self, other: Operand) -> Self:
        return self._binary(arithmetic.bitwise_right_shift, other)

    def __rrshift__(self, other: Operand) -> Self:
        return self._constant(other)._binary(arithmetic.bitwise_right_shift, self)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    __hash__ = object.__hash__

    # The same by name, and what has no operator.

    def add(self, other: Operand, *, alpha: float = 1) -> Self:
        """Return self + alpha other."""
        return self + scaled(self, other, alpha)

    def sub(self, other: Operand, *, alpha: float = 1) -> Self:
        """Return self - alpha other."""
        return self - scaled(self, other, alpha)

    def mul(self, other: Operand) -> Self:
        """Return self times other, element by element."""
        return self * other

    def div(self, other: Operand, *, rounding_mode: str | None = None) -> Self:
        """Return self divided by other, element by element; integers give floating point.

        Args:
            other: The divisor.
            rounding_mode: "floor" rounds down and "trunc" towards 0, and both keep integers; the derivative is then 0.

        Raises:
            RuntimeError: The rounding mode is another, or an integer is divided by 0 and rounded.
        """
        return self / other if rounding_mode is None else self._binary(rounded_division(rounding_mode), other)

    def floor_divide(self, other: Operand) -> Self:
        """Return self divided by other, rounded down; its derivative is 0."""
        return self // other

    def remainder(self, other: Operand) -> Self:
        """Return self - other floor(self / other), which has the sign of other."""
        return self % other

    def addcmul(self, tensor1: Self, tensor2: Self, *, value: float = 1) -> Self:
        """Return self + value tensor1 tensor2."""
        product = no_number(tensor1, "addcmul", "tensor1") * no_number(tensor2, "addcmul", "tensor2")
        return self + scaled(self, product, value)

    def addcdiv(self, tensor1: Self, tensor2: Self, *, value: float = 1) -> Self:
        """Return self + value tensor1 / tensor2.

        Raises:
            RuntimeError: An integer is to be divided by another.
        """
        if not no_number(tensor1, "addcdiv", "tensor1").is_floating_point() and not tensor2.is_floating_point():
            raise RuntimeError("Integer division with addcdiv is not supported: convert the tensors with float()")
        return self + scaled(self, tensor1 / no_number(tensor2, "addcdiv", "tensor2"), value)

    def pow(self, exponent: Operand) -> Self:
        """Return self to the power of the exponent; its derivative at 0 to the power 0 is 0.

        An integer to the power of a tensor of integers is 0 where the exponent is negative, unless it is 1 or -1.

        Raises:
            RuntimeError: The exponent of integers is a negative integer number.
        """
        return self**exponent

    def neg(self) -> Self:
        """Return -self."""
        return -self

    def abs(self) -> Self:
        """Return the absolute value; its derivative at 0 is 0."""
        return self._unary(arithmetic.abs_)

    def square(self) -> Self:
        """Return self times itself."""
        return self**2

    def sign(self) -> Self:
        """Return -1, 0 or 1; its derivative is 0."""
        return self._unary(arithmetic.sign)

    def floor(self) -> Self:
        """Return the next integers below; the derivative is 0."""
        return self._unary(arithmetic.floor)

    def ceil(self) -> Self:
        """Return the next integers above; the derivative is 0."""
        return self._unary(arithmetic.ceil)

    def trunc(self) -> Self:
        """Return the integer parts; the derivative is 0."""
        return self._unary(arithmetic.trunc)

    def round(self, *, decimals: int = 0) -> Self:
        """Return the nearest integers, or numbers of so many decimals, halves rounded to even; the derivative is 0."""
        if not decimals:
            return self._unary(arithmetic.round_)
        unit: int = 10 ** abs(decimals)
        return (self * unit).round() / unit if decimals > 0 else (self / unit).round() * unit

    def clamp(self, min: Any = None, max: Any = None) -> Self:
        """Return self, or the bound that it exceeds; bounds are numbers or tensors. The derivative on a bound is 1.

        Raises:
            RuntimeError: Neither bound is given.
        """
        if min is None and max is None:
            raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
        if not isinstance(min, self._raising()) and not isinstance(max, self._raising()):
            return self._unary(arithmetic.clamp, low=min, high=max)
        result = self
        if min is not None:
            low = self._constant(min)
            result = self._where((self < low) | low.isnan(), low, self)
        if max is not None:
            high = self._constant(max)
            result = self._where((result > high) | high.isnan(), high, result)
        return result

    def _raising(self) -> Any:
        """Return the kinds of bounds that need more than NumPy's clip, because they may change the dtype."""
        return Carrier if self.is_floating_point() else Carrier | float

    def clip(self, min: Any = None, max: Any = None) -> Self:
        """Return `clamp(min, max)`."""
        return self.clamp(min, max)

    def lerp(self, end: Self, weight: Operand) -> Self:
        """Return self + weight (end - self), the point between self (weight 0) and end (weight 1)."""
        return self + (no_number(end, "lerp", "end") - self) * weight

    def where(self, condition: Self, other: Operand) -> Self:
        """Return self where the condition holds, else other; all three broadcast."""
        return self._where(condition, self, other)

    def masked_fill(self, mask: Self, value: Operand) -> Self:
        """Return self with a number, or tensor without axes, in the places where the mask, which broadcasts, is True.

        Raises:
            RuntimeError: The mask is not boolean, or the value has axes.
        """
        filler = self._constant(value)
        if filler.shape:
            raise RuntimeError(
                f"masked_fill: the value must be a number or have no axes, but its shape is {list(filler.shape)}"
            )
        return self._where(mask, filler._unary(shape.cast, dtype=self._kind()), self)

    def _where(self, condition: Self, chosen: Operand, other: Operand) -> Self:
        return condition._apply(arithmetic.where, chosen, other)

    def logical_and(self, other: Self) -> Self:
        """Return where both are not zero."""
        return self.ne(0) & no_number(other, "logical_and").ne(0)

    def logical_or(self, other: Self) -> Self:
        """Return where one or both are not zero."""
        return self.ne(0) | no_number(other, "logical_or").ne(0)

    def logical_xor(self, other: Self) -> Self:
        """Return where exactly one is not zero."""
        return self.ne(0) ^ no_number(other, "logical_xor").ne(0)

    def logical_not(self) -> Self:
        """Return where self is zero."""
        return self.eq(0)

    def bitwise_and(self, other: Operand) -> Self:
        """Return self & other, bit by bit; of booleans, where both are True."""
        return self & other

    def bitwise_or(self, other: Operand) -> Self:
        """Return self | other, bit by bit; of booleans, where one or both are True."""
        return self | other

    def bitwise_xor(self, other: Operand) -> Self:
        """Return self ^ other, bit by bit; of booleans, where exactly one is True."""
        return self ^ other

    def bitwise_not(self) -> Self:
        """Return ~self, every bit changed; of booleans, where it is False."""
        return ~self

    def bitwise_left_shift(self, other: Operand) -> Self:
        """Return self << other, the bits moved so many places up."""
        return self << other

    def bitwise_right_shift(self, other: Operand) -> Self:
        """Return self >> other, the bits moved so many places down; the sign stays."""
        return self >> other

    def isnan(self) -> Self:
        """Return where self is NaN."""
        return self._unary(arithmetic.isnan)

    def isinf(self) -> Self:
        """Return where self is inf or -inf."""
        return self._unary(arithmetic.isinf)

    def isfinite(self) -> Self:
        """Return where self is neither infinite nor NaN."""
        return self._unary(arithmetic.isfinite)

    def maximum(self, other: Self) -> Self:
        """Return the larger of the two, or NaN; where they are equal each gets half of the gradient."""
        return self._binary(arithmetic.maximum, no_number(other, "maximum"))

    def minimum(self, other: Self) -> Self:
        """Return the smaller of the two, or NaN; where they are equal each gets half of the gradient."""
        return self._binary(arithmetic.minimum, no_number(other, "minimum"))

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

    def _slice(self, dim: int, part: Any) -> Self:
        return self._unary(indexing.getitem, index=(*(slice(None),) * dim, part, ...))
