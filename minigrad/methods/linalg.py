"""Linear algebra: products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from typing import Self

from minigrad.autodiff import TensorBase
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.methods.arithmetic import ArithmeticMethods, times_alpha
from minigrad.methods.interface import has_in_place
from minigrad.ops import linalg, reduction, shape


@methods_explain_errors
class LinearAlgebraMethods(ArithmeticMethods):
    """matmul and related methods."""

    def __matmul__(self, other: Self) -> Self:
        if not isinstance(other, TensorBase):
            return NotImplemented
        left, right = self.shape, other.shape
        if len(left) > 1 < len(right):
            return linalg.matmul(self, other)
        if not left or not right:
            raise RuntimeError(f"matmul: both arguments need an axis, but the shapes are {list(left)} and {list(right)}")
        # A vector is a row on the left and a column on the right; its axis of size 1 is removed from the result.
        a = self if len(left) > 1 else shape.reshape(self, shape=(1, *left))
        b = other if len(right) > 1 else shape.reshape(other, shape=(*right, 1))
        product = linalg.matmul(a, b)
        batch, n, m = product.shape[:-2], product.shape[-2:-1], product.shape[-1:]
        return shape.reshape(product, shape=batch + (n if len(left) > 1 else ()) + (m if len(right) > 1 else ()))

    def matmul(self, other: Self) -> Self:
        """Return the matrix product, with torch's rules for shapes.

        ``(n,) (n,) -> ()``, ``(n, k) (k,) -> (n,)``, ``(k,) (k, m) -> (m,)``, ``(n, k) (k, m) -> (n, m)``; axes before the
        last two broadcast.

        Raises:
            RuntimeError: The inner sizes differ, or an operand has no axes.
        """
        return self @ other

    def _product(self, other: Self, name: str, left: int, right: int) -> Self:
        if (len(self.shape), len(other.shape)) != (left, right):
            raise RuntimeError(
                f"{name}: the operands must have {left} and {right} axes, but their shapes are {list(self.shape)} and "
                f"{list(other.shape)}"
            )
        return self @ other

    def mm(self, mat2: Self) -> Self:
        """Return the product of two matrices, (n, k) and (k, m)."""
        return self._product(mat2, "mm", 2, 2)

    def dot(self, tensor: Self) -> Self:
        """Return the inner product of two vectors."""
        return self._product(tensor, "dot", 1, 1)

    def mv(self, vec: Self) -> Self:
        """Return the product of a matrix (n, k) and a vector (k,)."""
        return self._product(vec, "mv", 2, 1)

    def bmm(self, mat2: Self) -> Self:
        """Return the products of the matrices of two batches, (b, n, k) and (b, k, m)."""
        if self.shape[:1] != mat2.shape[:1]:
            raise RuntimeError(f"bmm: the batches differ in size, {list(self.shape)} and {list(mat2.shape)}")
        return self._product(mat2, "bmm", 3, 3)

    @has_in_place
    def addmm(self, mat1: Self, mat2: Self, *, beta: float = 1, alpha: float = 1) -> Self:
        """Return beta self + alpha mat1 @ mat2."""
        start = self if beta == 1 else self * beta
        return start + times_alpha(self, mat1.mm(mat2), alpha)

    def outer(self, vec2: Self) -> Self:
        """Return the outer product (n, m) of two vectors (n,) and (m,): the product of each pair of elements."""
        if len(self.shape) != 1 or len(vec2.shape) != 1:
            raise RuntimeError(f"outer: both must be vectors, but the shapes are {list(self.shape)} and {list(vec2.shape)}")
        return shape.reshape(self, shape=(*self.shape, 1)) * vec2

    def trace(self) -> Self:
        """Return the sum of the diagonal of a matrix."""
        if len(self.shape) != 2:
            raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(self.shape)}")
        return reduction.sum_(shape.diagonal(self, offset=0, dims=(0, 1)), dim=None, keepdim=False)
