"""Indexing: brackets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from minigrad.methods.carrier import Carrier
from minigrad.ops import indexing


class Indexing(Carrier):
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
