"""Pooling of images.

An argument such as `stride` is one integer for each spatial axis, or one for both. An input without the axis of the samples
is one sample.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.grad_mode import call_numpy, tell
from minigrad.nn.functional.padding import Widths, pad_spatial
from minigrad.nn.functional.spatial import Sizes, for_dimension, per_axis
from minigrad.ops import convolution
from minigrad.ops.convolution import Windows
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor, wrap

__all__ = ["adaptive_avg_pool2d", "avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d"]


def max_pool(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of signals (`max_pool1d`) or images (`max_pool2d`).

    Of equal elements the first gets the gradient, of NaN the last, as in torch.

    Args:
        input: x.
        kernel_size: Size of the window.
        stride: Step from one window to the next; by default the kernel_size.
        padding: Width of the border, whose elements are never the maximum; at most half the kernel.
        dilation: Step from one element of the window to the next.
        ceil_mode: Round the size of the output up: the last window may reach beyond the border.
        return_indices: Return also the index of each maximum in the signal or image, counted row by row.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1

    Raises:
        RuntimeError: The sizes do not fit.
    """
    windows, border, widths = _windows(input, kernel_size, stride, padding, dilation, ceil_mode)
    lowest = -math.inf if input.is_floating_point() else np.iinfo(input.array.dtype).min
    padded = pad_spatial(input, widths, lowest)
    y = convolution.max_pool(padded, windows=windows, border=border)
    if not return_indices:
        return y
    within = convolution.max_pool_indices(padded.detach(), windows=windows, border=border)
    return y, wrap(call_numpy(_flat_indices, within, windows, tuple(input.shape[2:]), border))


def _flat_indices(within: Array, windows: Windows, sizes: Shape, border: Sequence[int]) -> Array:
    """Return indices into each window as indices into the flattened image."""
    starts = np.ogrid[tuple(slice(n) for n in within.shape[2:])]
    flat = np.zeros(within.shape, np.int64)
    offsets = np.unravel_index(within, windows.kernel)
    for n, start, offset, _, s, d, p in zip(sizes, starts, offsets, *windows, border, strict=True):
        flat = flat * n + start * s + offset * d - p
    return flat


max_pool1d, max_pool2d = for_dimension(1)(max_pool), for_dimension(2)(max_pool)


def avg_pool(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window, including the zeros of the padding.

    Args:
        input: x.
        kernel_size: Size of the window.
        stride: Step from one window to the next; by default the kernel_size.
        padding: Width of the border of zeros; at most half the kernel.
        ceil_mode: Round the size of the output up: the last window may reach beyond the border.
        count_include_pad: Whether the zeros of the padding count.
        divisor_override: What the sum is divided by, in place of the number of elements.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - kernel_size) / stride) + 1

    Raises:
        RuntimeError: The sizes do not fit, or the divisor is 0.
    """
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    windows, border, widths = _windows(input, kernel_size, stride, padding, 1, ceil_mode)
    sums = convolution.sum_pool(pad_spatial(input, widths), windows=windows)
    if divisor_override is not None:
        return sums / divisor_override
    counts = np.ones((), sums.array.dtype)
    for n, o, k, s, p in zip(input.shape[2:], sums.shape[2:], windows.kernel, windows.stride, border, strict=True):
        start = np.arange(o) * s - p
        end = np.minimum(start + k, n + p)
        counts = np.multiply.outer(counts, end - start if count_include_pad else np.minimum(end, n) - np.maximum(start, 0))
    return sums / _constant(counts, sums)


avg_pool2d = for_dimension(2)(avg_pool)


@for_dimension(1)
def avg_pool1d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of signals; see `avg_pool2d`, with one spatial axis instead of two."""
    return avg_pool(input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def _windows(
    x: Tensor, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes, ceil_mode: bool
) -> tuple[Windows, Shape, Widths]:
    """Return the windows, the width of the border, and that before and after each axis where the last window sticks out."""
    sizes = x.array.shape[2:]
    ndim = len(sizes)
    kernel = per_axis(kernel_size, ndim, "kernel_size")
    stride = kernel if stride is None else per_axis(stride, ndim, "stride")
    dilation, padding = per_axis(dilation, ndim, "dilation"), per_axis(padding, ndim, "padding", minimum=0)
    if any(2 * width > k for width, k in zip(padding, kernel, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel_size}"
        )
    windows, widths = Windows(kernel, stride, dilation), []
    for n, e, s, p in zip(sizes, windows.extent, stride, padding, strict=True):
        left = n + 2 * p - e  # for further windows beside the first
        beyond = left % -s if ceil_mode else 0  # by what the last window misses the border, negated
        if left < 0 and not (ceil_mode and left > -s):
            raise RuntimeError(
                f"the window {kernel} does not fit in the padded image of size {sizes}. Output size is too small"
            )
        # A window that would start in the border on the right is left out.
        widths.append((p, p - beyond if left - beyond < n + p else p))
    return windows, padding, tuple(widths)


@for_dimension(2)
def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """Return the means of windows that divide the image evenly into output_size; None keeps the size of an axis.

    Window i of o on an axis of size n goes from floor(i n / o) to ceil((i + 1) n / o).

    Shape:
        ``(N, C, H, W) -> (N, C, *output_size)`` or ``(C, H, W) -> (C, *output_size)``

    Raises:
        RuntimeError: The input or the output_size has a wrong number of axes.
    """
    requested = (output_size,) * 2 if isinstance(output_size, int | None) else tuple(output_size)
    if len(requested) != 2 or any(size is not None and size < 0 for size in requested):
        raise RuntimeError(f"adaptive_avg_pool2d: output_size must be 2 sizes, at least 0, but is {output_size}")
    sizes = [n if o is None else o for n, o in zip(input.array.shape[2:], requested, strict=True)]
    rows, columns = map(_pool_matrix, input.array.shape[2:], sizes)
    y: Tensor = _constant(rows, input) @ input @ _constant(columns.T, input)
    return y


def _constant(array: Array, like: Tensor) -> Tensor:
    """Return a tensor, of the dtype of another, that depends on sizes alone."""
    array = array.astype(like.array.dtype)
    tell("after_creation", array)
    constant: Tensor = wrap(array)
    return constant


def _pool_matrix(n: int, o: int) -> Array:
    """Return the matrix of shape (o, n) that takes the means of the windows of an axis."""
    i, position = np.arange(o)[:, None], np.arange(n)
    is_in_window = (position >= i * n // o) & (position < -(-(i + 1) * n // o))
    return np.asarray(is_in_window / is_in_window.sum(1, keepdims=True))
