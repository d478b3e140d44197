"""Reductions. `dim` is an axis or several, counted from the back if negative; None reduces over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from minigrad.methods.carrier import Carrier, Operand
from minigrad.ops import elementwise, reduction
from minigrad.ops.primitive import Primitive
from minigrad.ops.shape import axes, axis

Dim = int | Sequence[int] | None


class Extremes(NamedTuple):
    """The extreme elements along an axis, and the position of the first of them."""

    values: Any
    indices: Any


class Reductions(Carrier):
    """sum, mean, max and their kin."""

    def _reduce(self, op: Primitive, dim: Dim, keepdim: bool) -> Self:
        return self._unary(op, dim=axes(dim, len(self.shape)), keepdim=keepdim)

    def sum(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return the sum; integers and booleans are added up as int64."""
        return self._reduce(reduction.sum_, dim, keepdim)

    def mean(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return the arithmetic mean; NaN of nothing.

        Raises:
            RuntimeError: The elements are integers or booleans: convert them with ``float()`` first.
        """
        return self._reduce(reduction.mean, dim, keepdim)

    def amax(self, dim: Dim = (), keepdim: bool = False) -> Self:
        """Return the largest element; equal ones share the gradient."""
        return self._reduce(reduction.amax, dim, keepdim)

    def amin(self, dim: Dim = (), keepdim: bool = False) -> Self:
        """Return the smallest element; equal ones share the gradient."""
        return self._reduce(reduction.amin, dim, keepdim)

    def max(self, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
        """Return the largest element; with dim, ``(values, indices)`` along it; with a tensor, the larger of the two.

        Equal elements share the gradient. (torch does so without dim, and gives all of it to one of them with dim.)
        """
        return self._extreme(reduction.amax, reduction.argmax, dim, keepdim)

    def min(self, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
        """Return the smallest element; with dim, ``(values, indices)`` along it; with a tensor, the smaller of the two.

        Equal elements share the gradient. (torch does so without dim, and gives all of it to one of them with dim.)
        """
        return self._extreme(reduction.amin, reduction.argmin, dim, keepdim)

    def _extreme(self, value: Primitive, position: Primitive, dim: Any, keepdim: bool) -> Any:
        if dim is None:
            return self._reduce(value, None, keepdim)
        if isinstance(dim, Carrier):
            return self._binary(elementwise.maximum if value is reduction.amax else elementwise.minimum, dim)
        return Extremes(self._reduce(value, dim, keepdim), self._position(position, dim, keepdim))

    def _position(self, op: Primitive, dim: int | None, keepdim: bool) -> Self:
        return self._unary(op, dim=None if dim is None or not self.shape else axis(dim, len(self.shape)), keepdim=keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Return the position of the largest element, the first of several, along dim or in the flattened tensor."""
        return self._position(reduction.argmax, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Return the position of the smallest element, the first of several, along dim or in the flattened tensor."""
        return self._position(reduction.argmin, dim, keepdim)

    def any(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return whether any element is not zero."""
        return self._reduce(reduction.any_, dim, keepdim)

    def all(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return whether no element is zero."""
        return self._reduce(reduction.all_, dim, keepdim)
