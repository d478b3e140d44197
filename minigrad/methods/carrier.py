"""What the methods need of the class that they are mixed into."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

import numpy as np

from minigrad.primitive import Array, Primitive

Number: TypeAlias = bool | int | float
Operand: TypeAlias = "Carrier | Number | Array"


class Carrier:
    """Something that primitives can be applied to; see `minigrad.Tensor`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the axes."""
        raise NotImplementedError

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are carried to it."""
        raise NotImplementedError

    @property
    def is_leaf(self) -> bool:
        """Whether nobody computed it."""
        raise NotImplementedError

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad`."""
        raise NotImplementedError

    def detach(self) -> Self:
        """Return the same without a place in the graph."""
        raise NotImplementedError

    def to(self, *target: Any, copy: bool = False) -> Self:
        """Return the same in another dtype."""
        raise NotImplementedError

    def _is_contiguous(self) -> bool:
        """Return whether the elements lie in row-major order without gaps."""
        raise NotImplementedError

    def _kind(self) -> np.dtype[Any]:
        """Return the NumPy dtype of the elements."""
        raise NotImplementedError

    def is_floating_point(self) -> bool:
        """Return whether the elements are floating-point numbers."""
        raise NotImplementedError

    def _unary(self, op: Primitive, **attributes: Any) -> Self:
        """Apply a primitive that takes one array, and perhaps keyword arguments."""
        raise NotImplementedError

    def _binary(self, op: Primitive, other: Operand) -> Self:
        """Apply a primitive that takes two arrays and nothing else to self and other.

        Raises:
            TypeError: The other is neither a tensor nor a number nor an array.
        """
        raise NotImplementedError

    def _apply(self, op: Primitive, *others: Operand, **attributes: Any) -> Self:
        """Apply any primitive to self, further operands, and keyword arguments."""
        raise NotImplementedError

    def _constant(self, value: Operand) -> Self:
        """Return an operand as something of this class; a number takes the dtype that it would take beside self."""
        raise NotImplementedError

    def _around(self, array: Array) -> Self:
        """Return a tensor around an array, with the place of self in the graph."""
        raise NotImplementedError
