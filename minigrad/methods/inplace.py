"""In-place operations: the result goes into the memory of the tensor. Their names end in an underscore.

They are recorded like any operation. A leaf that requires a gradient may be written to only inside ``no_grad()``.
"""

from __future__ import annotations

from typing import Any, Self

from minigrad.methods.arithmetic import Arithmetic, rounded_division, scaled
from minigrad.methods.carrier import Carrier, Operand
from minigrad.ops import arithmetic, elementary
from minigrad.random import Generator, source


class InPlace(Arithmetic):
    """add_, zero_ and their kin, and the augmented assignments."""

    def __setitem__(self, index: Any, value: Operand) -> None:
        raise NotImplementedError

    def __iadd__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.add, other)

    def __isub__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.sub, other)

    def __imul__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.mul, other)

    def __itruediv__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.div, other)

    def __ifloordiv__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.floor_divide, other)

    def __imod__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.remainder, other)

    def __ipow__(self, exponent: Operand) -> Self:
        return self.pow_(exponent)

    def add_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Add alpha other."""
        return self._overwrite(arithmetic.add, scaled(self, other, alpha))

    def sub_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Subtract alpha other."""
        return self._overwrite(arithmetic.sub, scaled(self, other, alpha))

    def mul_(self, other: Operand) -> Self:
        """Multiply by other."""
        return self._overwrite(arithmetic.mul, other)

    def div_(self, other: Operand, *, rounding_mode: str | None = None) -> Self:
        """Divide by other, and round as `div` does."""
        return self._overwrite(rounded_division(rounding_mode), other)

    def pow_(self, exponent: Operand) -> Self:
        """Raise to the power of the exponent."""
        if isinstance(exponent, int | float):
            return self._overwrite(elementary.pow_scalar, exponent=exponent)
        return self._overwrite(elementary.pow_, exponent)

    def neg_(self) -> Self:
        """Change the sign."""
        return self._overwrite(arithmetic.neg)

    def abs_(self) -> Self:
        """Take the absolute value."""
        return self._overwrite(arithmetic.abs_)

    def exp_(self) -> Self:
        """Take e to the power of each element."""
        return self._overwrite(elementary.exp)

    def sqrt_(self) -> Self:
        """Take the square root."""
        return self._overwrite(elementary.sqrt)

    def relu_(self) -> Self:
        """Set negative elements to 0."""
        return self._overwrite(elementary.relu)

    def sigmoid_(self) -> Self:
        """Take 1 / (1 + exp(-x))."""
        return self._overwrite(elementary.sigmoid)

    def tanh_(self) -> Self:
        """Take the hyperbolic tangent."""
        return self._overwrite(elementary.tanh)

    def clamp_(self, min: Any = None, max: Any = None) -> Self:
        """Replace what exceeds a bound by the bound.

        Raises:
            RuntimeError: Neither bound is given.
        """
        if min is None and max is None:
            raise RuntimeError("torch.clamp_: At least one of 'min' or 'max' must not be None")
        if isinstance(min, Carrier) or isinstance(max, Carrier):
            return self._put(self.clamp(min, max), "clamp_")
        return self._overwrite(arithmetic.clamp, low=min, high=max)

    def zero_(self) -> Self:
        """Set every element to 0."""
        return self.copy_(0)

    def fill_(self, value: Operand) -> Self:
        """Set every element to a number, or to the value of a tensor without axes.

        Raises:
            RuntimeError: The value has axes.
        """
        if self._constant(value).shape:
            raise RuntimeError("fill_ only supports 0-dimension value tensor: to copy several elements use copy_")
        return self.copy_(value)

    def copy_(self, src: Operand) -> Self:
        """Set the elements to those of src, which broadcasts; a gradient flows back to src."""
        self[...] = src
        return self

    def masked_fill_(self, mask: Self, value: Operand) -> Self:
        """Set the elements where the mask, which broadcasts, is True to a number."""
        return self._put(self.masked_fill(mask, value), "masked_fill_")

    def _put(self, result: Self, name: str) -> Self:
        """Put what was computed from self, without keeping its values, in its place."""
        self._check_fit(result, name)
        return self.copy_(result)

    def normal_(self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Draw each element from the normal distribution.

        Raises:
            RuntimeError: std is negative.
        """
        if std < 0:
            raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
        return self.copy_(source(generator).standard_normal(self.shape) * std + mean)

    def uniform_(self, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Self:
        """Draw each element uniformly from [from_, to).

        Raises:
            RuntimeError: from_ is greater than to.
        """
        if from_ > to:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}")
        return self.copy_(source(generator).random(self.shape) * (to - from_) + from_)
