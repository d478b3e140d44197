"""Reductions. `dim` is an axis or several, counted from the back if negative; None reduces over all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from minigrad.autodiff import TensorBase
from minigrad.compat.numpy_kwargs import methods_accept_numpy_kwargs
from minigrad.methods.arithmetic import ArithmeticMethods
from minigrad.methods.interface import has_in_place, require_tensor
from minigrad.ops import arithmetic, elementary, indexing, reduction, selection, shape
from minigrad.ops.neural import log_softmax, softmax
from minigrad.ops.shape import axes, axis
from minigrad.primitive import Primitive
from minigrad.promotion import Operand

Dim = int | Sequence[int] | None


class Found(NamedTuple):
    """Elements found along an axis, and their positions."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


@methods_accept_numpy_kwargs
class ReductionMethods(ArithmeticMethods):
    """sum, mean, max and their kin."""

    def _reduce(self, op: Primitive, dim: Dim, keepdim: bool) -> Self:
        return op(self, dim=axes(dim, len(self.shape)), keepdim=keepdim)

    def _reduce_some(self, op: Primitive, dim: Dim, keepdim: bool) -> Self:
        """Reduce by an operation that needs at least one element."""
        dims = axes(dim, len(self.shape))
        for k in dims or ():
            if self.shape[k] == 0:
                raise IndexError(f"{op.name}(): Expected reduction dim {k} to have non-zero size.")
        return op(self, dim=dims, keepdim=keepdim)

    def sum(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the sum; integers and booleans are added up as int64, or all in another dtype if one is given."""
        if dtype is not None:
            return self.to(dtype).sum(dim, keepdim).to(dtype)
        return self._reduce(reduction.sum_, dim, keepdim)

    def mean(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the arithmetic mean, computed in another dtype if one is given; NaN of nothing.

        Raises:
            RuntimeError: The elements are integers or booleans: convert them with ``float()`` first.
        """
        if dtype is not None:
            return self.to(dtype).mean(dim, keepdim)
        return self._reduce(reduction.mean, dim, keepdim)

    def prod(self, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the product, multiplied by halves, so that the product rule gives every derivative, zeros or not.

        Integers and booleans are multiplied as int64, or all in another dtype if one is given.
        """
        if dtype is not None:
            return self.to(dtype).prod(dim, keepdim).to(dtype)
        x = self if self.array.dtype.kind == "f" else shape.cast(self, dtype=np.dtype(np.int64))
        if dim is None:
            return shape.reshape(x, shape=(math.prod(self.shape),)).prod(0)
        k = axis(dim, len(self.shape))
        if not self.shape:
            return x.sum()
        while (n := x.shape[k]) > 1:
            halves = (x._slice(k, slice(0, n // 2)), x._slice(k, slice(n // 2, n - n % 2)))
            product = halves[0] * halves[1]
            x = product if n % 2 == 0 else indexing.cat(product, x._slice(k, slice(n - 1, n)), dim=k)
        if x.shape[k] == 0:
            x = x.sum(k, keepdim=True) + 1
        return x.sum(k, keepdim)

    def var(
        self,
        dim: Dim | bool = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Self:
        """Return the variance, the squared distances from the mean added up and divided by n - correction.

        Args:
            dim: The axes; all by default. A boolean in its place is `unbiased`, as in torch.
            unbiased: True for a correction of 1, False for 0.
            keepdim: Keep the axes, with size 1.
            correction: What is taken from the number of elements, by default 1.

        Raises:
            TypeError: Both unbiased and a correction are given.
        """
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if unbiased is not None and correction is not None:
            raise TypeError("var: give either unbiased or a correction, not both")
        if correction is None:
            correction = 1 if unbiased is None else int(unbiased)
        dims = axes(dim, len(self.shape))
        distance = self - self._reduce(reduction.mean, dims, True)
        n = reduction.reduced_size(self.shape, dims)
        degrees = max(0, n - correction)
        return (distance * distance).sum(dims, keepdim) / degrees

    def std(
        self,
        dim: Dim | bool = None,
        unbiased: bool | None = None,
        keepdim: bool = False,
        *,
        correction: float | None = None,
    ) -> Self:
        """Return the standard deviation, the square root of `var`; its derivative where all are equal is 0."""
        return elementary.safe_sqrt(self.var(dim, unbiased, keepdim, correction=correction))

    def norm(self, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False) -> Self:
        """Return the p-norm, (sum |x|^p)^(1/p), of the tensor as one vector or of those along dim; p may be inf or 0.

        Its derivative at 0 is 0.

        Raises:
            RuntimeError: The elements are integers or booleans, or there is no such p.
        """
        if not self.is_floating_point():
            raise RuntimeError(f"norm: expected a floating point tensor, but got {self.array.dtype}: convert it with float()")
        if p in (None, "fro", 2):
            return elementary.safe_sqrt((self * self).sum(dim, keepdim))
        if not isinstance(p, int | float):
            raise RuntimeError(f"norm: p must be a number or 'fro', but is {p!r}")
        size = self.abs()
        if p == math.inf:
            return size.amax(() if dim is None else dim, keepdim)
        if p == -math.inf:
            return size.amin(() if dim is None else dim, keepdim)
        if p == 0:
            ones = selection.fill(self, value=1)
            return selection.where(self.ne(0), ones, 0).sum(dim, keepdim)
        if p == 1:
            return size.sum(dim, keepdim)
        total = (size**p).sum(dim, keepdim)
        # At 0 the outer power has the slope inf: there the sum is replaced before the power, not after it.
        empty = total.eq(0)
        safe = selection.where(empty, 1, total) ** (1 / p)
        return selection.where(empty, 0, safe)

    def logsumexp(self, dim: Dim, keepdim: bool = False) -> Self:
        """Return log(sum(exp(x))) along dim, without overflow."""
        return self._reduce(reduction.logsumexp, dim, keepdim)

    @has_in_place
    def cumsum(self, dim: int, *, dtype: Any = None) -> Self:
        """Return the sums of the first, the first two, ... elements along dim, in another dtype if one is given."""
        if dtype is not None:
            return self.to(dtype).cumsum(dim).to(dtype)
        k = axis(dim, len(self.shape))
        return reduction.cumsum(self, dim=k) if self.shape else self.sum()

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> Self:
        """Return the positions along dim in the order of the elements; equal ones keep their order in any case."""
        k = axis(dim, len(self.shape))
        return reduction.argsort(self, dim=k, descending=descending) if self.shape else self.argmax()

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> Found:
        """Return ``(values, indices)``: the elements along dim in order, and where they stood; NaN counts as largest."""
        order = self.argsort(dim, descending)
        return Found(self._taken(order, dim), order)

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
        """Return ``(values, indices)`` of the k largest or smallest elements along dim, in order in any case.

        Raises:
            RuntimeError: There are fewer than k.
        """
        if not 0 <= k <= (self.shape[dim] if self.shape else 1):
            raise RuntimeError(f"topk: k = {k} is out of range for the shape {list(self.shape)} along dim {dim}")
        order = self.argsort(dim, largest)
        order = order._slice(axis(dim, len(self.shape)), slice(0, k)) if self.shape else order
        return Found(self._taken(order, dim), order)

    def _taken(self, order: Self, dim: int) -> Self:
        return indexing.gather(self, order, dim=axis(dim, len(self.shape))) if self.shape else shape.clone(self)

    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Return the middle element, of two the lower, or NaN if there is one; with dim, ``(values, indices)`` along it."""
        if dim is None:
            flat = shape.reshape(self, shape=(math.prod(self.shape),))
            return flat.median(0).values if flat.shape[0] else flat.mean()
        k, last = axis(dim, len(self.shape)), self.argmax(dim, keepdim=True)  # the position of the first NaN if there is one
        order = self.argsort(dim)
        middle = order._slice(k, slice((order.shape[k] - 1) // 2, (order.shape[k] + 1) // 2)) if self.shape else order
        indices = selection.where(self._taken(last, dim).isnan(), last, middle)
        values = self._taken(indices, dim)
        return Found(values, indices) if keepdim else Found(values.sum(dim, dtype=self.array.dtype), indices.sum(dim))

    def amax(self, dim: Dim = (), keepdim: bool = False) -> Self:
        """Return the largest element; equal ones share the gradient."""
        return self._reduce_some(reduction.amax, dim, keepdim)

    def amin(self, dim: Dim = (), keepdim: bool = False) -> Self:
        """Return the smallest element; equal ones share the gradient."""
        return self._reduce_some(reduction.amin, dim, keepdim)

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
        if isinstance(dim, TensorBase):
            return (arithmetic.maximum if value is reduction.amax else arithmetic.minimum)(self, dim)
        return Found(self._reduce_some(value, dim, keepdim), self._position(position, dim, keepdim))

    def _position(self, op: Primitive, dim: int | None, keepdim: bool) -> Self:
        k = None if dim is None else axis(dim, len(self.shape))
        if 0 in self.shape and (k is None or self.shape[k] == 0):
            raise IndexError(f"{op.name}(): there is no element along dim {dim}, the shape is {list(self.shape)}")
        return op(self, dim=k if self.shape else None, keepdim=keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Return the position of the largest element, the first of several, along dim or in the flattened tensor."""
        return self._position(reduction.argmax, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Return the position of the smallest element, the first of several, along dim or in the flattened tensor."""
        return self._position(reduction.argmin, dim, keepdim)

    def any(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return whether any element is not zero; of uint8 as a uint8, as in torch."""
        return self._reduce(reduction.any_, dim, keepdim)

    def all(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return whether no element is zero; of uint8 as a uint8, as in torch."""
        return self._reduce(reduction.all_, dim, keepdim)

    def equal(self, other: Self) -> bool:
        """Return whether two tensors have the same shape and the same elements."""
        return tuple(self.shape) == tuple(require_tensor(other, "equal").shape) and bool(self.eq(other).all())

    def allclose(self, other: Self, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
        """Return whether all elements satisfy |self - other| <= atol + rtol |other|.

        Raises:
            RuntimeError: The dtypes differ, or the shapes do not broadcast.
        """
        if self.array.dtype != require_tensor(other, "allclose").array.dtype:
            raise RuntimeError(
                f"allclose: the tensors must have one dtype, but have {self.array.dtype} and {other.array.dtype}"
            )
        x, y = self.detach(), other.detach()
        near = x.eq(y) | ((x - y).abs() <= atol + rtol * y.abs()) & y.isfinite()
        return bool((near | x.isnan() & y.isnan() if equal_nan else near).all())

    def softmax(self, dim: int, dtype: Any = None) -> Self:
        """Return exp(x) / sum(exp(x)) along dim, without overflow; computed in another dtype if one is given."""
        return self._softmax(softmax, dim, dtype)

    def log_softmax(self, dim: int, dtype: Any = None) -> Self:
        """Return log(softmax(x)) along dim, without overflow; computed in another dtype if one is given."""
        return self._softmax(log_softmax, dim, dtype)

    def _softmax(self, op: Primitive, dim: int, dtype: Any) -> Self:
        x = self if dtype is None else self.to(dtype)
        k = axis(dim, len(self.shape))
        if not self.shape:  # a scalar is a vector of one element
            return shape.reshape(op(shape.reshape(x, shape=(1,)), dim=0), shape=())
        return op(x, dim=k)
