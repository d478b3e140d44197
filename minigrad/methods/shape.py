"""Shape: the same numbers in another arrangement. The results are views, sharing memory with self, where torch's are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from minigrad.compat.numpy_kwargs import methods_accept_numpy_kwargs
from minigrad.methods.attributes import Sizes, parse_size
from minigrad.methods.interface import has_in_place, method_only
from minigrad.methods.primitive_methods import PrimitiveMethods
from minigrad.ops import shape as layout
from minigrad.ops.shape import axis
from minigrad.primitive import Primitive, expand


@methods_accept_numpy_kwargs
class ShapeMethods(PrimitiveMethods):
    """reshape, transpose and their kin."""

    def reshape(self, shape: Sizes = (), *more: int) -> Self:
        """Return the elements in row-major order in another shape; one size may be -1, for what is left.

        Raises:
            RuntimeError: The number of elements differs.
        """
        return layout.reshape(self, shape=self._infer_size(parse_size((shape, *more))))

    @method_only
    def view(self, size: Sizes = (), *more: int) -> Self:
        """Return `reshape(size)` where that is a view, sharing memory with self.

        Raises:
            RuntimeError: The number of elements differs, or self has its elements in another order in memory, as after
                `transpose`: use `reshape`, which then copies.
        """
        shape = self._infer_size(parse_size((size, *more)))
        try:
            self.array.reshape(shape, copy=False)
        except ValueError as error:
            raise RuntimeError(
                f"view size {list(shape)} is not compatible with input tensor's size {list(self.shape)} and stride: its "
                "elements lie in another order in memory. Use reshape(), which copies them then."
            ) from error
        return layout.reshape(self, shape=shape)

    def _infer_size(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
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

    def permute(self, dims: Sizes = (), *more: int) -> Self:
        """Return a view whose axis k is axis dims[k] of self."""
        n = len(self.shape)
        order = tuple(axis(d, n) for d in parse_size((dims, *more)))
        if sorted(order) != list(range(n)):
            raise RuntimeError(f"permute: dims {order} are not an arrangement of the {n} axes")
        return layout.permute(self, dims=order)

    def transpose(self, dim0: int, dim1: int) -> Self:
        """Return a view with two axes exchanged."""
        n = len(self.shape)
        order = list(range(n))
        a, b = axis(dim0, n), axis(dim1, n)
        if n:
            order[a], order[b] = b, a
        return layout.permute(self, dims=tuple(order))

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
        return layout.permute(self, dims=tuple(reversed(range(len(self.shape)))))

    @property
    def mT(self) -> Self:  # noqa: N802
        """The last two axes exchanged; a view.

        Raises:
            RuntimeError: There are fewer than two.
        """
        if len(self.shape) < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices, but got {len(self.shape)} axes"
            )
        return self.transpose(-2, -1)

    def squeeze(self, dim: int | Sequence[int] | None = None) -> Self:
        """Return a view without the axes of size 1, or without those of `dim` that have size 1."""
        n = len(self.shape)
        asked = range(n) if dim is None else [axis(d, n) for d in ((dim,) if isinstance(dim, int) else dim)]
        if len(set(asked)) < len(asked):
            raise RuntimeError(f"squeeze: dim {dim} names an axis twice")
        return self.reshape(*[size for k, size in enumerate(self.shape) if size != 1 or k not in asked])

    def ravel(self) -> Self:
        """Return the tensor with all axes made one; a copy, unless its elements lie in row-major order in memory."""
        return self.contiguous().flatten()

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Self:
        """Return a view in which one axis is split into several; one size may be -1."""
        k = axis(dim, len(self.shape))
        left = self.shape[k]
        known = math.prod(n for n in sizes if n != -1)
        filled = [left // known if n == -1 and known else n for n in sizes]
        if math.prod(filled) != left:
            raise RuntimeError(f"unflatten: {list(sizes)} do not multiply up to the size of dim {dim}, {left}")
        return self.reshape(*self.shape[:k], *filled, *self.shape[k + 1 :])

    def unsqueeze(self, dim: int) -> Self:
        """Return a view with a new axis of size 1 that becomes axis `dim`."""
        k = axis(dim, len(self.shape) + 1)
        return self.reshape(*self.shape[:k], 1, *self.shape[k:])

    @method_only
    def view_as(self, other: Self) -> Self:
        """Return `view(other.shape)`."""
        return self.view(*other.shape)

    @method_only
    def contiguous(self) -> Self:
        """Return the tensor with its elements in row-major order in memory: itself if it is so already."""
        return self if self.array.flags.c_contiguous else layout.clone(self)

    def swapaxes(self, axis0: int, axis1: int) -> Self:
        """Return a view with two axes exchanged."""
        return self.transpose(axis0, axis1)

    def movedim(self, source: int | Sequence[int], destination: int | Sequence[int]) -> Self:
        """Return a view in which the axes `source` stand at `destination`; the others keep their order."""
        n = len(self.shape)
        sources = [axis(d, n) for d in ((source,) if isinstance(source, int) else source)]
        targets = [axis(d, n) for d in ((destination,) if isinstance(destination, int) else destination)]
        if len(sources) != len(targets) or len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
            raise RuntimeError(f"movedim: source {source} and destination {destination} must name as many different axes")
        order = [d for d in range(n) if d not in sources]
        for target, d in sorted(zip(targets, sources, strict=True)):
            order.insert(target, d)
        return layout.permute(self, dims=tuple(order))

    @method_only
    def expand_as(self, other: Self) -> Self:
        """Return `expand(other.shape)`."""
        return self.expand(*other.shape)

    def broadcast_to(self, size: Sequence[int]) -> Self:
        """Return `expand(size)`."""
        return self.expand(*size)

    @method_only
    def repeat(self, repeats: Sizes, *more: int) -> Self:
        """Return a copy in which the whole is repeated so many times along each axis; more numbers than axes add axes.

        Raises:
            RuntimeError: There are fewer numbers than axes.
        """
        times = parse_size((repeats, *more))
        if len(times) < len(self.shape):
            raise RuntimeError("Scalar of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
        own = (*(1,) * (len(times) - len(self.shape)), *self.shape)
        apart = self.reshape(*[size for n in own for size in (1, n)])
        whole = apart.expand(*[size for r, n in zip(times, own, strict=True) for size in (r, n)])
        return layout.clone(whole).reshape(*[r * n for r, n in zip(times, own, strict=True)])

    def tile(self, dims: Sizes, *more: int) -> Self:
        """Return `repeat`, where fewer numbers than axes are filled up with ones in front."""
        times = parse_size((dims, *more))
        return self.repeat((*(1,) * (len(self.shape) - len(times)), *times))

    def flip(self, dims: Sizes, *more: int) -> Self:
        """Return a copy with the elements along some axes in reverse order."""
        along = tuple(axis(d, len(self.shape)) for d in parse_size((dims, *more)))
        return layout.flip(self, dims=along if self.shape else ())

    def roll(self, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Self:
        """Return a copy with the elements shifted along some axes, or in the flattened tensor; what leaves comes back."""
        moves = (shifts,) if isinstance(shifts, int) else tuple(shifts)
        if dims is None:
            return self.flatten().roll(moves, 0).reshape(*self.shape)
        along = tuple(axis(d, len(self.shape)) for d in ((dims,) if isinstance(dims, int) else dims))
        if len(along) != len(moves):
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(along)}")
        return layout.roll(self, shifts=moves, dims=along)

    @has_in_place
    def tril(self, diagonal: int = 0) -> Self:
        """Return the lower triangle of the last two axes, up to a diagonal (1 the one above the main one), else zeros."""
        return self._triangle(layout.tril, diagonal)

    @has_in_place
    def triu(self, diagonal: int = 0) -> Self:
        """Return the upper triangle of the last two axes, from a diagonal (1 the one above the main one), else zeros."""
        return self._triangle(layout.triu, diagonal)

    def _triangle(self, op: Primitive, diagonal: int) -> Self:
        if len(self.shape) < 2:
            raise RuntimeError(
                f"{op.name}: input tensor must have at least 2 dimensions, but the shape is {list(self.shape)}"
            )
        return op(self, diagonal=diagonal)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Self:
        """Return a view of the diagonal of two axes, as the last axis; offset 1 is the diagonal above the main one."""
        n = len(self.shape)
        dims = (axis(dim1, n), axis(dim2, n))
        if dims[0] == dims[1]:
            raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
        return layout.diagonal(self, offset=offset, dims=dims)

    def diag(self, diagonal: int = 0) -> Self:
        """Return a copy of the diagonal of a matrix, or for a vector the matrix with it on the diagonal.

        Raises:
            RuntimeError: It is neither a vector nor a matrix.
        """
        if len(self.shape) == 2:
            return layout.clone(self.diagonal(diagonal))
        if len(self.shape) != 1:
            raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(self.shape)}D")
        side = self.shape[0] + abs(diagonal)
        return layout.diagonal_adjoint(self, shape=(side, side), offset=diagonal, dims=(0, 1))

    @method_only
    def expand(self, size: Sizes = (), *more: int) -> Self:
        """Return a view with axes of size 1, and new ones in front, repeated; -1 keeps a size.

        Raises:
            RuntimeError: A size other than 1 would have to change.
        """
        wanted = parse_size((size, *more))
        lead = len(wanted) - len(self.shape)
        kept = (*(1,) * lead, *self.shape)
        if -1 in wanted[: max(lead, 0)]:
            raise RuntimeError(
                f"expand: -1 keeps the size of an axis, but {list(wanted)} has it where {list(self.shape)} has none"
            )
        return expand(self, shape=tuple(k if w == -1 else w for w, k in zip(wanted, kept, strict=False)))
