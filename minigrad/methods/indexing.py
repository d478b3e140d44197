"""Indexing: brackets."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from itertools import accumulate
from types import EllipsisType
from typing import Any, Self

import numpy as np

from minigrad.autodiff import TensorBase
from minigrad.compat.numpy_kwargs import methods_accept_numpy_kwargs
from minigrad.methods.arithmetic import ArithmeticMethods, times_alpha
from minigrad.methods.interface import has_in_place
from minigrad.multi_output import split_into_views
from minigrad.ops import indexing, shape
from minigrad.ops.shape import axis, broadcast_shapes
from minigrad.primitive import Array, expand
from minigrad.promotion import Operand, Scalar, as_operand


@methods_accept_numpy_kwargs
class IndexingMethods(ArithmeticMethods):
    """x[index]: all that NumPy and torch take between brackets."""

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
        """Return the places of the elements that are not zero, a row for each; as_tuple gives a vector for each axis."""
        if as_tuple:
            return indexing.nonzero(self._with_axes()).unbind(1)
        return indexing.nonzero(self)

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """Return a view of `length` elements along dim, from `start` on.

        Raises:
            IndexError: The start is out of range.
            RuntimeError: There are not so many.
        """
        k, n = self._long("narrow", dim)
        if not -n <= start <= n:
            raise IndexError(f"start out of range (expected to be in range of [-{n}, {n}], but got {start})")
        begin = start + n if start < 0 else start
        if not 0 <= begin <= begin + length <= n:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
        return self._slice(k, slice(begin, begin + length))

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Return views of so many elements along dim each, the last perhaps of fewer; or of the sizes given.

        Raises:
            RuntimeError: The sizes do not add up to the size of the axis.
        """
        k, n = self._long("split", dim)
        if isinstance(split_size, int):
            if split_size <= 0:
                raise RuntimeError(f"split expects split_size to be positive, but got {split_size}")
            split_size = [min(split_size, n - start) for start in range(0, n, split_size)] or [0]
        if sum(split_size) != n or min(split_size) < 0:
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n}, but got {list(split_size)}")
        slices = [slice(end - size, end) for size, end in zip(split_size, accumulate(split_size), strict=True)]
        return split_into_views(self, [(*(slice(None),) * k, part, ...) for part in slices])

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """Return about so many views of equal size along dim, the last perhaps smaller; fewer if the axis is short."""
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        _, n = self._long("chunk", dim)
        return self.split(max(1, -(-n // chunks)), dim)

    def _long(self, name: str, dim: int) -> tuple[int, int]:
        """Return an axis, counted from the front, and its size."""
        k = axis(dim, len(self.shape))
        if not self.shape:
            raise RuntimeError(f"{name} expects at least a 1-dimensional tensor")
        return k, self.shape[k]

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """Return the views at each position along dim, which loses the axis."""
        k = axis(dim, len(self.shape))
        return split_into_views(self, [(*(slice(None),) * k, position, ...) for position in range(self.shape[k])])

    def select(self, dim: int, index: int) -> Self:
        """Return the view at one position along dim, which loses the axis."""
        return self._slice(axis(dim, len(self.shape)), index)

    def index_select(self, dim: int, index: Self) -> Self:
        """Return a copy of the positions along dim that a vector of integers lists.

        Raises:
            IndexError: There is no such position, or the index is no vector.
            RuntimeError: The index is not of integers.
        """
        x = self._with_axes()
        k = axis(dim, len(x.shape))
        picked = x._slice(k, _vector("index_select", index, x.shape[k]))
        return picked if self.shape else shape.reshape(picked, shape=())

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
                integers, or names a position that is not there.
        """
        x, where = self._with_axes(), index._with_axes()
        k = x._along_dim("gather", dim, where)
        part = indexing.getitem(x, index=x._within(where, k))
        return shape.reshape(indexing.gather(part, where, dim=k), shape=tuple(index.shape))

    def _with_axes(self) -> Self:
        """Return self, or for a number a vector of one."""
        return self if self.shape else shape.reshape(self, shape=(1,))

    def _within(self, index: Self, dim: int) -> indexing.Index:
        """Return the index of the part of self that is as large as another along all axes but one."""
        return (*(slice(None) if k == dim else slice(n) for k, n in enumerate(index.shape)), ...)

    def _along_dim(self, name: str, dim: int, index: Self) -> int:
        k = axis(dim, len(self.shape))
        if len(index.shape) != len(self.shape):
            raise RuntimeError(f"{name}: Index tensor must have the same number of dimensions as input tensor")
        if any(n > m for d, (n, m) in enumerate(zip(index.shape, self.shape, strict=True)) if d != k):
            raise RuntimeError(
                f"{name}: the index {list(index.shape)} is larger than the input {list(self.shape)} apart from dimension {k}"
            )
        positions(name, index, self.shape[k], RuntimeError)
        return k

    def take_along_dim(self, indices: Self, dim: int | None = None) -> Self:
        """Return the elements at positions along dim, like `gather`, or without dim in the flattened tensor.

        The other axes broadcast. Negative positions are counted from the back.

        Raises:
            RuntimeError: The indices are not of integers, name a position that is not there, or do not broadcast.
        """
        if dim is None:
            flat, wanted = (shape.reshape(x, shape=(math.prod(x.shape),)) for x in (self, indices))
            return flat.take_along_dim(wanted, 0)
        k = axis(dim, len(self.shape))
        if len(indices.shape) != len(self.shape):
            raise RuntimeError("take_along_dim: input and indices should have the same number of dimensions")
        others = [(*x.shape[:k], 1, *x.shape[k + 1 :]) for x in (self, indices)]
        full = broadcast_shapes("take_along_dim", *others)
        own, spread = (*full[:k], self.shape[k], *full[k + 1 :]), (*full[:k], indices.shape[k], *full[k + 1 :])
        index = expand(indices + indices.lt(0) * self.shape[k], shape=spread)
        return expand(self, shape=own).gather(k, index)

    @has_in_place
    def scatter_add(self, dim: int, index: Self, src: Self) -> Self:
        """Return self with src added: ``out[i][index[i][j][k]][k] += src[i][j][k]`` for dim 1, and so on.

        Raises:
            RuntimeError: The index has another number of axes, is larger than src, or than self along another axis than dim,
                is not of integers, or names a position that is not there; or src is of another dtype.
        """
        x, where = self._with_axes(), index._with_axes()
        k = x._along_dim("scatter_add", dim, where)
        added = indexing.scatter_add(where, self._source("scatter_add", src, where), shape=tuple(x.shape), dim=k)
        return self + shape.reshape(added, shape=tuple(self.shape))

    @has_in_place
    def scatter(self, dim: int, index: Self, src: Self | Scalar | None = None, *, value: Scalar | None = None) -> Self:
        """Return self with src put in: ``out[i][index[i][j][k]][k] = src[i][j][k]`` for dim 1, and so on; or one value.

        Raises:
            TypeError: Not exactly one of src and value is given.
            RuntimeError: As by `scatter_add`.
        """
        given = value if src is None else src
        if given is None or (src is not None and value is not None):
            raise TypeError("scatter(): give either src or value")
        x, where = self._with_axes(), index._with_axes()
        k = x._along_dim("scatter", dim, where)
        part = self._source("scatter", given, where) if isinstance(given, TensorBase) else as_operand(given, self).to(self)
        put = indexing.setitem(x, part, index=indexing.gather_index(np.array(where), k))
        return shape.reshape(put, shape=tuple(self.shape))

    def _source(self, name: str, src: Self, index: Self) -> Self:
        """Return the part of src that is as large as an index."""
        source = src._with_axes()
        if len(source.shape) != len(index.shape) or any(n > m for n, m in zip(index.shape, source.shape, strict=True)):
            raise RuntimeError(f"{name}: the index {list(index.shape)} is larger than src, {list(src.shape)}")
        self._check_kind(name, src)
        return indexing.getitem(source, index=(*(slice(n) for n in index.shape), ...))

    def _check_kind(self, name: str, source: TensorBase) -> None:
        if source.array.dtype != self.array.dtype:
            raise RuntimeError(f"{name}: self is {self.array.dtype}, but the source is {source.array.dtype}")

    @has_in_place
    def index_add(self, dim: int, index: Self, source: Self, *, alpha: float = 1) -> Self:
        """Return self with alpha times the slices of source added at the positions along dim that a vector lists.

        Raises:
            IndexError: There is no such position, or the index is no vector.
            RuntimeError: The index is not of integers, or source is of another dtype or shape than the slices.
        """
        where, added = self._slices("index_add", dim, index, source)
        spread = indexing.getitem_adjoint(added, index=where, shape=tuple(self._with_axes().shape))
        return self + times_alpha(self, shape.reshape(spread, shape=tuple(self.shape)), alpha)

    @has_in_place
    def index_copy(self, dim: int, index: Self, source: Self) -> Self:
        """Return self with the slices of source in place of those at the positions along dim that a vector lists.

        Raises:
            IndexError: There is no such position, or the index is no vector.
            RuntimeError: The index is not of integers, or source is of another dtype or shape than the slices.
        """
        where, slices = self._slices("index_copy", dim, index, source)
        put = indexing.setitem(self._with_axes(), slices, index=where)
        return shape.reshape(put, shape=tuple(self.shape))

    @has_in_place
    def index_fill(self, dim: int, index: Self, value: Operand) -> Self:
        """Return self with a number, or tensor without axes, at the positions along dim that a vector lists.

        Positions may be counted from the back here.

        Raises:
            IndexError: There is no such position, or the index is no vector.
            RuntimeError: The index is not of integers, or the value has axes.
        """
        x = self._with_axes()
        k = axis(dim, len(x.shape))
        forward = index + index.lt(0) * x.shape[k]
        listed = np.isin(np.arange(x.shape[k]), _vector("index_fill", forward, x.shape[k]))
        filled = x.masked_fill(as_operand(listed.reshape(-1, *(1,) * (len(x.shape) - k - 1)), x), value)
        return shape.reshape(filled, shape=tuple(self.shape))

    def _slices(self, name: str, dim: int, index: Self, source: Self) -> tuple[indexing.Index, Self]:
        """Return the place of the slices that a vector lists along dim, and what shall go there."""
        x, slices = self._with_axes(), source._with_axes()
        k = axis(dim, len(x.shape))
        where = _vector(name, index, x.shape[k])
        wanted = (*x.shape[:k], len(where), *x.shape[k + 1 :])
        if tuple(slices.shape) != wanted:
            raise RuntimeError(f"{name}: the source must be {list(wanted)}, but its shape is {list(source.shape)}")
        self._check_kind(name, source)
        return (*(slice(None),) * k, where), slices

    @has_in_place
    def index_put(self, indices: Sequence[Self], values: Self, accumulate: bool = False) -> Self:
        """Return self with values, which broadcast, at an index: ``out[indices] = values``, or added there if accumulate.

        Raises:
            TypeError: The indices are no sequence of tensors.
            IndexError: There is no such place.
            RuntimeError: The values are of another dtype, or do not fit.
        """
        if isinstance(indices, TensorBase):
            raise TypeError("index_put(): argument 'indices' must be tuple of Tensors, not Tensor")
        where = tuple(np.array(k) for k in indices)
        given = values if values.shape else values.to(self)
        self._check_kind("index_put", given)
        if not accumulate:
            return indexing.setitem(self, given, index=where)
        selected = indexing.getitem(self, index=where).shape
        spread = expand(given, shape=tuple(selected))
        return self + indexing.getitem_adjoint(spread, index=where, shape=tuple(self.shape))


def positions(name: str, index: IndexingMethods, count: int, error: type[Exception]) -> Array:
    """Return a copy of the positions that an index of integers names along an axis of so many elements.

    Positions are not counted from the back, as they are between brackets.

    Raises:
        RuntimeError: They are not of int64 or int32.
        error: One is not there.
    """
    array = np.array(index)
    if array.size and array.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, but got {array.dtype}")
    if array.size and not 0 <= array.min() <= array.max() < count:
        raise error(
            f"{name}(): an index from {array.min()} to {array.max()} is out of bounds for dimension with size {count}"
        )
    return array


def _vector(name: str, index: IndexingMethods, count: int) -> Array:
    if len(index.shape) > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, but its shape is {list(index.shape)}")
    return positions(name, index, count, IndexError).reshape(-1)


def normalize_index(index: Any) -> tuple[indexing.Index, ...]:
    """Return what stands between brackets as NumPy wants it, sharing no memory with the caller, in one or two steps.

    Tensors, ranges and lists become arrays. They are copied, because the way back needs them as they are now. A basic index
    ends in an Ellipsis, with which NumPy gives a view also of a single element. Integers beside arrays are a step of their
    own, that comes first: NumPy would take them for arrays, and put the axes of ``x[0, :, [0, 1]]`` in another order.
    """
    several = isinstance(index, tuple) or (isinstance(index, list) and _is_tuple(index))
    entries = tuple(_entry(k) for k in (index if several else (index,)))
    if indexing.is_basic(entries):
        return (entries if Ellipsis in entries else (*entries, ...),)
    if not any(type(k) is int for k in entries):
        return (entries,)
    first: list[Any] = []
    second: list[Any] = []
    for entry in entries:
        if isinstance(entry, np.ndarray | bool):
            first += [slice(None)] * _consumed(entry)
            second.append(entry)
        else:
            first.append(entry)
            second += [] if type(entry) is int else [entry if entry is Ellipsis else slice(None)]
    return (tuple(first) if Ellipsis in first else (*first, ...)), tuple(second)


def _is_tuple(index: list[Any]) -> bool:
    """Return whether a list is taken for a tuple, as in torch: if it is short and not all of its entries are integers."""
    if len(index) >= 32 or not any(
        isinstance(k, Sequence | TensorBase | np.ndarray | slice | EllipsisType | None) for k in index
    ):
        return False
    warnings.warn(
        "a list of anything but integers between brackets is taken for a tuple, as in torch: x[[[0, 1], [1, 0]]] for "
        "x[[0, 1], [1, 0]]. NumPy takes it for an array. Write x[tuple(index)] or x[tensor(index)], whichever is meant",
        stacklevel=4,
    )
    return True


def _consumed(entry: Array | bool) -> int:
    """Return how many axes an entry of an index stands for."""
    if isinstance(entry, bool):
        return 0
    return entry.ndim if entry.dtype.kind == "b" else 1


def _entry(entry: Any) -> Any:
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return entry
    if isinstance(entry, slice):
        return slice(_bound(entry.start), _bound(entry.stop), _bound(entry.step))
    if hasattr(entry, "__index__") and not isinstance(entry, TensorBase | np.ndarray):
        return entry.__index__()
    if isinstance(entry, list | range) and not len(entry):
        return np.empty(0, np.int64)
    array = np.array([np.asarray(k) for k in entry]) if isinstance(entry, list) else np.array(entry)
    if array.dtype == np.uint8:  # as in torch, bytes are a mask
        array = array.astype(bool)
    if array.dtype.kind not in "iub":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def _bound(bound: Any) -> int | None:
    return None if bound is None else bound.__index__()
