"""Shape: the same numbers in another arrangement. The results are views, sharing memory with self, where torch's are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from minigrad.methods.carrier import Carrier
from minigrad.ops import broadcasting, shape
from minigrad.ops.shape import axis


def sizes(given: tuple[int | Sequence[int], ...]) -> tuple[int, ...]:
    """Return the sizes of ``f(2, 3)`` or ``f((2, 3))``."""
    if len(given) == 1 and isinstance(given[0], Sequence):
        return tuple(given[0])
    return tuple(given)  # type: ignore[arg-type]


class Shapes(Carrier):
    """reshape, transpose and their kin."""

    def reshape(self, *shape_: int | Sequence[int]) -> Self:
        """Return the elements in row-major order in another shape; one size may be -1, for what is left.

        Raises:
            RuntimeError: The number of elements differs.
        """
        return self._unary(shape.reshape, shape=self._filled(sizes(shape_)))

    def view(self, *shape_: int | Sequence[int]) -> Self:
        """Return `reshape(*shape)`. Where torch would refuse for want of a view, this copies."""
        return self.reshape(*shape_)

    def _filled(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """Return the sizes with -1 replaced by what is left."""
        total = math.prod(self.shape)
        known = math.prod(n for n in wanted if n != -1)
        if wanted.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        if (wanted.count(-1) and (known == 0 or total % known)) or (-1 not in wanted and known != total):
            raise RuntimeError(f"shape '{list(wanted)}' is invalid for input of size {total}")
        return tuple(total // known if n == -1 else n for n in wanted)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """Return the tensor with the axes from start_dim to end_dim made one."""
        n = len(self.shape)
        start, end = axis(start_dim, n), axis(end_dim, n)
        if start > end:
            raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
        return self.reshape(*self.shape[:start], math.prod(self.shape[start : end + 1]), *self.shape[end + 1 :])

    def permute(self, *dims: int | Sequence[int]) -> Self:
        """Return a view whose axis k is axis dims[k] of self."""
        n = len(self.shape)
        order = tuple(axis(d, n) for d in sizes(dims))
        if sorted(order) != list(range(n)):
            raise RuntimeError(f"permute: dims {order} are not an arrangement of the {n} axes")
        return self._unary(shape.permute, dims=order)

    def transpose(self, dim0: int, dim1: int) -> Self:
        """Return a view with two axes exchanged."""
        n = len(self.shape)
        order = list(range(n))
        a, b = axis(dim0, n), axis(dim1, n)
        if n:
            order[a], order[b] = b, a
        return self._unary(shape.permute, dims=tuple(order))

    def t(self) -> Self:
        """Return the transpose of a matrix; a vector or number as it is.

        Raises:
            RuntimeError: There are more than two axes.
        """
        if len(self.shape) > 2:
            raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(self.shape)}D")
        return self.T

    @property
    def T(self) -> Self:  # noqa: N802
        """The axes in reverse order; a view."""
        return self._unary(shape.permute, dims=tuple(reversed(range(len(self.shape)))))

    @property
    def mT(self) -> Self:  # noqa: N802
        """The last two axes exchanged; a view."""
        return self.transpose(-2, -1)

    def squeeze(self, dim: int | Sequence[int] | None = None) -> Self:
        """Return a view without the axes of size 1, or without those of `dim` that have size 1."""
        n = len(self.shape)
        asked = range(n) if dim is None else [axis(d, n) for d in ((dim,) if isinstance(dim, int) else dim)]
        return self.reshape(*[size for k, size in enumerate(self.shape) if size != 1 or k not in asked])

    def unsqueeze(self, dim: int) -> Self:
        """Return a view with a new axis of size 1 that becomes axis `dim`."""
        k = axis(dim, len(self.shape) + 1)
        return self.reshape(*self.shape[:k], 1, *self.shape[k:])

    def expand(self, *shape_: int | Sequence[int]) -> Self:
        """Return a view with axes of size 1, and new ones in front, repeated; -1 keeps a size.

        Raises:
            RuntimeError: A size other than 1 would have to change.
        """
        wanted = sizes(shape_)
        lead = len(wanted) - len(self.shape)
        kept = (*(1,) * lead, *self.shape)
        return self._unary(broadcasting.expand, shape=tuple(k if w == -1 else w for w, k in zip(wanted, kept, strict=False)))
