"""In-place operations: the result goes into the memory of the tensor. Their names end in an underscore.

They are recorded like any operation. A leaf that requires a gradient may be written to only inside ``no_grad()``.
"""

from __future__ import annotations

from typing import Self

from minigrad.methods.arithmetic import scaled
from minigrad.methods.carrier import Carrier, Operand
from minigrad.ops import arithmetic


class InPlace(Carrier):
    """add_, zero_ and their kin, and the augmented assignments."""

    def __iadd__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.add, other)

    def __isub__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.sub, other)

    def __imul__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.mul, other)

    def __itruediv__(self, other: Operand) -> Self:
        return self._overwrite(arithmetic.div, other)

    def add_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Add alpha other."""
        return self._overwrite(arithmetic.add, scaled(self, other, alpha))

    def sub_(self, other: Operand, *, alpha: float = 1) -> Self:
        """Subtract alpha other."""
        return self._overwrite(arithmetic.sub, scaled(self, other, alpha))

    def mul_(self, other: Operand) -> Self:
        """Multiply by other."""
        return self._overwrite(arithmetic.mul, other)

    def div_(self, other: Operand) -> Self:
        """Divide by other."""
        return self._overwrite(arithmetic.div, other)

    def zero_(self) -> Self:
        """Set every element to 0."""
        return self._overwrite(arithmetic.fill, value=0)

    def fill_(self, value: float) -> Self:
        """Set every element to a number."""
        return self._overwrite(arithmetic.fill, value=value)
