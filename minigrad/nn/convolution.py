"""Convolution and pooling as modules: what slides a window over a signal or an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from minigrad import dtypes
from minigrad.creation import Options, empty
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.functional.convolution import padding_widths
from minigrad.nn.functional.spatial import Sizes, per_axis
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class Convolution(Module):
    """What the convolutions have in common; a subclass says over how many axes it goes, and by which function.

    Attributes:
        weight: The kernel, of shape (out_channels, in_channels / groups, *kernel_size), drawn from U(-k, k) with
            k = 1 / sqrt(in_channels / groups * prod(kernel_size)).
        bias: Of shape (out_channels,), from the same distribution; None with ``bias=False``.

    Raises:
        ValueError: The channels cannot be divided into the groups, or unknown padding.
    """

    axes: int
    function: Callable[..., Tensor]
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: str | Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        options: Options = {"device": device, "dtype": dtype}
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode must be one of {list(MODES)}, but got padding_mode={padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_axis(kernel_size, self.axes, "kernel_size")
        self.stride = per_axis(stride, self.axes, "stride")
        self.dilation = per_axis(dilation, self.axes, "dilation")
        self.padding = padding if isinstance(padding, str) else per_axis(padding, self.axes, "padding", minimum=0)
        self.groups = groups
        self.padding_mode = padding_mode
        self._pads = padding_widths(padding, self.kernel_size, self.stride, self.dilation)
        self.weight = Parameter(empty(out_channels, in_channels // groups, *self.kernel_size, **options))
        self.register_parameter("bias", Parameter(empty(out_channels, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        fan_in = math.prod(self.weight.shape[1:])
        k = 1 / math.sqrt(fan_in) if fan_in else 0.0
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def forward(self, x: Tensor) -> Tensor:
        """Return the cross-correlation of x with the kernel."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            x = F.pad(x, [width for pair in reversed(self._pads) for width in pair], MODES[self.padding_mode])
            padding = 0
        return type(self).function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the sizes, and the settings that are not the usual ones."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.axes:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.axes:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(Convolution):
    """The cross-correlation of signals with a learned kernel; see `Conv2d`, with one axis instead of two.

    Shape:
        (N, in_channels, L) or (in_channels, L) -> the same with out_channels and
        L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1.

    Attributes, initial values and errors are those of `Convolution`.
    """

    axes = 1
    function = staticmethod(F.conv1d)


class Conv2d(Convolution):
    """The cross-correlation of images with a learned kernel.

    ``y[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i stride + a dilation, j stride + b dilation]``

    Shape:
        (N, in_channels, H, W) or (in_channels, H, W) -> the same with out_channels and
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and W' likewise.

    Attributes, initial values and errors are those of `Convolution`.

    >>> Conv2d(1, 8, 3, padding=1)
    Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    axes = 2
    function = staticmethod(F.conv2d)


class MaxPool2d(Module):
    """The largest element in each window; of equal ones the first gets the gradient.

    Shape:
        (N, C, H, W) or (C, H, W) -> the same with
        H' = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and W' likewise.
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest elements."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """Return the settings, as torch shows them."""
        window = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{window}, dilation={self.dilation}, ceil_mode=False"


class AvgPool2d(Module):
    """The mean of each window; the zeros of the padding count.

    Shape:
        (N, C, H, W) or (C, H, W) -> the same with H' = floor((H + 2 padding - kernel_size) / stride) + 1, and W' likewise.
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Return the means."""
        return F.avg_pool2d(x, self.kernel_size, self.stride, self.padding)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """The means of windows that divide the image evenly, whatever its size.

    Shape:
        (N, C, H, W) or (C, H, W) -> the same with output_size in place of (H, W); None keeps the size of an axis.
    """

    def __init__(self, output_size: int | Sequence[int | None] | None) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Return the means."""
        return F.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        """Return the size."""
        return f"output_size={self.output_size}"
