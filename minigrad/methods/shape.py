"""Shape: the same elements, arranged in another way. The results are views of self where torch's are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.methods.attributes import Sizes, parse_size
from minigrad.methods.interface import has_in_place, method_only
from minigrad.methods.primitive_methods import PrimitiveMethods
from minigrad.ops import shape as layout
from minigrad.ops.shape import axis
from minigrad.primitive import Primitive, expand


@methods_explain_errors
class ShapeMethods(PrimitiveMethods):
    """reshape, transpose and related methods."""

    def reshape(self, shape: Sizes = (), *more: int) -> Self:
        """Return the elements in another shape, in row-major order; one size may be -1, to be inferred.

        Raises:
            RuntimeError: The number of elements differs.
        """
        return layout.reshape(self, shape=self._infer_size(parse_size((shape, *more))))

    @method_only
    def view(self, size: Sizes = (), *more: int) -> Self:
        """Return `reshape(size)` where that is a view, sharing memory with self.

        Raises:
            RuntimeError: The number of elements differs, or self has another order in memory, as after `transpose`: use
                `reshape`, which then copies.
        """
        shape = self._infer_size(parse_size((size, *more)))
        try:
            self.array.reshape(shape, copy=False)
        except ValueError as error:
            raise RuntimeError(
                f"view size {list(shape)} is not compatible with input tensor's size {list(self.shape)} and stride: its "
                "elements are in another order in memory. Use reshape(), which copies them then."
            ) from error
        return layout.reshape(self, shape=shape)

    def _infer_size(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """Return the sizes with -1 replaced by the size that gives the number of elements."""
        total = math.prod(self.shape)
        known = math.prod(n for n in size if n != -1)
        if size.count(-1) > 1:
            raise RuntimeError("only one dimension can be inferred")
        if (-1 in size and (known == 0 or total % known)) or (-1 not in size and known != total):
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {total}")
        return tuple(total // known if n == -1 else n for n in size)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """Return the tensor with the axes from start_dim to end_dim merged into one."""
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
        """Return the transpose of a matrix; a vector or 0-d tensor is returned unchanged.

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
        """Return a view without the axes of size 1; with dim, only those in dim are removed."""
        n = len(self.shape)
        dims = range(n) if dim is None else [axis(d, n) for d in ((dim,) if isinstance(dim, int) else dim)]
        if len(set(dims)) < len(dims):
            raise RuntimeError(f"squeeze: dim {dim} names an axis twice")
        return self.reshape(*[size for k, size in enumerate(self.shape) if size != 1 or k not in dims])

    def ravel(self) -> Self:
        """Return the tensor as a vector; a copy, unless its elements are in row-major order in memory."""
        return self.contiguous().flatten()

    def unflatten(self, dim: int, sizes: Sequence[int]) -> Self:
        """Return a view in which one axis is split into several; one size may be -1."""
        k = axis(dim, len(self.shape))
        size = self.shape[k]
        known = math.prod(n for n in sizes if n != -1)
        inferred = [size // known if n == -1 and known else n for n in sizes]
        if math.prod(inferred) != size:
            raise RuntimeError(f"unflatten: the product of {list(sizes)} is not the size of dim {dim}, {size}")
        return self.reshape(*self.shape[:k], *inferred, *self.shape[k + 1 :])

    def unsqueeze(self, dim: int) -> Self:
        """Return a view with a new axis of size 1 at `dim`."""
        k = axis(dim, len(self.shape) + 1)
        return self.reshape(*self.shape[:k], 1, *self.shape[k:])

    @method_only
    def view_as(self, other: Self) -> Self:
        """Return `view(other.shape)`."""
        return self.view(*other.shape)

    @method_only
    def contiguous(self) -> Self:
        """Return the tensor with its elements in row-major order in memory: the tensor itself if they are."""
        return self if self.array.flags.c_contiguous else layout.clone(self, order="C")

    def swapaxes(self, axis0: int, axis1: int) -> Self:
        """Return a view with two axes exchanged."""
        return self.transpose(axis0, axis1)

    def movedim(self, source: int | Sequence[int], destination: int | Sequence[int]) -> Self:
        """Return a view with the axes `source` moved to `destination`; the others keep their order."""
        n = len(self.shape)
        sources = [axis(d, n) for d in ((source,) if isinstance(source, int) else source)]
        targets = [axis(d, n) for d in ((destination,) if isinstance(destination, int) else destination)]
        if len(sources) != len(targets) or len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
            raise RuntimeError(f"movedim: source {source} and destination {destination} must be equally many different axes")
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
        """Return a copy of the tensor repeated along each axis; more repeats than axes add axes in front.

        Raises:
            RuntimeError: There are fewer repeats than axes.
        """
        counts = parse_size((repeats, *more))
        if len(counts) < len(self.shape):
            raise RuntimeError("Scalar of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
        shape = (*(1,) * (len(counts) - len(self.shape)), *self.shape)
        split = self.reshape(*[size for n in shape for size in (1, n)])
        expanded = split.expand(*[size for r, n in zip(counts, shape, strict=True) for size in (r, n)])
        return layout.clone(expanded, order="C").reshape(*[r * n for r, n in zip(counts, shape, strict=True)])

    def tile(self, dims: Sizes, *more: int) -> Self:
        """Return `repeat(dims)`, with ones in front of fewer dims than axes."""
        counts = parse_size((dims, *more))
        return self.repeat((*(1,) * (len(self.shape) - len(counts)), *counts))

    def flip(self, dims: Sizes, *more: int) -> Self:
        """Return a copy with the elements in reverse order along some axes."""
        flipped = tuple(axis(d, len(self.shape)) for d in parse_size((dims, *more)))
        return layout.flip(self, dims=flipped if self.shape else ())

    def roll(self, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Self:
        """Return a copy with the elements shifted along some axes, or in the flattened tensor, wrapping around."""
        shifts = parse_size((shifts,))
        if dims is None:
            return self.flatten().roll(shifts, 0).reshape(*self.shape)
        dims = tuple(axis(d, len(self.shape)) for d in ((dims,) if isinstance(dims, int) else dims))
        if len(dims) != len(shifts):
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
        return layout.roll(self, shifts=shifts, dims=dims)

    @has_in_place
    def tril(self, diagonal: int = 0) -> Self:
        """Return the lower triangle of the last two axes, up to a diagonal (1: the one above the main one); 0 elsewhere."""
        return self._triangle(layout.tril, diagonal)

    @has_in_place
    def triu(self, diagonal: int = 0) -> Self:
        """Return the upper triangle of the last two axes, from a diagonal on (1: the one above the main one); 0 elsewhere."""
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
        """Return a copy of the diagonal of a matrix, or the matrix that has a vector on its diagonal.

        Raises:
            RuntimeError: Self is neither a vector nor a matrix.
        """
        if len(self.shape) == 2:
            return layout.clone(self.diagonal(diagonal))
        if len(self.shape) != 1:
            raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(self.shape)}D")
        side = self.shape[0] + abs(diagonal)
        return layout.diagonal_adjoint(self, shape=(side, side), offset=diagonal, dims=(0, 1))

    @method_only
    def expand(self, size: Sizes = (), *more: int) -> Self:
        """Return a view with the axes of size 1, and new ones in front, repeated; -1 keeps the size of an axis.

        Raises:
            RuntimeError: An axis of another size than 1 is given another size.
        """
        sizes = parse_size((size, *more))
        extra = len(sizes) - len(self.shape)
        if -1 in sizes[: max(extra, 0)]:
            raise RuntimeError(
                f"expand: -1 keeps the size of an axis, but {list(self.shape)} has no axis at -1 in {list(sizes)}"
            )
        old = (*(1,) * extra, *self.shape)
        return expand(self, shape=tuple(k if n == -1 else n for n, k in zip(sizes, old, strict=False)))
