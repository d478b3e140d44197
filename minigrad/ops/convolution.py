"""Convolution and pooling: what slides a window over the axes after the first two, which are samples and channels.

Shapes: x (N, C, *size), weight (O, C / groups, *kernel), y (N, O, *places). The window at place p sees x at
p * stride + k * dilation for every k of the kernel. `stride` and `dilation` have one number for each axis of `size`.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from minigrad.ops.indexing import getitem
from minigrad.ops.linalg import unlike
from minigrad.primitive import Array, Shape, primitive


def places(size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Shape:
    """Return at how many places along each axis the window fits."""
    return tuple((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(size, kernel, stride, dilation, strict=True))


def seen(offset: Shape, count: Shape, stride: Shape, dilation: Shape) -> tuple[Any, ...]:
    """Return the index of what all windows see at one offset in the kernel."""
    spans = zip(offset, count, stride, dilation, strict=True)
    return (..., *(slice(k * d, k * d + s * (n - 1) + 1, s) for k, n, s, d in spans))


def offsets(kernel: Shape) -> list[Shape]:
    """Return every position in the kernel, in row-major order."""
    return list(itertools.product(*map(range, kernel)))


def views(x: Array, kernel: Shape, stride: Shape, dilation: Shape) -> list[Array]:
    """Return, for each position in the kernel, a view of what all windows see there."""
    count = places(x.shape[2:], kernel, stride, dilation)
    return [x[seen(offset, count, stride, dilation)] for offset in offsets(kernel)]


# ---------------------------------------------------------------------------------------------------- convolution
#
# <y, convolve(x, weight)> is linear in each of x, weight and y. Its three partial derivatives are the three primitives
# here, and the rules of each are the other two. They become matrix products when the windows are laid out as columns.


BLOCK = 1 << 18  # elements of columns that are laid out at a time: they stay in the cache


def blocks(samples: int, columns_each: int) -> list[slice]:
    """Return slices of the samples, each with about BLOCK elements of columns."""
    step = max(1, BLOCK // max(1, columns_each))
    return [slice(start, start + step) for start in range(0, samples, step)]


def windows(x: Array, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Return what the windows see, a read-only view (N, C, *kernel, *places)."""
    steps = (x.strides[2 + k] * d for k, d in enumerate(dilation))
    jumps = (x.strides[2 + k] * s for k, s in enumerate(stride))
    return np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:2], *kernel, *places(x.shape[2:], kernel, stride, dilation)),
        (*x.strides[:2], *steps, *jumps),
        writeable=False,
    )


def grouped(y: Array, groups: int) -> Array:
    """Return y as (N, groups, O / groups, prod(places))."""
    return y.reshape(len(y), groups, y.shape[1] // groups, math.prod(y.shape[2:]))


def stacked(weight: Array, groups: int) -> Array:
    """Return the weight as one matrix for each group, (groups, O / groups, C / groups * prod(kernel))."""
    return weight.reshape(groups, weight.shape[0] // groups, math.prod(weight.shape[1:]))


@primitive(
    x=lambda g, weight, x_shape, stride, dilation, groups: convolve_back(
        g, weight, size=x_shape[2:], stride=stride, dilation=dilation, groups=groups
    ),
    weight=lambda g, x, weight_shape, stride, dilation, groups: correlate(
        x, g, kernel=weight_shape[2:], stride=stride, dilation=dilation, groups=groups
    ),
)
def convolve(x: Array, weight: Array, *, stride: Shape, dilation: Shape, groups: int) -> Array:
    """y[n, o, p] = sum over c, k of weight[o, c, k] x[n, c, p stride + k dilation], in groups of channels."""
    if x.dtype != weight.dtype:
        raise unlike(x, weight)
    kernel = weight.shape[2:]
    count = places(x.shape[2:], kernel, stride, dilation)
    matrices = stacked(weight, groups)
    y = np.empty((len(x), groups, matrices.shape[1], math.prod(count)), x.dtype)
    seen_by = windows(x, kernel, stride, dilation)
    for part in blocks(len(x), groups * matrices.shape[2] * y.shape[3]):
        columns = seen_by[part].reshape(-1, groups, matrices.shape[2], y.shape[3])
        np.matmul(matrices, columns, out=y[part])
    return y.reshape(len(x), len(weight), *count)


@primitive(
    promote=("y", "weight"),
    y=lambda g, weight, stride, dilation, groups: convolve(g, weight, stride=stride, dilation=dilation, groups=groups),
    weight=lambda g, y, weight_shape, stride, dilation, groups: correlate(
        g, y, kernel=weight_shape[2:], stride=stride, dilation=dilation, groups=groups
    ),
)
def convolve_back(y: Array, weight: Array, *, size: Shape, stride: Shape, dilation: Shape, groups: int) -> Array:
    """x[n, c, p stride + k dilation] = sum over o, p, k of weight[o, c, k] y[n, o, p]: the transpose of `convolve`."""
    kernel, count = weight.shape[2:], y.shape[2:]
    matrices, outputs = stacked(weight, groups).swapaxes(1, 2), grouped(y, groups)
    x = np.zeros((len(y), weight.shape[1] * groups, *size), y.dtype)
    for part in blocks(len(x), groups * matrices.shape[1] * outputs.shape[3]):
        columns = np.matmul(matrices, outputs[part]).reshape(-1, x.shape[1], *kernel, *count)
        for offset in offsets(kernel):
            x[part][seen(offset, count, stride, dilation)] += columns[(slice(None), slice(None), *offset)]
    return x


@primitive(
    promote=("x", "y"),
    x=lambda g, y, x_shape, stride, dilation, groups: convolve_back(
        y, g, size=x_shape[2:], stride=stride, dilation=dilation, groups=groups
    ),
    y=lambda g, x, stride, dilation, groups: convolve(x, g, stride=stride, dilation=dilation, groups=groups),
)
def correlate(x: Array, y: Array, *, kernel: Shape, stride: Shape, dilation: Shape, groups: int) -> Array:
    """weight[o, c, k] = sum over n, p of y[n, o, p] x[n, c, p stride + k dilation], in groups of channels."""
    outputs, seen_by = grouped(y, groups), windows(x, kernel, stride, dilation)
    weight = np.zeros((groups, outputs.shape[2], x.shape[1] // groups * math.prod(kernel)), x.dtype)
    for part in blocks(len(x), groups * weight.shape[2] * outputs.shape[3]):
        columns = seen_by[part].reshape(-1, groups, weight.shape[2], outputs.shape[3])
        weight += np.matmul(outputs[part], columns.swapaxes(2, 3)).sum(0)
    return weight.reshape(y.shape[1], x.shape[1] // groups, *kernel)


# -------------------------------------------------------------------------------------------------------- padding


def inside(shape: Shape, widths: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    """Return the index of an array of that shape in the one padded by the widths."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


@primitive(x=lambda g, x_shape, widths: getitem(g, index=inside(x_shape, widths)))
def pad(x: Array, *, widths: tuple[tuple[int, int], ...], value: float = 0) -> Array:
    """X with `widths` of a number put around it, before and after on each axis."""
    out = np.full([before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)], value, x.dtype)
    out[inside(x.shape, widths)] = x
    return out


# -------------------------------------------------------------------------------------------------------- pooling


@primitive(x=lambda g, x_shape, kernel, stride: spread_windows(g, size=x_shape[2:], kernel=kernel, stride=stride))
def sum_windows(x: Array, *, kernel: Shape, stride: Shape) -> Array:
    """The sum of what each window sees."""
    first, *others = views(x, kernel, stride, (1,) * len(kernel))
    out = first.copy()
    for view in others:
        out += view
    return out


@primitive(y=lambda g, kernel, stride: sum_windows(g, kernel=kernel, stride=stride))
def spread_windows(y: Array, *, size: Shape, kernel: Shape, stride: Shape) -> Array:
    """Each y added to all that its window sees: the transpose of `sum_windows`."""
    out = np.zeros((*y.shape[:2], *size), y.dtype)
    for view in views(out, kernel, stride, (1,) * len(kernel)):
        view += y
    return out


@primitive(
    x=lambda g, x, out, kernel, stride, dilation: put_windows(
        g,
        largest(x, out, kernel=kernel, stride=stride, dilation=dilation),
        size=x.shape[2:],
        kernel=kernel,
        stride=stride,
        dilation=dilation,
    )
)
def max_windows(x: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """The largest of what each window sees, or NaN; of equal ones the first gets the gradient."""
    first, *others = views(x, kernel, stride, dilation)
    out = first.copy()
    for view in others:
        np.maximum(out, view, out=out)
    return out


@primitive()
def largest(x: Array, most: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Which element of its window equals `most`, or is NaN as `most` is; counted in row-major order, the first of several."""
    seen_by = views(x, kernel, stride, dilation)
    # The counts run backwards, so that the first of several is the greatest.
    count = np.zeros(most.shape, np.min_scalar_type(len(seen_by)))
    some_nan = np.isnan(most).any()
    for k, view in enumerate(seen_by):
        is_it = (view == most) | np.isnan(view) if some_nan else view == most
        np.maximum(count, np.multiply(is_it, len(seen_by) - k, dtype=count.dtype), out=count)
    return np.asarray(len(seen_by) - count)


@primitive(
    x=lambda g, which, x_shape, kernel, stride, dilation: put_windows(
        g, which, size=x_shape[2:], kernel=kernel, stride=stride, dilation=dilation
    )
)
def take_windows(x: Array, which: Array, *, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Of what each window sees, the one element that `which` counts out."""
    out = np.zeros(which.shape, x.dtype)
    for k, view in enumerate(views(x, kernel, stride, dilation)):
        out = np.where(which == k, view, out)
    return out


@primitive(
    y=lambda g, which, kernel, stride, dilation: take_windows(g, which, kernel=kernel, stride=stride, dilation=dilation)
)
def put_windows(y: Array, which: Array, *, size: Shape, kernel: Shape, stride: Shape, dilation: Shape) -> Array:
    """Each y added to the one element that `which` counts out of what its window sees: the transpose of `take_windows`."""
    out = np.zeros((*y.shape[:2], *size), y.dtype)
    for k, view in enumerate(views(out, kernel, stride, dilation)):
        view += np.where(which == k, y, 0)
    return out
