"""Convolution and pooling: what slides a window over a signal or an image.

Sizes of two axes may be given as one number for both. Without a first axis for the samples, the input is one sample.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.ops import convolution
from minigrad.ops.convolution import places
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor, apply, wrap

Sizes = int | Sequence[int]
Pads = tuple[tuple[int, int], ...]


def sizes(given: Sizes, n: int, name: str, least: int = 1) -> Shape:
    """Return one number for each of n axes.

    Raises:
        RuntimeError: There are not n, or one is less than `least`.
    """
    each = (given,) * n if isinstance(given, int) else tuple(given)
    if len(each) == 1:
        each *= n
    if len(each) != n or min(each) < least:
        raise RuntimeError(f"{name} must be an integer or {n} integers, at least {least}, but got {name}={given}")
    return each


# -------------------------------------------------------------------------------------------------------- padding


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Return x with a border.

    Args:
        input: x.
        pad: Widths before and after, of the last axis first: ``(left, right, top, bottom)``. A negative one crops.
        mode: ``constant``; ``replicate`` the edge; ``reflect`` at the edge, which is not repeated; or ``circular``.
        value: The constant, default 0.

    Shape:
        (*, H, W) -> (*, H + top + bottom, W + left + right).

    Raises:
        RuntimeError: The widths do not come in pairs, there are too many, or one is too large for the mode.
        NotImplementedError: Unknown mode.
    """
    shape = input.array.shape
    if len(pad) % 2 or len(pad) // 2 > len(shape):
        raise RuntimeError(f"pad must have two widths for each axis that is padded, of at most {len(shape)}, but got {pad}")
    pairs = [(int(pad[k]), int(pad[k + 1])) for k in range(0, len(pad), 2)]
    widths = (*((0, 0),) * (len(shape) - len(pairs)), *reversed(pairs))
    if any(n + before + after < 0 for n, (before, after) in zip(shape, widths, strict=True)):
        raise RuntimeError(f"pad: cropping by {pad} leaves less than nothing of the shape {list(shape)}")
    result, kept = input, tuple((max(b, 0), max(a, 0)) for b, a in widths)
    if mode == "constant":
        return convolution.pad(_cropped(input, widths), widths=kept, value=0 if value is None else value)
    if mode == "circular":  # it repeats what is left after cropping, the other modes crop what they have repeated
        result, widths = _cropped(input, widths), kept
    for axis, (n, (before, after)) in enumerate(zip(result.array.shape, widths, strict=True)):
        if before or after:
            result = result[(slice(None),) * axis + (_border(n, before, after, mode),)]
    return result


def _cropped(x: Tensor, widths: Pads) -> Tensor:
    """Return x without what negative widths take away."""
    if min(map(min, widths), default=0) >= 0:
        return x
    return x[tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.array.shape, widths, strict=True))]


def _border(n: int, before: int, after: int, mode: str) -> Array:
    """Return, for an axis of n elements, which element stands at each place of the padded axis."""
    position = np.arange(-before, n + after)
    if mode == "replicate" and n:
        return np.clip(position, 0, n - 1)
    if mode == "circular" and max(before, after) <= n:
        return np.remainder(position, n)
    if mode == "reflect" and max(before, after) < n:
        return np.asarray(n - 1 - np.abs(n - 1 - np.abs(position)))
    if mode not in ("replicate", "circular", "reflect"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    raise RuntimeError(f"pad: widths {before}, {after} are too large for mode {mode} on an axis of size {n}")


def _padded(x: Tensor, padding: Pads, value: float = 0) -> Tensor:
    """Return x with constant padding of its last axes."""
    if not any(map(any, padding)):
        return x
    return convolution.pad(x, widths=((0, 0), (0, 0), *padding), value=value)


# ---------------------------------------------------------------------------------------------------- convolution


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of signals with a kernel; see `conv2d`, with one axis instead of two.

    Shape:
        input (N, C, L) or (C, L), weight (O, C / groups, k), bias (O,) -> (N, O, L') or (O, L').
    """
    return _convolved("conv1d", input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of images with a kernel.

    ``y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation, j stride + b dilation]``

    Args:
        input: x.
        weight: The kernel.
        bias: Added to every place of a channel.
        stride: Step from one place of the window to the next.
        padding: Zeros around the image; ``same`` for as many as keep its size at stride 1; ``valid`` for none.
        dilation: Step from one element of the kernel to the next.
        groups: The channels are divided into so many groups, each convolved by itself.

    Shape:
        input (N, C, H, W) or (C, H, W), weight (O, C / groups, kh, kw), bias (O,) -> (N, O, H', W') or (O, H', W') with
        H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: The sizes do not fit, or the kernel is larger than the padded image.
        ValueError: ``same`` with a stride, or a word that is neither.
    """
    return _convolved("conv2d", input, weight, bias, stride, padding, dilation, groups)


def _convolved(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: str | Sizes,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    n = int(name[-2])
    batch, single = _batched(name, x, n)
    kernel = weight.array.shape[2:]
    if len(kernel) != n:
        raise RuntimeError(f"{name}: expected a weight with {n + 2} axes, but got {list(weight.shape)}")
    steps, gaps = sizes(stride, n, "stride"), sizes(dilation, n, "dilation")
    outputs, per_group = weight.array.shape[:2]
    if groups < 1 or outputs % groups:
        raise RuntimeError(f"{name}: the {outputs} output channels cannot be divided into {groups} groups")
    if batch.array.shape[1] != per_group * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} to have "
            f"{per_group * groups} channels, but got {batch.array.shape[1]} channels instead"
        )
    padded = _padded(batch, pads(padding, kernel, steps, gaps))
    room = padded.array.shape[2:]
    if min(places(room, kernel, steps, gaps)) < 1:
        reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, gaps, strict=True))
        raise RuntimeError(
            f"{name}: Calculated padded input size per channel: {room}. Kernel size: {reach}. "
            "Kernel size can't be greater than actual input size"
        )
    y = apply(convolution.convolve, (padded, weight), {"stride": steps, "dilation": gaps, "groups": groups})
    if bias is not None:
        if bias.array.shape != (outputs,):
            raise RuntimeError(f"{name}: expected bias of {outputs} elements, but got {list(bias.shape)}")
        if bias.array.dtype != x.array.dtype:
            raise RuntimeError(f"{name}: Input type ({x.dtype}) and bias type ({bias.dtype}) should be the same")
        y = y + bias.reshape(outputs, *(1,) * n)
    return y.squeeze(0) if single else y


def pads(padding: str | Sizes, kernel: Shape, stride: Shape, dilation: Shape) -> Pads:
    """Return the widths before and after each axis.

    Raises:
        ValueError: ``same`` with a stride, or a word that is neither ``same`` nor ``valid``.
        RuntimeError: There is not one number for each axis, or one is negative.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "valid":
            return ((0, 0),) * len(kernel)
        if any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((width, width) for width in sizes(padding, len(kernel), "padding", least=0))


def _batched(name: str, x: Tensor, n: int) -> tuple[Tensor, bool]:
    """Return the input with an axis for the samples, and whether it had none."""
    if x.array.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {list(x.shape)}"
        )
    single = x.array.ndim == n + 1
    return (x.unsqueeze(0) if single else x), single


# -------------------------------------------------------------------------------------------------------- pooling


def max_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the largest element in each window. Of equal ones the first gets the gradient, as in torch.

    Args:
        input: x.
        kernel_size: Size of the window.
        stride: Step from one window to the next; by default the kernel_size.
        padding: Around the image, by what is never the largest; at most half the kernel.
        dilation: Step from one element of the window to the next.

    Shape:
        (N, C, H, W) or (C, H, W) -> the same with H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Raises:
        RuntimeError: The sizes do not fit.
    """
    batch, single, kernel, step, around = _pooling("max_pool2d", input, kernel_size, stride, padding)
    gaps = sizes(dilation, 2, "dilation")
    padded = _padded(batch, around, -math.inf if batch.is_floating_point() else np.iinfo(batch.array.dtype).min)
    _check_room(padded, kernel, step, gaps)
    y = convolution.max_windows(padded, kernel=kernel, stride=step, dilation=gaps)
    return y.squeeze(0) if single else y


def avg_pool2d(
    input: Tensor,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
) -> Tensor:
    """Return the mean of each window; the zeros of the padding count.

    Args:
        input: x.
        kernel_size: Size of the window.
        stride: Step from one window to the next; by default the kernel_size.
        padding: Zeros around the image; at most half the kernel.

    Shape:
        (N, C, H, W) or (C, H, W) -> the same with H' = floor((H + 2 padding - kernel) / stride) + 1.

    Raises:
        RuntimeError: The sizes do not fit.
    """
    batch, single, kernel, step, around = _pooling("avg_pool2d", input, kernel_size, stride, padding)
    padded = _padded(batch, around)
    _check_room(padded, kernel, step, (1, 1))
    y = convolution.sum_windows(padded, kernel=kernel, stride=step) / math.prod(kernel)
    return y.squeeze(0) if single else y


def _pooling(
    name: str, x: Tensor, kernel_size: Sizes, stride: Sizes | None, padding: Sizes
) -> tuple[Tensor, bool, Shape, Shape, Pads]:
    batch, single = _batched(name, x, 2)
    kernel = sizes(kernel_size, 2, "kernel_size")
    step = kernel if stride is None else sizes(stride, 2, "stride")
    widths = sizes(padding, 2, "padding", least=0)
    if any(2 * width > k for width, k in zip(widths, kernel, strict=True)):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={kernel_size}"
        )
    return batch, single, kernel, step, tuple((width, width) for width in widths)


def _check_room(padded: Tensor, kernel: Shape, stride: Shape, dilation: Shape) -> None:
    size = padded.array.shape[2:]
    count = places(size, kernel, stride, dilation)
    if min(count) < 1:
        raise RuntimeError(f"the padded image {size} has room for {count} windows {kernel}. Output size is too small")


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None] | None) -> Tensor:
    """Return the means of windows that divide the image evenly into output_size; None keeps the size of an axis.

    Window i of o on an axis of size n runs from floor(i n / o) to ceil((i + 1) n / o).

    Shape:
        (N, C, H, W) or (C, H, W) -> the same with output_size in place of (H, W).

    Raises:
        RuntimeError: The input has another number of axes, or output_size does.
    """
    batch, single = _batched("adaptive_avg_pool2d", input, 2)
    wanted = (output_size,) * 2 if isinstance(output_size, int | None) else tuple(output_size)
    if len(wanted) != 2 or any(size is not None and size < 0 for size in wanted):
        raise RuntimeError(f"adaptive_avg_pool2d: output_size must be 2 sizes, at least 0, but is {output_size}")
    (h, w), kind = batch.array.shape[2:], batch.array.dtype
    rows, columns = (_shares(n, n if o is None else o, kind) for n, o in zip((h, w), wanted, strict=True))
    y = wrap(rows) @ batch @ wrap(columns.T)
    return y.squeeze(0) if single else y


def _shares(n: int, o: int, kind: np.dtype[np.generic]) -> Array:
    """Return the matrix (o, n) that takes the means of the windows of an axis."""
    i, position = np.arange(o)[:, None], np.arange(n)
    member = (position >= i * n // o) & (position < -(-(i + 1) * n // o))
    return np.asarray(member / member.sum(1, keepdims=True), kind)
