"""In-place methods without an out-of-place form, and assignment to an index.

The in-place forms of other methods, such as ``x.add_(y)``, are in `InPlaceForms`. All are recorded, as any operation. A leaf
that requires a gradient may be written to only inside ``no_grad()``.
"""

from typing import Any, Self

import numpy as np

from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.methods.arithmetic import ArithmeticMethods
from minigrad.methods.in_place_forms import InPlaceForms
from minigrad.methods.indexing import normalize_index
from minigrad.ops.indexing import getitem
from minigrad.promotion import Operand, as_value


@methods_explain_errors
class InPlaceMethods(InPlaceForms, ArithmeticMethods):
    """copy_, zero_ and related methods."""

    def __setitem__(self, index: Any, value: Operand) -> None:
        *first, last = normalize_index(index)
        target = getitem(self, index=first[0]) if first else self
        target.set_item(last, as_value(value, self))

    def copy_(self, src: Operand) -> Self:
        """Set the elements to those of src, which broadcasts; a gradient flows back to src."""
        self[...] = src
        return self

    def zero_(self) -> Self:
        """Set every element to 0."""
        return self.copy_(0)

    def fill_(self, value: Operand) -> Self:
        """Set every element to a scalar or to the value of a 0-d tensor.

        Raises:
            RuntimeError: The value has axes.
        """
        if as_value(value, self).array.shape:
            raise RuntimeError("fill_ only supports 0-dimension value tensor: to copy several elements use copy_")
        return self.copy_(value)

    def fill_diagonal_(self, fill_value: Operand) -> Self:
        """Set the elements whose indices along all axes are equal to a scalar.

        Raises:
            RuntimeError: There are fewer than two axes, or more that differ in size.
        """
        shape = self.array.shape
        if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
            raise RuntimeError(f"fill_diagonal_: expected a matrix, or axes of one size, but the shape is {list(shape)}")
        self[(np.arange(min(shape)),) * len(shape)] = fill_value
        return self
