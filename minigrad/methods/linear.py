"""Linear algebra: products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from typing import Self

from minigrad.methods.carrier import Carrier
from minigrad.ops import linalg, shape


class Linear(Carrier):
    """matmul and its kin."""

    def __matmul__(self, other: Self) -> Self:
        if not isinstance(other, Carrier):
            return NotImplemented
        left, right = self.shape, other.shape
        if len(left) > 1 < len(right):
            return self._binary(linalg.matmul, other)
        if not left or not right:
            raise RuntimeError(f"matmul: both arguments need an axis, but the shapes are {list(left)} and {list(right)}")
        # A vector is a row on the left and a column on the right, and its axis of size 1 leaves with it.
        a = self if len(left) > 1 else self._unary(shape.reshape, shape=(1, *left))
        b = other if len(right) > 1 else other._unary(shape.reshape, shape=(*right, 1))
        product = a._binary(linalg.matmul, b)
        stack, n, m = product.shape[:-2], product.shape[-2:-1], product.shape[-1:]
        return product._unary(shape.reshape, shape=stack + (n if len(left) > 1 else ()) + (m if len(right) > 1 else ()))

    def matmul(self, other: Self) -> Self:
        """Return the matrix product, with torch's rules for shapes.

        ``(n,) (n,) -> ()``, ``(n, k) (k,) -> (n,)``, ``(k,) (k, m) -> (m,)``, ``(n, k) (k, m) -> (n, m)``; axes before the
        last two broadcast.

        Raises:
            RuntimeError: The inner sizes differ, or an operand has no axes.
        """
        return self @ other

    def mm(self, mat2: Self) -> Self:
        """Return the product of two matrices, (n, k) and (k, m)."""
        if len(self.shape) != 2 or len(mat2.shape) != 2:
            raise RuntimeError(f"mm: both must be matrices, but the shapes are {list(self.shape)} and {list(mat2.shape)}")
        return self @ mat2

    def dot(self, other: Self) -> Self:
        """Return the inner product of two vectors."""
        if len(self.shape) != 1 or len(other.shape) != 1:
            raise RuntimeError(f"dot: both must be vectors, but the shapes are {list(self.shape)} and {list(other.shape)}")
        return self @ other
