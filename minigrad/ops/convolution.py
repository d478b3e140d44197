"""Convolution, padding and pooling: sliding-window operations over the spatial axes.

Shapes: x (N, C, *size), weight (O, C / groups, *kernel), y (N, O, *output_size), with N samples and C or O channels. The
window of the output p has the elements of x at the indices p * stride + k * dilation, for every index k of the kernel.
`size` and the parts of `windows` have one entry for each spatial axis.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from minigrad.ops.indexing import getitem
from minigrad.ops.linalg import dtype_error
from minigrad.ops.selection import masked
from minigrad.primitive import Array, Shape, primitive
from minigrad.summation import sum_along


class Windows(NamedTuple):
    """How windows slide: their size, the step to the next window, and that to the next element of a window."""

    kernel: Shape
    stride: Shape
    dilation: Shape

    @property
    def extent(self) -> Shape:
        """The length of a window along each spatial axis, with the gaps between its elements."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def overlap(self) -> bool:
        """Whether an element can be in several windows."""
        return any(e > s for e, s in zip(self.extent, self.stride, strict=True))

    def output_size(self, size: Shape) -> Shape:
        """Return how many windows fit along each spatial axis."""
        return tuple((n - e) // s + 1 for n, e, s in zip(size, self.extent, self.stride, strict=True))

    def merges_samples(self, count: Shape) -> bool:
        """Return whether the columns of all samples stand side by side in one matrix."""
        return math.prod(count) <= FEW and math.prod(self.kernel) > 1

    def first_inside(self, border: Shape, count: Shape) -> Array:
        """Return the index, in row-major order, of the first element of each window behind a border of such widths."""
        axes = zip(border, count, self.stride, self.dilation, strict=True)
        starts = [np.maximum(0, -((s * np.arange(n) - width) // d)) for width, n, s, d in axes]
        return np.ravel_multi_index(np.ix_(*starts), self.kernel)

    def slices(self, x: Array, count: Shape | None = None) -> list[Array]:
        """Return, for each index of the kernel in row-major order, a view (N, C, *count) of the elements there.

        The count of windows is `output_size` by default; a transposed convolution may leave out the last ones.
        """
        count, views = count or self.output_size(x.shape[2:]), []
        for offset in itertools.product(*map(range, self.kernel)):
            spans = zip(offset, count, self.stride, self.dilation, strict=True)
            index: tuple[Any, ...] = tuple(slice(k * d, k * d + s * (n - 1) + 1, s) for k, n, s, d in spans)
            views.append(x[(..., *index)])
        return views

    def view(self, x: Array) -> Array:
        """Return the windows as a read-only view (N, C, *kernel, *output_size), for im2col."""
        shape = (*x.shape[:2], *self.kernel, *self.output_size(x.shape[2:]))
        steps = [n * d for n, d in zip(x.strides[2:], self.dilation, strict=True)]
        jumps = [n * s for n, s in zip(x.strides[2:], self.stride, strict=True)]
        return np.lib.stride_tricks.as_strided(x, shape, (*x.strides[:2], *steps, *jumps), writeable=False)


# ---------------------------------------------------------------------------------------------------- convolution
#
# The inner product <y, convolution(x, weight)> is linear in each of x, weight and y. Its three partial derivatives are the
# three primitives here, and the rules of each are the other two. They are matrix products, with windows as columns.


CHUNK = 1 << 19
"""Elements of the columns that are copied at a time, so that they fit in the cache."""
FEW = 256
"""With so few windows the samples are the innermost axis, and one product of matrices takes them all."""


def batch_chunks(samples: int, elements_each: int) -> list[slice]:
    """Return slices of the samples, each with about CHUNK elements in its columns."""
    step = max(1, CHUNK // max(1, elements_each))
    return [slice(start, start + step) for start in range(0, samples, step)]


def outputs_of(y: Array, windows: Windows, groups: int) -> Array:
    """Return y as matrices (samples, groups, O / groups, count), or (1, groups, O / groups, count * samples) if merged."""
    if windows.merges_samples(y.shape[2:]):
        y = np.moveaxis(y, 0, -1)[None]
    return y.reshape(len(y), groups, y.shape[1] // groups, math.prod(y.shape[2:]))


def columns_of(x: Array, windows: Windows, groups: int) -> Array:
    """Return the windows as matrices like those of `outputs_of`, with C / groups * prod(kernel) rows."""
    count, rows = windows.output_size(x.shape[2:]), x.shape[1] // groups * math.prod(windows.kernel)
    if not windows.merges_samples(count):
        return windows.view(x).reshape(len(x), groups, rows, math.prod(count))
    samples_last = np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0)
    return np.moveaxis(windows.view(samples_last), 0, -1).reshape(1, groups, rows, math.prod(count) * len(x))


def split_samples(matrices: Array, samples: int, shape: Shape) -> Array:
    """Return what `outputs_of` or `columns_of` has made, as an array (samples, *shape)."""
    if len(matrices) == samples:
        return matrices.reshape(samples, *shape)
    return np.moveaxis(matrices.reshape(*shape, samples), -1, 0)


def group_weight(weight: Array, groups: int) -> Array:
    """Return the weight as one matrix for each group, (groups, O / groups, C / groups * prod(kernel))."""
    return weight.reshape(groups, weight.shape[0] // groups, math.prod(weight.shape[1:]))


@primitive(
    x=lambda g, weight, x_shape, windows, groups: conv_transpose(g, weight, size=x_shape[2:], windows=windows, groups=groups),
    weight=lambda g, x, windows, groups: conv_weight_grad(x, g, windows=windows, groups=groups),
)
def convolution(x: Array, weight: Array, *, windows: Windows, groups: int) -> Array:
    """y[n, o, p] = sum over c, k of weight[o, c, k] x[n, c, p stride + k dilation], in groups of channels."""
    if x.dtype != weight.dtype:
        raise dtype_error(x, weight)
    count = windows.output_size(x.shape[2:])
    matrices = group_weight(weight, groups)
    y = np.empty((len(x), len(weight), *count), x.dtype)
    for part in batch_chunks(len(x), groups * matrices.shape[2] * math.prod(count)):
        products = np.matmul(matrices, columns_of(x[part], windows, groups))
        y[part] = split_samples(products, len(x[part]), y.shape[1:])
    return y


@primitive(
    promote=("y", "weight"),
    y=lambda g, weight, windows, groups: convolution(g, weight, windows=windows, groups=groups),
    weight=lambda g, y, windows, groups: conv_weight_grad(g, y, windows=windows, groups=groups),
)
def conv_transpose(y: Array, weight: Array, *, size: Shape, windows: Windows, groups: int) -> Array:
    """x[n, c, p stride + k dilation] = sum over o, p, k of weight[o, c, k] y[n, o, p].

    It is the adjoint of `convolution`.
    """
    count = y.shape[2:]
    matrices = group_weight(weight, groups).swapaxes(1, 2)
    x = np.empty((len(y), weight.shape[1] * groups, *size), y.dtype)
    for part in batch_chunks(len(x), groups * matrices.shape[1] * math.prod(count)):
        products = np.matmul(matrices, outputs_of(y[part], windows, groups))
        columns = split_samples(products, len(x[part]), (x.shape[1], math.prod(windows.kernel), *count))
        total = split_samples(np.zeros((len(products), x[part].size // len(products)), x.dtype), len(x[part]), x.shape[1:])
        for k, view in enumerate(windows.slices(total, count)):
            view += columns[:, :, k]
        x[part] = total
    return x


@primitive(
    promote=("x", "y"),
    x=lambda g, y, x_shape, windows, groups: conv_transpose(y, g, size=x_shape[2:], windows=windows, groups=groups),
    y=lambda g, x, windows, groups: convolution(x, g, windows=windows, groups=groups),
)
def conv_weight_grad(x: Array, y: Array, *, windows: Windows, groups: int) -> Array:
    """weight[o, c, k] = sum over n, p of y[n, o, p] x[n, c, p stride + k dilation], in groups of channels."""
    rows = x.shape[1] // groups * math.prod(windows.kernel)
    weight = np.zeros((groups, y.shape[1] // groups, rows), x.dtype)
    for part in batch_chunks(len(x), groups * rows * math.prod(y.shape[2:])):
        products = np.matmul(columns_of(x[part], windows, groups), outputs_of(y[part], windows, groups).swapaxes(2, 3))
        weight += sum_along(products, 0).swapaxes(1, 2)
    return weight.reshape(y.shape[1], x.shape[1] // groups, *windows.kernel)


# -------------------------------------------------------------------------------------------------------- padding


def unpadded(shape: Shape, widths: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """Return the index of an array of that shape in the array padded by the widths."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


@primitive(x=lambda g, x_shape, widths: getitem(g, index=unpadded(x_shape, widths)))
def pad(x: Array, *, widths: tuple[tuple[int, int], ...], value: float = 0) -> Array:
    """x in a border of one value; `widths` has for each axis the width before and after."""
    out = np.full([before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)], value, x.dtype)
    out[unpadded(x.shape, widths)] = x
    return out


# -------------------------------------------------------------------------------------------------------- pooling


@primitive(x=lambda g, x_shape, windows: sum_unpool(g, size=x_shape[2:], windows=windows))
def sum_pool(x: Array, *, windows: Windows) -> Array:
    """The sum of each window."""
    first, *others = windows.slices(x)
    out = first.copy()
    for view in others:
        out += view
    return out


@primitive(y=lambda g, windows: sum_pool(g, windows=windows))
def sum_unpool(y: Array, *, size: Shape, windows: Windows) -> Array:
    """Each y added to all elements of its window: the adjoint of `sum_pool`."""
    out = np.zeros((*y.shape[:2], *size), y.dtype)
    for view in windows.slices(out):
        view += y
    return out


@primitive(
    x=lambda g, x, windows, border: window_scatter(
        g, max_pool_indices(x, windows=windows, border=border), size=x.shape[2:], windows=windows
    )
)
def max_pool(x: Array, *, windows: Windows, border: Shape) -> Array:
    """The maximum of each window, or NaN. As many elements of x as `border` says, before each axis, are no maximum."""
    first, *others = windows.slices(x)
    out = first.copy()
    for view in others:
        np.maximum(out, view, out=out)
    return out


@primitive()
def max_pool_indices(x: Array, *, windows: Windows, border: Shape) -> Array:
    """The index of the maximum within its window, in row-major order: of equal ones the first, of NaN the last."""
    first, *others = windows.slices(x)
    maxima, index = first.copy(), np.empty(first.shape, np.min_scalar_type(len(others) + 1))
    index[...] = windows.first_inside(border, first.shape[2:])
    for k, view in enumerate(others, 1):
        later = (view > maxima).view(np.uint8) * index.dtype.type(k)
        np.maximum(index, later, out=index)  # in a third of the time of a masked copy
        np.maximum(maxima, view, out=maxima)
    for k, view in enumerate([first, *others] if np.isnan(maxima).any() else ()):
        np.copyto(index, k, where=np.isnan(view))
    return index


@primitive(x=lambda g, index, x_shape, windows: window_scatter(g, index, size=x_shape[2:], windows=windows))
def window_gather(x: Array, index: Array, *, windows: Windows) -> Array:
    """The element of each window that has the given index in it, in row-major order."""
    out = np.zeros(index.shape, x.dtype)
    for k, view in enumerate(windows.slices(x)):
        out = np.where(index == k, view, out)
    return out


@primitive(y=lambda g, index, windows: window_gather(g, index, windows=windows))
def window_scatter(y: Array, index: Array, *, size: Shape, windows: Windows) -> Array:
    """Each y added to the element of its window that has the given index: the adjoint of `window_gather`."""
    out = np.zeros((*y.shape[:2], *size), y.dtype)
    for k, view in enumerate(windows.slices(out)):
        part = masked.forward(y, index == k)
        if windows.overlap:
            view += part
        else:
            view[...] = part  # in half the time
    return out
