"""Indexing: brackets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Self

import numpy as np

from minigrad.methods.arithmetic import Arithmetic, scaled
from minigrad.methods.carrier import Carrier
from minigrad.ops import broadcasting, indexing
from minigrad.ops.shape import axis


class Indexing(Arithmetic):
    """x[index]: all that NumPy and torch take between brackets."""

    def __getitem__(self, index: Any) -> Self:
        return self._unary(indexing.getitem, index=as_index(index))

    def __iter__(self) -> Iterator[Self]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return (self[k] for k in range(self.shape[0]))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def nonzero(self, *, as_tuple: bool = False) -> Any:
        """Return the places of the elements that are not zero, a row for each; as_tuple gives a vector for each axis."""
        places = self._unary(indexing.nonzero)
        return places.unbind(1) if as_tuple else places

    def narrow(self, dim: int, start: int, length: int) -> Self:
        """Return a view of `length` elements along dim, from `start` on.

        Raises:
            RuntimeError: There are not so many.
        """
        k = axis(dim, len(self.shape))
        n = self.shape[k]
        begin = start + n if start < 0 else start
        if not 0 <= begin <= begin + length <= n:
            raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
        return self._slice(k, slice(begin, begin + length))

    def _slice(self, dim: int, part: Any) -> Self:
        return self._unary(indexing.getitem, index=(*(slice(None),) * dim, part, ...))

    def split(self, split_size: int | Sequence[int], dim: int = 0) -> tuple[Self, ...]:
        """Return views of so many elements along dim each, the last perhaps of fewer; or of the sizes given.

        Raises:
            RuntimeError: The sizes do not add up to the size of the axis.
        """
        k = axis(dim, len(self.shape))
        n = self.shape[k]
        if isinstance(split_size, int):
            if split_size <= 0:
                raise RuntimeError(f"split expects split_size to be positive, but got {split_size}")
            split_size = [min(split_size, n - start) for start in range(0, n, split_size)] or [0]
        if sum(split_size) != n or min(split_size) < 0:
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum exactly to {n}, but got {list(split_size)}")
        return tuple(
            self._slice(k, slice(end - size, end)) for size, end in zip(split_size, accumulate(split_size), strict=True)
        )

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """Return about so many views of equal size along dim, the last perhaps smaller; fewer if the axis is short."""
        if chunks <= 0:
            raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
        n = self.shape[axis(dim, len(self.shape))]
        return self.split(max(1, -(-n // chunks)), dim)

    def unbind(self, dim: int = 0) -> tuple[Self, ...]:
        """Return the views at each position along dim, which loses the axis."""
        k = axis(dim, len(self.shape))
        return tuple(self._slice(k, position) for position in range(self.shape[k]))

    def select(self, dim: int, index: int) -> Self:
        """Return the view at one position along dim, which loses the axis."""
        return self._slice(axis(dim, len(self.shape)), index)

    def index_select(self, dim: int, index: Self) -> Self:
        """Return a copy of the positions along dim that a vector of integers lists."""
        return self._slice(axis(dim, len(self.shape)), as_index(index)[0])

    def masked_select(self, mask: Self) -> Self:
        """Return a vector of the elements where the mask, which broadcasts with self, is True."""
        full = np.broadcast_shapes(self.shape, mask.shape)
        return self._unary(broadcasting.expand, shape=full)[mask._unary(broadcasting.expand, shape=full)]

    def gather(self, dim: int, index: Self) -> Self:
        """Return a tensor of the index's shape: ``out[i][j][k] = self[i][index[i][j][k]][k]`` for dim 1, and so on.

        Raises:
            RuntimeError: The index has another number of axes, or is larger than self along another axis than dim.
        """
        k = self._along_dim("gather", dim, index)
        return self._unary(indexing.getitem, index=self._within(index, k))._apply(indexing.gather, index, dim=k)

    def _within(self, index: Carrier, dim: int) -> indexing.Index:
        """Return the index of the part of self that is as large as another along all axes but one."""
        return (*(slice(None) if k == dim else slice(n) for k, n in enumerate(index.shape)), ...)

    def _along_dim(self, name: str, dim: int, index: Carrier) -> int:
        k = axis(dim, len(self.shape))
        if len(index.shape) != len(self.shape):
            raise RuntimeError(f"{name}: Index tensor must have the same number of dimensions as input tensor")
        if any(n > m for d, (n, m) in enumerate(zip(index.shape, self.shape, strict=True)) if d != k):
            raise RuntimeError(
                f"{name}: the index {list(index.shape)} is larger than the input {list(self.shape)} apart from dimension {k}"
            )
        return k

    def take_along_dim(self, indices: Self, dim: int) -> Self:
        """Return the elements at positions along dim, like `gather`; the other axes broadcast."""
        k = axis(dim, len(self.shape))
        full = [
            *np.broadcast_shapes((*self.shape[:k], 1, *self.shape[k + 1 :]), (*indices.shape[:k], 1, *indices.shape[k + 1 :]))
        ]
        own, wanted = (*full[:k], self.shape[k], *full[k + 1 :]), (*full[:k], indices.shape[k], *full[k + 1 :])
        index = indices._unary(broadcasting.expand, shape=wanted)
        return self._unary(broadcasting.expand, shape=own)._apply(indexing.gather, index, dim=k)

    def scatter_add(self, dim: int, index: Self, src: Self) -> Self:
        """Return self with src added: ``out[i][index[i][j][k]][k] += src[i][j][k]`` for dim 1, and so on."""
        k = self._along_dim("scatter_add", dim, index)
        part = src._unary(indexing.getitem, index=(*(slice(n) for n in index.shape), ...))
        return self + index._apply(indexing.put_along, part, shape=tuple(self.shape), dim=k)

    def index_add(self, dim: int, index: Self, source: Self, *, alpha: float = 1) -> Self:
        """Return self with alpha times the slices of source added at the positions along dim that a vector lists."""
        k = axis(dim, len(self.shape))
        where = (*(slice(None),) * k, as_index(index)[0])
        spread = source._unary(indexing.put, index=where, shape=tuple(self.shape))
        return self + scaled(self, spread, alpha)


def as_index(index: Any) -> indexing.Index:
    """Return what stands between brackets as NumPy wants it, sharing no memory with the caller.

    Tensors, ranges and lists become arrays. They are copied, because the way back needs them as they are now. A basic index
    ends in an Ellipsis, with which NumPy gives a view also of a single element.
    """
    entries = tuple(_entry(k) for k in (index if isinstance(index, tuple) else (index,)))
    return (*entries, ...) if indexing.is_basic(entries) and Ellipsis not in entries else entries


def _entry(entry: Any) -> Any:
    if entry is None or entry is Ellipsis or isinstance(entry, bool):
        return entry
    if isinstance(entry, slice):
        return slice(_bound(entry.start), _bound(entry.stop), _bound(entry.step))
    if hasattr(entry, "__index__") and not isinstance(entry, Carrier | np.ndarray):
        return entry.__index__()
    if isinstance(entry, list | range) and not len(entry):
        return np.empty(0, np.int64)
    array = np.array([np.asarray(k) for k in entry]) if isinstance(entry, list) else np.array(entry)
    if array.dtype.kind not in "iub":
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def _bound(bound: Any) -> int | None:
    return None if bound is None else bound.__index__()
