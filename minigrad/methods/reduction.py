"""Reductions, sorting and softmax. `dim` is an axis or several; negative ones count from the end, None means all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from minigrad.autodiff import TensorBase
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.methods.arithmetic import ArithmeticMethods
from minigrad.methods.interface import has_in_place, integer, require_tensor
from minigrad.ops import arithmetic, elementary, indexing, reduction, selection, shape
from minigrad.ops.indexing import axis_index
from minigrad.ops.neural import log_softmax, softmax
from minigrad.ops.shape import axes, axis
from minigrad.primitive import Primitive
from minigrad.promotion import Operand, in_single

Dim = int | Sequence[int] | None


class ValuesIndices(NamedTuple):
    """Elements selected along an axis, and their indices."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


@methods_explain_errors
class ReductionMethods(ArithmeticMethods):
    """sum, mean, max, sort, softmax and related methods."""

    def _reduce(self, op: Primitive, dim: Dim, keepdim: bool) -> Self:
        return op(self, dim=axes(dim, len(self.shape)), keepdim=keepdim)

    def _reduce_nonempty(self, op: Primitive, dim: Dim, keepdim: bool) -> Self:
        """Apply a reduction that needs at least one element."""
        dims = None if dim is None else axes(dim, len(self.shape)) or tuple(range(len(self.shape)))
        for k in dims or ():
            if self.shape[k] == 0:
                raise IndexError(f"{op.name}(): Expected reduction dim {k} to have non-zero size.")
        return op(self, dim=dims, keepdim=keepdim)

    def sum(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the sum, in the given dtype; by default that of self, or int64 for integers and booleans."""
        if dtype is not None:
            return self.to(dtype).sum(dim, keepdim).to(dtype)
        return self._reduce(reduction.sum_, dim, keepdim)

    def mean(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the mean, computed in the given dtype; NaN for empty input.

        Raises:
            RuntimeError: The elements are integers or booleans: convert them with ``float()`` first.
        """
        if dtype is not None:
            return self.to(dtype).mean(dim, keepdim)
        return self._reduce(reduction.mean, dim, keepdim)

    @in_single
    def prod(self, dim: int | None = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the product, in the given dtype; by default that of self, or int64 for integers and booleans.

        It multiplies one half by the other until one element is left, so that gradients are right also at zeros.
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
            left, right, *last = indexing.split(x, [n // 2, n // 2, *[1] * (n % 2)], k)
            x = indexing.cat(left * right, *last, dim=k) if last else left * right
        if x.shape[k] == 0:
            x = x.sum(k, keepdim=True) + 1
        return x.sum(k, keepdim)

    @in_single
    def var(
        self, dim: Dim | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
    ) -> Self:
        """Return the variance: the sum of (x - mean)^2, divided by n - correction.

        Args:
            dim: The axes; all by default. A boolean in its place is `unbiased`, as in torch.
            unbiased: True for a correction of 1, False for 0.
            keepdim: Keep the axes, with size 1.
            correction: What is subtracted from the number of elements n; 1 by default.

        Raises:
            TypeError: Both unbiased and a correction are given.
        """
        deviation, dims, degrees = self._deviation(dim, unbiased, correction)
        return (deviation * deviation).sum(dims, keepdim) / degrees

    def _deviation(self, dim: Any, unbiased: bool | None, correction: float | None) -> tuple[Self, Any, float]:
        """Return the deviations from the mean, the axes, and the degrees of freedom, of `var` and `std`."""
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if unbiased is not None and correction is not None:
            raise TypeError("var: give either unbiased or a correction, not both")
        if correction is None:
            correction = 1 if unbiased is None else int(unbiased)
        dims = axes(dim, len(self.shape))
        degrees = max(0, reduction.reduced_size(self.shape, dims) - correction)
        return self - self._reduce(reduction.mean, dims, True), dims, degrees

    @in_single
    def std(
        self, dim: Dim | bool = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
    ) -> Self:
        """Return the standard deviation, the square root of `var`; its derivative is 0 where all elements are equal."""
        deviation, dims, degrees = self._deviation(dim, unbiased, correction)
        return reduction.norm(deviation, dim=dims, keepdim=keepdim) / math.sqrt(degrees)

    @in_single
    def norm(self, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False) -> Self:
        """Return the p-norm, (sum |x|^p)^(1/p), over all elements or along dim. p may be inf, -inf or 0.

        Its derivative at 0 is 0.

        Raises:
            RuntimeError: The elements are integers or booleans, or there is no such p.
        """
        if not self.is_floating_point():
            raise RuntimeError(f"norm: expected a floating point tensor, but got {self.array.dtype}: convert it with float()")
        if p in (None, "fro"):
            p = 2
        if not isinstance(p, int | float):
            raise RuntimeError(f"norm: p must be a scalar or 'fro', but is {p!r}")
        if math.isinf(p):
            extremum = self.abs().amax if p > 0 else self.abs().amin
            return extremum(() if dim is None else dim, keepdim)
        if p == 0:
            return selection.where(self.ne(0), selection.fill(self, value=1), 0).sum(dim, keepdim)
        return reduction.norm(self, p=p, dim=axes(dim, len(self.shape)), keepdim=keepdim)

    def logsumexp(self, dim: Dim, keepdim: bool = False) -> Self:
        """Return log(sum(exp(x))) along dim, without overflow."""
        return self._reduce(reduction.logsumexp, dim, keepdim)

    @has_in_place
    def cumsum(self, dim: int, *, dtype: Any = None) -> Self:
        """Return the cumulative sum along dim, in the given dtype."""
        if dtype is not None:
            return self.to(dtype).cumsum(dim).to(dtype)
        k = axis(dim, len(self.shape))
        return reduction.cumsum(self, dim=k) if self.shape else self.sum()

    @has_in_place
    @in_single
    def cumprod(self, dim: int, *, dtype: Any = None) -> Self:
        """Return the cumulative product along dim, in the given dtype; that of integers is int64."""
        if dtype is None:
            dtype = self.array.dtype if self.array.dtype.kind == "f" else np.int64
        return self.to(dtype)._scan(arithmetic.mul, dim)

    @in_single
    def logcumsumexp(self, dim: int) -> Self:
        """Return log(cumsum(exp(x))) along dim, without overflow."""
        return self._scan(elementary.logaddexp, dim)

    def _scan(self, op: Primitive, dim: int) -> Self:
        """Return op over the first one, two, three, ... elements along dim, in log2(n) steps; products with 0 are right."""
        k, x, step = axis(dim, len(self.shape)), shape.clone(self), 1
        n = self.shape[k] if self.shape else 1
        while step < n:
            first, others = indexing.split(x, [step, n - step], k)
            x = indexing.cat(first, op(others, indexing.split(x, [n - step, step], k)[0]), dim=k)
            step *= 2
        return x

    def nansum(self, dim: Dim = None, keepdim: bool = False, *, dtype: Any = None) -> Self:
        """Return the sum of the elements that are not NaN."""
        return selection.where(self.isnan(), 0, self).sum(dim, keepdim, dtype=dtype)

    def count_nonzero(self, dim: Dim = None) -> Self:
        """Return how many elements are not zero, along dim or in all."""
        return self.ne(0).sum(dim)

    def diff(self, n: int = 1, dim: int = -1, prepend: Self | None = None, append: Self | None = None) -> Self:
        """Return the differences between neighbours along dim, n times; first the tensors at both ends are joined to self."""
        k = axis(dim, len(self.shape))
        if not self.shape:
            raise RuntimeError("diff expects input to be at least one-dimensional")
        if n < 0:
            raise RuntimeError(f"order must be non-negative but got {n}")
        parts = [t for t in (prepend, self, append) if t is not None] if n else [self]
        x: Self = indexing.cat(*parts, dim=k) if len(parts) > 1 else shape.clone(self)
        for _ in range(min(n, x.shape[k])):
            later, earlier = (indexing.getitem(x, index=axis_index(k, part)) for part in (slice(1, None), slice(-1)))
            x = later ^ earlier if x.array.dtype.kind == "b" else later - earlier
        return x

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> Self:
        """Return the indices that sort the elements along dim. The sort is always stable; NaN is the largest."""
        k = axis(dim, len(self.shape))
        return reduction.argsort(self, dim=k, descending=descending) if self.shape else self.argmax()

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> ValuesIndices:
        """Return ``(values, indices)``: the sorted elements along dim, and the indices that sort them; NaN is the largest."""
        order = self.argsort(dim, descending)
        return ValuesIndices(self._gather_along(order, dim), order)

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
        """Return ``(values, indices)`` of the k largest or smallest elements along dim, always sorted.

        Raises:
            RuntimeError: There are fewer than k elements.
        """
        axis_of_k, k = axis(dim, len(self.shape)), integer(k, "topk", "k")
        if not 0 <= k <= (self.shape[axis_of_k] if self.shape else 1):
            raise RuntimeError(f"topk: k = {k} is out of range for the shape {list(self.shape)} along dim {dim}")
        if not self.shape:
            return ValuesIndices(shape.clone(self), self.argmax())
        order = reduction.argtop(self, k=k, dim=axis_of_k, largest=largest)
        return ValuesIndices(self._gather_along(order, dim), order)

    def _gather_along(self, order: Self, dim: int) -> Self:
        """Return the elements at indices along dim."""
        return indexing.gather(self, order, dim=axis(dim, len(self.shape))) if self.shape else shape.clone(self)

    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Return the median, the lower of two middle elements, or NaN; with dim, ``(values, indices)`` along it."""
        if dim is None:
            flat = shape.reshape(self, shape=(math.prod(self.shape),))
            return flat.median(0).values if flat.shape[0] else flat.mean()
        k = axis(dim, len(self.shape))
        first_nan = self.argmax(dim, keepdim=True)  # if there is a NaN
        order = self.argsort(dim)
        if self.shape:
            middle = slice((order.shape[k] - 1) // 2, (order.shape[k] + 1) // 2)
            order = indexing.getitem(order, index=axis_index(k, middle))
        indices = selection.where(self._gather_along(first_nan, dim).isnan(), first_nan, order)
        return self._along_axis(indices, dim, keepdim)

    def amax(self, dim: Dim = (), keepdim: bool = False) -> Self:
        """Return the largest element; equal elements share the gradient."""
        return self._reduce_nonempty(reduction.amax, dim, keepdim)

    def amin(self, dim: Dim = (), keepdim: bool = False) -> Self:
        """Return the smallest element; equal elements share the gradient."""
        return self._reduce_nonempty(reduction.amin, dim, keepdim)

    def max(self, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
        """Return the largest element; with dim, ``(values, indices)`` along it; with a tensor, the larger of the two.

        Equal elements share the gradient without dim; with dim the one at the index has it, as in torch.
        """
        return self._min_max(reduction.amax, reduction.argmax, dim, keepdim)

    def min(self, dim: int | Operand | None = None, keepdim: bool = False) -> Any:
        """Return the smallest element; with dim, ``(values, indices)`` along it; with a tensor, the smaller of the two.

        Equal elements share the gradient without dim; with dim the one at the index has it, as in torch.
        """
        return self._min_max(reduction.amin, reduction.argmin, dim, keepdim)

    def _min_max(self, value: Primitive, index: Primitive, dim: Any, keepdim: bool) -> Any:
        if dim is None:
            return self._reduce(value, None, keepdim)
        if isinstance(dim, TensorBase):
            return (arithmetic.maximum if value is reduction.amax else arithmetic.minimum)(self, dim)
        return self._along_axis(self._arg_reduce(index, dim, True), dim, keepdim)

    def _along_axis(self, indices: Self, dim: int, keepdim: bool) -> ValuesIndices:
        """Return the elements at indices, of which there is one along dim."""
        values = self._gather_along(indices, dim)
        if not keepdim and self.shape:
            kept = tuple(n for k, n in enumerate(self.shape) if k != axis(dim, len(self.shape)))
            values, indices = shape.reshape(values, shape=kept), shape.reshape(indices, shape=kept)
        return ValuesIndices(values, indices)

    def _arg_reduce(self, op: Primitive, dim: int | None, keepdim: bool) -> Self:
        k = None if dim is None else axis(dim, len(self.shape))
        if 0 in self.shape and (k is None or self.shape[k] == 0):
            raise IndexError(f"{op.name}(): there is no element along dim {dim}, the shape is {list(self.shape)}")
        return op(self, dim=k if self.shape else None, keepdim=keepdim)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Return the index of the first largest element, along dim or in the flattened tensor."""
        return self._arg_reduce(reduction.argmax, dim, keepdim)

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Self:
        """Return the index of the first smallest element, along dim or in the flattened tensor."""
        return self._arg_reduce(reduction.argmin, dim, keepdim)

    def any(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return whether any element is not zero; uint8 for uint8, as in torch."""
        return self._reduce(reduction.any_, dim, keepdim)

    def all(self, dim: Dim = None, keepdim: bool = False) -> Self:
        """Return whether no element is zero; uint8 for uint8, as in torch."""
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
        if x.array.dtype.kind == "b":
            return bool(x.eq(y).all())
        near = x.eq(y) | ((x - y).abs() <= atol + rtol * y.abs()) & y.isfinite()
        return bool((near | x.isnan() & y.isnan() if equal_nan else near).all())

    def softmax(self, dim: int, dtype: Any = None) -> Self:
        """Return exp(x) / sum(exp(x)) along dim, without overflow, computed in the given dtype."""
        return self._softmax(softmax, dim, dtype)

    def log_softmax(self, dim: int, dtype: Any = None) -> Self:
        """Return log(softmax(x)) along dim, without overflow, computed in the given dtype."""
        return self._softmax(log_softmax, dim, dtype)

    def _softmax(self, op: Primitive, dim: int, dtype: Any) -> Self:
        x = self if dtype is None else self.to(dtype)
        k = axis(dim, len(self.shape))
        if not self.shape:  # a scalar is a vector of one element
            return shape.reshape(op(shape.reshape(x, shape=(1,)), dim=0), shape=())
        return op(x, dim=k)
