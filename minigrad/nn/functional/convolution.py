"""Convolution of signals and images.

An argument such as `stride` is one integer for each spatial axis, or one for all. An input without the axis of the samples
is one sample.
"""

from minigrad.nn.functional.padding import Widths, pad_spatial
from minigrad.nn.functional.spatial import Sizes, as_batch, per_axis
from minigrad.ops import convolution
from minigrad.primitive import Shape
from minigrad.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: str | Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Return the cross-correlation of signals with a kernel; see `conv2d`, with one spatial axis instead of two.

    Shape:
        input ``(N, C, L)`` or ``(C, L)``, weight ``(C_out, C / groups, k)``, bias ``(C_out,)`` -> ``(N, C_out, L_out)`` or
        ``(C_out, L_out)``
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


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
        bias: Added to every element of an output channel.
        stride: Step from one position of the window to the next.
        padding: Zeros around the image; ``same`` for as many as keep its size at stride 1; ``valid`` for none.
        dilation: Step from one element of the kernel to the next.
        groups: Number of groups that the channels are divided into; each is convolved by itself.

    Shape:
        input ``(N, C, H, W)`` or ``(C, H, W)``, weight ``(C_out, C / groups, k_h, k_w)``, bias ``(C_out,)`` ->
        ``(N, C_out, H_out, W_out)`` or ``(C_out, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (k_h - 1) - 1) / stride) + 1

    Raises:
        RuntimeError: The sizes do not fit, or the kernel is larger than the padded image.
        ValueError: ``same`` with a stride, or another string.
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def _convolve(
    name: str,
    ndim: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: str | Sizes,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    batch, unbatched = as_batch(x, ndim, name)
    kernel = weight.array.shape[2:]
    if len(kernel) != ndim:
        raise RuntimeError(f"{name}: expected a weight with {ndim + 2} axes, but got {list(weight.shape)}")
    stride, dilation = per_axis(stride, ndim, "stride"), per_axis(dilation, ndim, "dilation")
    out_channels, channels_per_group = weight.array.shape[:2]
    if groups < 1 or out_channels % groups:
        raise RuntimeError(f"{name}: the {out_channels} output channels cannot be divided into {groups} groups")
    if batch.array.shape[1] != channels_per_group * groups:
        raise RuntimeError(
            f"Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(x.shape)} "
            f"to have {channels_per_group * groups} channels, but got {batch.array.shape[1]} channels instead"
        )
    padded = pad_spatial(batch, padding_widths(padding, kernel, stride, dilation))
    padded_size = padded.array.shape[2:]
    if min(convolution.output_size(padded_size, kernel, stride, dilation)) < 1:
        effective_kernel = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        raise RuntimeError(
            f"{name}: Calculated padded input size per channel: {padded_size}. Kernel size: {effective_kernel}. "
            "Kernel size can't be greater than actual input size"
        )
    y = convolution.convolution(padded, weight, stride=stride, dilation=dilation, groups=groups)
    return _with_bias(name, y, bias, unbatched)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the transposed convolution of signals; see `conv_transpose2d`, with one spatial axis instead of two."""
    return _convolve_transposed("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Return the transposed convolution of images: what `conv2d` with the same kernel does to a gradient.

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
        input ``(N, C, H, W)`` or ``(C, H, W)``, weight ``(C, C_out / groups, k_h, k_w)``, bias ``(C_out,)`` ->
        ``(N, C_out, H_out, W_out)`` or ``(C_out, H_out, W_out)`` with
        H_out = (H - 1) stride - 2 padding + dilation (k_h - 1) + output_padding + 1

    Raises:
        RuntimeError: The sizes do not fit.
    """
    return _convolve_transposed("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _convolve_transposed(
    name: str,
    ndim: int,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
) -> Tensor:
    batch, unbatched = as_batch(x, ndim, name)
    kernel = weight.array.shape[2:]
    if len(kernel) != ndim:
        raise RuntimeError(f"{name}: expected a weight with {ndim + 2} axes, but got {list(weight.shape)}")
    stride, dilation = per_axis(stride, ndim, "stride"), per_axis(dilation, ndim, "dilation")
    padding = per_axis(padding, ndim, "padding", minimum=0)
    output_padding = per_axis(output_padding, ndim, "output_padding", minimum=0)
    channels = batch.array.shape[1]
    if channels != weight.array.shape[0] or groups < 1 or channels % groups:
        raise RuntimeError(
            f"Given transposed=1, weight of size {list(weight.shape)}, groups={groups}, expected input{list(x.shape)} "
            f"to have {weight.array.shape[0]} channels, divisible by the groups, but got {channels} channels instead"
        )
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise RuntimeError(
            f"output padding must be smaller than either stride or dilation, but got output_padding={output_padding}, "
            f"stride={stride}, dilation={dilation}"
        )
    sizes = zip(batch.array.shape[2:], kernel, stride, dilation, output_padding, strict=True)
    whole = tuple((n - 1) * s + d * (k - 1) + o + 1 for n, k, s, d, o in sizes)
    if min(n - 2 * p for n, p in zip(whole, padding, strict=True)) < 1:
        raise RuntimeError(f"{name}: the output of size {whole} is too small for a padding of {padding}")
    y = convolution.conv_transpose(batch, weight, size=whole, stride=stride, dilation=dilation, groups=groups)
    y = y[(..., *(slice(p, n - p) for n, p in zip(whole, padding, strict=True)))]
    return _with_bias(name, y, bias, unbatched)


def _with_bias(name: str, y: Tensor, bias: Tensor | None, unbatched: bool) -> Tensor:
    """Return y plus a bias for each channel, without the axis of the samples if the input had none."""
    if bias is not None:
        channels = y.array.shape[1]
        if bias.array.shape != (channels,):
            raise RuntimeError(f"{name}: expected bias of {channels} elements, but got {list(bias.shape)}")
        if bias.array.dtype != y.array.dtype:
            raise RuntimeError(f"{name}: Input type ({y.dtype}) and bias type ({bias.dtype}) should be the same")
        y = y + bias.reshape(channels, *(1,) * (y.ndim - 2))
    return y.squeeze(0) if unbatched else y


def padding_widths(padding: str | Sizes, kernel: Shape, stride: Shape, dilation: Shape) -> Widths:
    """Return the widths before and after each spatial axis.

    Raises:
        ValueError: ``same`` with a stride, or a string that is neither ``same`` nor ``valid``.
        RuntimeError: There is not one width for each axis, or one is negative.
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
    return tuple((width, width) for width in per_axis(padding, len(kernel), "padding", minimum=0))
