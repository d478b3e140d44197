"""Attributes of the array: shape, number of axes and elements, memory layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import Any

from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.ops.shape import axis
from minigrad.views import ViewTracking

Sizes = int | Sequence[int]


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of its sizes."""

    __slots__ = ()

    def numel(self) -> int:
        """Return the number of elements, the product of the sizes."""
        return math.prod(self)

    def __repr__(self) -> str:
        return f"minigrad.Size({list(self)})"


def parse_size(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the sizes given as ``f(2, 3)`` or ``f((2, 3))``."""
    return tuple(map(index, given[0] if len(given) == 1 and isinstance(given[0], Sequence) else given))


def new_size(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the sizes of a new tensor, given as to `parse_size`.

    Raises:
        RuntimeError: One is negative.
    """
    parsed = parse_size(given)
    if any(n < 0 for n in parsed):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(parsed)}: {list(parsed)}")
    return parsed


@methods_explain_errors
class ArrayAttributes(ViewTracking):
    """shape, ndim, numel and related attributes."""

    @property
    def shape(self) -> Size:
        """The sizes of the axes."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    def dim(self) -> int:
        """Return the number of axes."""
        return self.array.ndim

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one axis."""
        return self.shape if dim is None else self.array.shape[axis(dim, self.array.ndim)]

    def numel(self) -> int:
        """Return the number of elements."""
        return self.array.size

    def nelement(self) -> int:
        """Return `numel()`."""
        return self.numel()

    def is_floating_point(self) -> bool:
        """Return whether the dtype is floating-point; only such tensors have gradients."""
        return self.array.dtype.kind == "f"

    def is_contiguous(self) -> bool:
        """Return whether the elements are in row-major order in memory, without gaps."""
        return self.array.flags.c_contiguous
