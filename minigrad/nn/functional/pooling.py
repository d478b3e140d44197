"""Pooling of images.

An argument such as `stride` is one integer for each spatial axis, or one for both. An input without the axis of the samples
is one sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.nn.functional.padding import Widths, pad_spatial
from minigrad.nn.functional.spatial import Sizes, as_batch, per_axis
from minigrad.ops import convolution
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor, wrap


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the maximum of each window. Of equal elements the first gets the gradient, as in torch.

    Args:
        input: x.
        kernel_size: Size of the window.
        stride: Step from one window to the next; by default the kernel_size.
        padding: Width of the border, whose elements are never the maximum; at most half the kernel.
        dilation: Step from one element of the window to the next.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1

    Raises:
        RuntimeError: The sizes do not fit.
    """
    batch, unbatched, kernel, stride, widths = _check_pooling("max_pool2d", input, kernel_size, stride, padding)
    dilation = per_axis(dilation, 2, "dilation")
    padded = pad_spatial(batch, widths, -math.inf if batch.is_floating_point() else np.iinfo(batch.array.dtype).min)
    _check_output_size(padded, kernel, stride, dilation)
    y = convolution.max_pool(padded, kernel=kernel, stride=stride, dilation=dilation)
    return y.squeeze(0) if unbatched else y


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
) -> Tensor:
    """Return the mean of each window, including the zeros of the padding.

    Args:
        input: x.
        kernel_size: Size of the window.
        stride: Step from one window to the next; by default the kernel_size.
        padding: Width of the border of zeros; at most half the kernel.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - kernel_size) / stride) + 1

    Raises:
        RuntimeError: The sizes do not fit.
    """
    batch, unbatched, kernel, stride, widths = _check_pooling("avg_pool2d", input, kernel_size, stride, padding)
    padded = pad_spatial(batch, widths)
    _check_output_size(padded, kernel, stride, dilation=(1, 1))
    y = convolution.sum_pool(padded, kernel=kernel, stride=stride) / math.prod(kernel)
    return y.squeeze(0) if unbatched else y


def _check_pooling(
    name: str, x: Tensor, kernel_size: Sizes, stride: Sizes | None, padding: Sizes
) -> tuple[Tensor, bool, Shape, Shape, Widths]:
    """Return the batch, whether the input was unbatched, the kernel, the stride and the widths of the padding."""
    batch, unbatched = as_batch(x, 2, name)
    kernel = per_axis(kernel_size, 2, "kernel_size")
    stride = kernel if stride is None else per_axis(stride, 2, "stride")
    widths = per_axis(padding, 2, "padding", minimum=0)
    if any(2 * width > k for width, k in zip(widths, kernel, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel_size}"
        )
    return batch, unbatched, kernel, stride, tuple((width, width) for width in widths)


def _check_output_size(padded: Tensor, kernel: Shape, stride: Shape, dilation: Shape) -> None:
    size = padded.array.shape[2:]
    output_size = convolution.output_size(size, kernel, stride, dilation)
    if min(output_size) < 1:
        raise RuntimeError(f"the window {kernel} does not fit in the padded image {size}. Output size is too small")


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """Return the means of windows that divide the image evenly into output_size; None keeps the size of an axis.

    Window i of o on an axis of size n goes from floor(i n / o) to ceil((i + 1) n / o).

    Shape:
        ``(N, C, H, W) -> (N, C, *output_size)`` or ``(C, H, W) -> (C, *output_size)``

    Raises:
        RuntimeError: The input or the output_size has a wrong number of axes.
    """
    batch, unbatched = as_batch(input, 2, "adaptive_avg_pool2d")
    requested = (output_size,) * 2 if isinstance(output_size, int | None) else tuple(output_size)
    if len(requested) != 2 or any(size is not None and size < 0 for size in requested):
        raise RuntimeError(f"adaptive_avg_pool2d: output_size must be 2 sizes, at least 0, but is {output_size}")
    sizes = [n if o is None else o for n, o in zip(batch.array.shape[2:], requested, strict=True)]
    rows, columns = map(_pool_matrix, batch.array.shape[2:], sizes)
    y: Tensor = wrap(rows.astype(batch.array.dtype)) @ batch @ wrap(columns.T.astype(batch.array.dtype))
    return y.squeeze(0) if unbatched else y


def _pool_matrix(n: int, o: int) -> Array:
    """Return the matrix of shape (o, n) that takes the means of the windows of an axis."""
    i, position = np.arange(o)[:, None], np.arange(n)
    is_in_window = (position >= i * n // o) & (position < -(-(i + 1) * n // o))
    return np.asarray(is_in_window / is_in_window.sum(1, keepdims=True))
