"""Convolution of signals and images.

An argument such as `stride` is one integer for each spatial axis, or one for all. An input without the axis of the samples
is one sample.
"""

from minigrad.nn.functional.padding import Widths, pad_spatial
from minigrad.nn.functional.spatial import Sizes, for_dimension, per_axis
from minigrad.ops import convolution
from minigrad.ops.convolution import Windows
from minigrad.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


def conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of signals (`conv1d`) or images (`conv2d`) with a kernel.

    ``y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation, j stride + b dilation]``
    for images; signals have one spatial axis instead of two.

    Args:
        input: x.
        weight: The kernel.
        bias: Added to every element of an output channel.
        stride: Step from one position of the window to the next.
        padding: Zeros around the input; ``same`` for as many as keep its size at stride 1; ``valid`` for none.
        dilation: Step from one element of the kernel to the next.
        groups: Number of groups that the channels are divided into; each is convolved by itself.

    Shape:
        conv1d: input ``(N, C, L)`` or ``(C, L)``, weight ``(C_out, C / groups, k)``, bias ``(C_out,)`` ->
        ``(N, C_out, L_out)`` or ``(C_out, L_out)``

        conv2d: input ``(N, C, H, W)`` or ``(C, H, W)``, weight ``(C_out, C / groups, k_h, k_w)``, bias ``(C_out,)`` ->
        ``(N, C_out, H_out, W_out)`` or ``(C_out, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (k_h - 1) - 1) / stride) + 1

    Raises:
        RuntimeError: The sizes do not fit, or the kernel is larger than the padded input.
        ValueError: ``same`` with a stride, or another string.
    """
    name = f"conv{input.array.ndim - 2}d"
    windows = _windows(name, input, weight, stride, dilation)
    out_channels, channels_per_group = weight.array.shape[:2]
    if groups < 1 or out_channels % groups:
        raise RuntimeError(f"{name}: the {out_channels} output channels cannot be divided into {groups} groups")
    if input.array.shape[1] != channels_per_group * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} "
            f"to have {channels_per_group * groups} channels, but got {input.array.shape[1]} channels instead"
        )
    padded = pad_spatial(input, padding_widths(padding, windows))
    padded_size = padded.array.shape[2:]
    if min(windows.output_size(padded_size)) < 1:
        raise RuntimeError(
            f"{name}: Calculated padded input size per channel: {padded_size}. Kernel size: {windows.extent}. "
            "Kernel size can't be greater than actual input size"
        )
    y = convolution.convolution(padded, weight, windows=windows, groups=groups)
    return _with_bias(name, y, bias)


conv1d, conv2d = for_dimension(1)(conv), for_dimension(2)(conv)


def conv_transpose(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the transposed convolution of signals (`conv_transpose1d`) or images (`conv_transpose2d`).

    It is what `conv1d` or `conv2d` with the same kernel does to a gradient.

    Each element of the input is multiplied by the kernel and added to the output, ``stride`` elements further on each time.

    Args:
        input: x.
        weight: The kernel.
        bias: Added to every element of an output channel.
        stride: Step in the output from one position of the kernel to the next.
        padding: Width of the border that is cut off the output.
        output_padding: Elements added at the end of each axis; less than the stride or the dilation.
        groups: Number of groups that the channels are divided into.
        dilation: Step from one element of the kernel to the next.

    Shape:
        for images, input ``(N, C, H, W)`` or ``(C, H, W)``, weight ``(C, C_out / groups, k_h, k_w)``, bias ``(C_out,)`` ->
        ``(N, C_out, H_out, W_out)`` or ``(C_out, H_out, W_out)`` with
        H_out = (H - 1) stride - 2 padding + dilation (k_h - 1) + output_padding + 1

    Raises:
        RuntimeError: The sizes do not fit.
    """
    ndim = input.array.ndim - 2
    name = f"conv_transpose{ndim}d"
    windows = _windows(name, input, weight, stride, dilation)
    padding = per_axis(padding, ndim, "padding", minimum=0)
    output_padding = per_axis(output_padding, ndim, "output_padding", minimum=0)
    channels = input.array.shape[1]
    if channels != weight.array.shape[0] or groups < 1 or channels % groups:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, groups={groups}, expected input{list(input.shape)} "
            f"to have {weight.array.shape[0]} channels, divisible by the groups, but got {channels} channels instead"
        )
    if any(o >= max(s, d) for o, s, d in zip(output_padding, windows.stride, windows.dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding={output_padding}, "
            f"stride={windows.stride}, dilation={windows.dilation}"
        )
    sizes = list(zip(input.array.shape[2:], windows.stride, windows.extent, output_padding, strict=True))
    whole = tuple((n - 1) * s + e + o for n, s, e, o in sizes)
    if min(n - 2 * p for n, p in zip(whole, padding, strict=True)) < 1:
        raise RuntimeError(f"{name}: the output of size {whole} is too small for a padding of {padding}")
    beyond = [max(0, o - s + 1) for _, s, _, o in sizes]  # where one window more would fit
    reached = tuple(n - width for n, width in zip(whole, beyond, strict=True))
    y = convolution.conv_transpose(input, weight, size=reached, windows=windows, groups=groups)
    y = pad_spatial(y, tuple((0, width) for width in beyond))
    y = y[(..., *(slice(p, n - p) for n, p in zip(whole, padding, strict=True)))]
    return _with_bias(name, y, bias)


conv_transpose1d, conv_transpose2d = for_dimension(1)(conv_transpose), for_dimension(2)(conv_transpose)


def _windows(name: str, x: Tensor, weight: Tensor, stride: Sizes, dilation: Sizes) -> Windows:
    if weight.array.ndim != x.array.ndim:
        raise RuntimeError(f"{name}: expected a weight with {x.array.ndim} axes, but got {list(weight.shape)}")
    kernel = weight.array.shape[2:]
    return Windows(kernel, per_axis(stride, len(kernel), "stride"), per_axis(dilation, len(kernel), "dilation"))


def _with_bias(name: str, y: Tensor, bias: Tensor | None) -> Tensor:
    """Return y plus a bias for each channel."""
    if bias is None:
        return y.contiguous()  # a part of a larger array, perhaps, which `view` would refuse
    channels = y.array.shape[1]
    if bias.array.shape != (channels,):
        raise RuntimeError(f"{name}: expected bias of {channels} elements, but got {list(bias.shape)}")
    if bias.array.dtype != y.array.dtype:
        raise RuntimeError(f"{name}: Input type ({y.dtype}) and bias type ({bias.dtype}) should be the same")
    return y + bias.reshape(channels, *(1,) * (y.ndim - 2))


def padding_widths(padding: str | Sizes, windows: Windows) -> Widths:
    """Return the widths before and after each spatial axis.

    Raises:
        ValueError: ``same`` with a stride, or a string that is neither ``same`` nor ``valid``.
        RuntimeError: There is not one width for each axis, or one is negative.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "valid":
            return ((0, 0),) * len(windows.kernel)
        if any(s != 1 for s in windows.stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        return tuple(((e - 1) // 2, e // 2) for e in windows.extent)
    return tuple((width, width) for width in per_axis(padding, len(windows.kernel), "padding", minimum=0))
