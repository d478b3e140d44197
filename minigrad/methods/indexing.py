"""Indexing with brackets, and gather and scatter methods."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import index as index_of
from types import EllipsisType
from typing import Any, Self

import numpy as np

from minigrad.autodiff import TensorBase
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.grad_mode import call_numpy, tell
from minigrad.methods.arithmetic import ArithmeticMethods, times_alpha
from minigrad.methods.interface import has_in_place, integer
from minigrad.multi_output import split_into_views
from minigrad.ops import indexing, shape
from minigrad.ops.indexing import axis_index, axis_indices
from minigrad.ops.shape import axis, broadcast_shapes
from minigrad.primitive import Array, expand
from minigrad.promotion import Operand, Scalar, as_operand, as_value


@methods_explain_errors
class IndexingMethods(ArithmeticMethods):
    """x[index], gather, scatter and related methods."""

    def __getitem__(self, index: Any) -> Self:
        x = self
        for step in normalize_index(index):
            x = indexing.getitem(x, index=step)
        return x

    def __iter__(self) -> Iterator[Self]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """Return the indices of the elements that are not zero, (n, ndim); with as_tuple a vector (n,) for each axis."""
        if as_tuple:
            return indexing.nonzero(self._at_least_1d()).unbind(1)
        return indexing.nonzero(self)

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """Return a view of `length` elements along dim, from `start` on.

        Raises:
            IndexError: The start is out of range.
            RuntimeError: There are fewer elements.
        """
        k, n = self._axis_and_size("narrow", dim)
        if not -n <= start <= n:
            raise IndexError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
        begin = start + n if start < 0 else start
        if not 0 <= begin <= begin + length <= n:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
        return indexing.getitem(self, index=axis_index(k, slice(begin, begin + length)))

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Return consecutive views along dim, each of size split_size, the last perhaps smaller; or of the sizes in a list.

        Raises:
            RuntimeError: The sizes do not add up to the size of the axis.
        """
        k, n = self._axis_and_size("split", dim)
        if not isinstance(split_size, Sequence):
            step = index_of(split_size)
            if step <= 0:
                raise RuntimeError(f"split expects split_size to be positive, but got {step}")
            split_size = [min(step, n - start) for start in range(0, n, step)] or [0]
        if sum(split_size) != n or min(split_size) < 0:
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n}, but got {list(split_size)}")
        slices = [slice(end - size, end) for size, end in zip(split_size, accumulate(split_size), strict=True)]
        return split_into_views(self, axis_indices(k, slices))

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """Return views of equal size along dim, at most so many, the last perhaps smaller."""
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        _, n = self._axis_and_size("chunk", dim)
        return self.split(-(-n // chunks) if n else [0] * chunks, dim)

    def _axis_and_size(self, name: str, dim: int) -> tuple[int, int]:
        """Return an axis, as an index that is not negative, and its size."""
        k = axis(dim, len(self.shape))
        if not self.shape:
            raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
        return k, self.shape[k]

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """Return the slices along dim as views, without that axis."""
        k = axis(dim, len(self.shape))
        return split_into_views(self, axis_indices(k, range(self.shape[k])))

    def select(self, dim: int, index: int) -> Self:
        """Return the slice at one index along dim as a view, without that axis."""
        return indexing.getitem(self, index=axis_index(axis(dim, len(self.shape)), integer(index, "select", "index")))

    def index_select(self, dim: int, index: Self) -> Self:
        """Return a copy of the slices along dim at the indices in a vector of integers.

        Raises:
            IndexError: An index is out of range, or the indices are no vector.
            RuntimeError: The indices are not integers.
        """
        x = self._at_least_1d()
        k = axis(dim, len(x.shape))
        selected = indexing.getitem(x, index=axis_index(k, _index_vector("index_select", index, x.shape[k])))
        return selected if self.shape else shape.reshape(selected, shape=())

    def masked_select(self, mask: Self) -> Self:
        """Return a vector of the elements where the mask, which broadcasts with self, is True.

        Raises:
            RuntimeError: The mask is not boolean, or does not broadcast.
        """
        if mask.array.dtype.kind != "b":
            raise RuntimeError(f"masked_select: expected BoolTensor for mask, but got {mask.array.dtype}")
        full = broadcast_shapes("masked_select", self.shape, mask.shape)
        return expand(self, shape=full)[expand(mask, shape=full)]

    def gather(self, dim: int, index: Self) -> Self:
        """Return a tensor of the index's shape: ``out[i][j][k] = self[i][index[i][j][k]][k]`` for dim 1, and so on.

        Raises:
            RuntimeError: The index has another number of axes, is larger than self along another axis than dim, is not of
                integers, or is out of range.
        """
        x, at, k = self._checked_index("gather", dim, index)
        part = indexing.getitem(x, index=(*(slice(None) if d == k else slice(n) for d, n in enumerate(at.shape)), ...))
        return shape.reshape(indexing.gather(part, at, dim=k), shape=index.array.shape)

    def _at_least_1d(self) -> Self:
        """Return self, or a 0-d tensor as a vector of one element."""
        return self if self.shape else shape.reshape(self, shape=(1,))

    def _checked_index(self, name: str, dim: int, index: Self) -> tuple[Self, Self, int]:
        """Return self and an index along dim, both with an axis at least, and the axis, after checking the index."""
        x, at = self._at_least_1d(), index._at_least_1d()
        k = axis(dim, len(x.shape))
        if len(at.shape) != len(x.shape):
            raise RuntimeError(f"{name}: Index tensor must have the same number of dimensions as input tensor")
        if any(n > m for d, (n, m) in enumerate(zip(at.shape, x.shape, strict=True)) if d != k):
            raise RuntimeError(
                f"{name}: the index {list(at.shape)} is larger than the input {list(x.shape)} apart from dimension {k}"
            )
        check_indices(name, at, x.shape[k], RuntimeError)
        return x, at, k

    def take_along_dim(self, indices: Self, dim: int | None = None) -> Self:
        """Return the elements at indices along dim, as `gather`, or without dim in the flattened tensor.

        The other axes broadcast. Negative indices count from the end.

        Raises:
            RuntimeError: The indices are not integers, are out of range, or do not broadcast.
        """
        if dim is None:
            flat, flat_indices = (shape.reshape(x, shape=(math.prod(x.shape),)) for x in (self, indices))
            return flat.take_along_dim(flat_indices, 0)
        k = axis(dim, len(self.shape))
        if len(indices.shape) != len(self.shape):
            raise RuntimeError("take_along_dim: input and indices should have the same number of dimensions")
        others = [(*x.shape[:k], 1, *x.shape[k + 1 :]) for x in (self, indices)]
        full = broadcast_shapes("take_along_dim", *others)
        x, index = self, indices + indices.lt(0) * self.shape[k]
        x, index = (expand(t, shape=(*full[:k], t.shape[k], *full[k + 1 :])) for t in (x, index))
        return x.gather(k, index)

    @has_in_place
    def scatter_add(self, dim: int, index: Self, src: Self) -> Self:
        """Return self with src added: ``out[i][index[i][j][k]][k] += src[i][j][k]`` for dim 1, and so on.

        Raises:
            RuntimeError: The index has another number of axes, is larger than src, or than self along another axis than dim,
                is not of integers, or is out of range; or src has another dtype.
        """
        x, at, k = self._checked_index("scatter_add", dim, index)
        added = indexing.scatter_add(at, self._leading_part("scatter_add", src, at), shape=x.array.shape, dim=k)
        return self + shape.reshape(added, shape=self.array.shape)

    @has_in_place
    def scatter(self, dim: int, index: Self, src: Self | Scalar | None = None, *, value: Scalar | None = None) -> Self:
        """Return self with src, or one value, put in: ``out[i][index[i][j][k]][k] = src[i][j][k]`` for dim 1, and so on.

        Raises:
            TypeError: Not exactly one of src and value is given.
            RuntimeError: As by `scatter_add`.
        """
        source = value if src is None else src
        if source is None or (src is not None and value is not None):
            raise TypeError("scatter(): give either src or value")
        x, at, k = self._checked_index("scatter", dim, index)
        values = self._leading_part("scatter", source, at) if isinstance(source, TensorBase) else as_value(source, self)
        replaced = indexing.setitem(x, values, index=indexing.gather_index(np.array(at), k))
        return shape.reshape(replaced, shape=self.array.shape)

    def _leading_part(self, name: str, src: Self, index: Self) -> Self:
        """Return the leading part of src that has the shape of an index."""
        source = src._at_least_1d()
        if len(source.shape) != len(index.shape) or any(n > m for n, m in zip(index.shape, source.shape, strict=True)):
            raise RuntimeError(f"{name}: the index {list(index.shape)} is larger than src, {list(src.shape)}")
        self._check_dtype(name, src)
        return indexing.getitem(source, index=(*(slice(n) for n in index.shape), ...))

    def _check_dtype(self, name: str, source: TensorBase) -> None:
        if source.array.dtype != self.array.dtype:
            raise RuntimeError(f"{name}: self is {self.array.dtype}, but the source is {source.array.dtype}")

    @has_in_place
    def index_add(self, dim: int, index: Self, source: Self, *, alpha: float = 1) -> Self:
        """Return self with alpha source added to the slices along dim at the indices in a vector.

        Raises:
            IndexError: An index is out of range, or the indices are no vector.
            RuntimeError: The indices are not integers, or source has another dtype or shape than the slices.
        """
        at, slices = self._slices("index_add", dim, index, source)
        added = indexing.getitem_adjoint(slices, index=at, shape=self.array.shape or (1,))
        return self + times_alpha(self, shape.reshape(added, shape=self.array.shape), alpha)

    @has_in_place
    def index_copy(self, dim: int, index: Self, source: Self) -> Self:
        """Return self with the slices along dim at the indices in a vector replaced by those of source.

        Raises:
            IndexError: An index is out of range, or the indices are no vector.
            RuntimeError: The indices are not integers, or source has another dtype or shape than the slices.
        """
        at, slices = self._slices("index_copy", dim, index, source)
        replaced = indexing.setitem(self._at_least_1d(), slices, index=at)
        return shape.reshape(replaced, shape=self.array.shape)

    @has_in_place
    def index_fill(self, dim: int, index: Self, value: Operand) -> Self:
        """Return self with a scalar or 0-d tensor in the slices along dim at the indices in a vector.

        Negative indices count from the end.

        Raises:
            IndexError: An index is out of range, or the indices are no vector.
            RuntimeError: The indices are not integers, or the value has axes.
        """
        x = self._at_least_1d()
        k = axis(dim, len(x.shape))
        indices = _index_vector("index_fill", index + index.lt(0) * x.shape[k], x.shape[k])
        mask = np.isin(np.arange(x.shape[k]), indices).reshape(-1, *(1,) * (len(x.shape) - k - 1))
        return shape.reshape(x.masked_fill(as_operand(mask, x), value), shape=self.array.shape)

    def _slices(self, name: str, dim: int, index: Self, source: Self) -> tuple[indexing.Index, Self]:
        """Return the index of the slices along dim at the indices in a vector, and the source, after checking it."""
        x, slices = self._at_least_1d(), source._at_least_1d()
        k = axis(dim, len(x.shape))
        indices = _index_vector(name, index, x.shape[k])
        expected = (*x.shape[:k], len(indices), *x.shape[k + 1 :])
        if tuple(slices.shape) != expected:
            raise RuntimeError(f"{name}: the source must have shape {list(expected)}, but it has {list(source.shape)}")
        self._check_dtype(name, source)
        return (*(slice(None),) * k, indices), slices

    @has_in_place
    def index_put(self, indices: Sequence[Self], values: Self, accumulate: bool = False) -> Self:
        """Return self with values, which broadcast, at an index: ``out[indices] = values``, or added there if accumulate.

        Raises:
            TypeError: The indices are not a sequence of tensors.
            IndexError: An index is out of range.
            RuntimeError: The values have another dtype, or do not broadcast.
        """
        if isinstance(indices, TensorBase):
            raise TypeError("index_put(): argument 'indices' must be tuple of Tensors, not Tensor")
        index = tuple(np.array(k) for k in indices)
        values = values if values.shape else values.to(self)
        self._check_dtype("index_put", values)
        if not accumulate:
            return indexing.setitem(self, values, index=index)
        selected = self.array[index].shape
        return self + indexing.getitem_adjoint(expand(values, shape=selected), index=index, shape=self.array.shape)


def check_indices(name: str, index: IndexingMethods, size: int, error: type[Exception]) -> Array:
    """Return a copy of indices along an axis of the given size, which, other than between brackets, must not be negative.

    Raises:
        RuntimeError: They are neither int64 nor int32.
        error: One is out of range.
    """
    checked: Array = call_numpy(_checked_indices, name, index, size, error)
    return checked


def _checked_indices(name: str, index: Array, size: int, error: type[Exception]) -> Array:
    array = index.copy()
    if array.size and array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, but got {array.dtype}")
    if array.size and not 0 <= array.min() <= array.max() < size:
        raise error(f"{name}(): an index from {array.min()} to {array.max()} is out of bounds for dimension with size {size}")
    return array


def _index_vector(name: str, index: IndexingMethods, size: int) -> Array:
    """Return a copy of a vector of indices along an axis of the given size; a scalar counts as a vector."""
    if len(index.shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but its shape is {list(index.shape)}")
    return check_indices(name, index, size, IndexError).reshape(-1)


def normalize_index(index: Any) -> tuple[indexing.Index, ...]:
    """Return an index as one or two indices for NumPy, to be applied one after the other.

    Tensors, ranges and lists become arrays: copies, because the backward pass needs the values of now. A basic index ends
    in an Ellipsis, with which NumPy returns a view also of a single element. Integers beside arrays become an index of their
    own, the first: NumPy would take them for arrays, and order the axes of ``x[0, :, [0, 1]]`` differently.
    """
    if type(index) is int:  # as below, 1.1 us sooner
        return ((index, ...),)
    is_tuple = isinstance(index, tuple) or (isinstance(index, list) and _list_means_tuple(index))
    entries = tuple(_normalize_entry(k) for k in (index if is_tuple else (index,)))
    if indexing.is_basic(entries):
        return (entries if Ellipsis in entries else (*entries, ...),)
    if not any(type(k) is int for k in entries):
        return (entries,)
    first: list[Any] = []
    second: list[Any] = []
    for entry in entries:
        if isinstance(entry, np.ndarray | bool):
            first += [slice(None)] * _axes_consumed(entry)
            second.append(entry)
        else:
            first.append(entry)
            second += [] if type(entry) is int else [entry if entry is Ellipsis else slice(None)]
    return (tuple(first) if Ellipsis in first else (*first, ...)), tuple(second)


def _list_means_tuple(index: list[Any]) -> bool:
    """Return whether a list as index means a tuple, as in torch: if it is short and not all of its entries are integers."""
    if len(index) >= 32 or not any(
        isinstance(k, Sequence | TensorBase | np.ndarray | slice | EllipsisType | None) for k in index
    ):
        return False
    warnings.warn(
        "a list of anything but integers as index is taken for a tuple, as in torch: x[[[0, 1], [1, 0]]] for "
        "x[[0, 1], [1, 0]]. NumPy takes it for an array. Write x[tuple(index)] or x[tensor(index)], whichever you mean",
        stacklevel=4,
    )
    return True


def _axes_consumed(entry: Array | bool) -> int:
    """Return how many axes an entry of an index applies to."""
    if isinstance(entry, bool):
        return 0
    return entry.ndim if entry.dtype.kind == "b" else 1


def _index_array(index: Array) -> Array:
    """Return a copy of an index; uint8 is a mask, as in torch."""
    return index.astype(bool if index.dtype == np.uint8 else index.dtype)


def _normalize_entry(entry: Any) -> Any:
    """Return an entry of an index as NumPy takes it."""
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return entry
    if isinstance(entry, slice):
        return slice(*(k if k is None else k.__index__() for k in (entry.start, entry.stop, entry.step)))
    if hasattr(entry, "__index__") and not isinstance(entry, TensorBase | np.ndarray):
        return entry.__index__()
    if isinstance(entry, list | range) and not len(entry):
        return np.empty(0, np.int64)
    if isinstance(entry, TensorBase | np.ndarray) and (entry.array if isinstance(entry, TensorBase) else entry).ndim:
        array = call_numpy(_index_array, entry)
    else:
        array = _index_array(np.array([np.asarray(k) for k in entry]) if isinstance(entry, list) else np.array(entry))
        tell("after_creation", array)
    if array.dtype.kind not in "iub":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array
