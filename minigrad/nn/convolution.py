"""Convolution layers."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from minigrad import dtypes
from minigrad.creation import Options, empty
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.functional.convolution import padding_widths
from minigrad.nn.functional.spatial import Sizes, per_axis
from minigrad.nn.module import Module, Parameter
from minigrad.ops.convolution import Windows
from minigrad.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class Convolution(Module):
    """Base class of `Conv1d` and `Conv2d`.

    Attributes:
        spatial_ndim: The number of spatial axes.
        function: The convolution in `minigrad.nn.functional`.
        weight: The kernel, of shape ``(out_channels, in_channels / groups, *kernel_size)``, drawn from U(-k, k) with
            k = 1 / sqrt(in_channels / groups * prod(kernel_size)).
        bias: Of shape ``(out_channels,)``, from the same distribution; None with ``bias=False``.

    Raises:
        ValueError: The channels cannot be divided into the groups, or the padding is unknown.
    """

    spatial_ndim: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]
    transposed: ClassVar[bool] = False
    output_padding: tuple[int, ...]
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
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {list(PADDING_MODES)}, but got padding_mode={padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_axis(kernel_size, self.spatial_ndim, "kernel_size")
        self.stride = per_axis(stride, self.spatial_ndim, "stride")
        self.dilation = per_axis(dilation, self.spatial_ndim, "dilation")
        self.padding = padding if isinstance(padding, str) else per_axis(padding, self.spatial_ndim, "padding", minimum=0)
        self.groups = groups
        self.padding_mode = padding_mode
        self.output_padding = (0,) * self.spatial_ndim
        self._padding_widths = padding_widths(padding, Windows(self.kernel_size, self.stride, self.dilation))
        rows, columns = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty(rows, columns // groups, *self.kernel_size, **options))
        self.register_parameter("bias", Parameter(empty(out_channels, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Re-initialize the parameters."""
        fan_in = math.prod(self.weight.shape[1:])
        k = 1 / math.sqrt(fan_in) if fan_in else 0.0
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def forward(self, input: Tensor) -> Tensor:
        """Return the cross-correlation of the input with the kernel."""
        x, padding = input, self.padding
        if self.padding_mode != "zeros":
            widths = [width for pair in reversed(self._padding_widths) for width in pair]
            x, padding = F.pad(input, widths, PADDING_MODES[self.padding_mode]), (0,) * self.spatial_ndim
        return type(self).function(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        """Return the sizes, and the settings that are not the defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zero, one = (0,) * self.spatial_ndim, (1,) * self.spatial_ndim
        defaults = {"padding": zero, "dilation": one, "output_padding": zero, "groups": 1}
        shown = {name: getattr(self, name) for name, default in defaults.items() if getattr(self, name) != default}
        if self.bias is None:
            shown["bias"] = False
        if self.padding_mode != "zeros":
            shown["padding_mode"] = self.padding_mode
        return ", ".join([text, *(f"{name}={value}" for name, value in shown.items())])


class Conv1d(Convolution):
    """The cross-correlation of signals with a learned kernel, see `functional.conv1d`. Equals ``torch.nn.Conv1d``.

    Shape:
        ``(N, C_in, L) -> (N, C_out, L_out)`` or ``(C_in, L) -> (C_out, L_out)`` with
        L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1

    Attributes, initial values and errors are those of `Convolution`.
    """

    spatial_ndim = 1
    function = staticmethod(F.conv1d)


class Conv2d(Convolution):
    """The cross-correlation of images with a learned kernel, see `functional.conv2d`. Equals ``torch.nn.Conv2d``.

    Shape:
        ``(N, C_in, H, W) -> (N, C_out, H_out, W_out)`` or ``(C_in, H, W) -> (C_out, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and W_out likewise

    Attributes, initial values and errors are those of `Convolution`.

    >>> Conv2d(1, 8, 3, padding=1)
    Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """

    spatial_ndim = 2
    function = staticmethod(F.conv2d)


class TransposedConvolution(Convolution):
    """Base class of `ConvTranspose1d` and `ConvTranspose2d`.

    Attributes:
        weight: The kernel, of shape ``(in_channels, out_channels / groups, *kernel_size)``, drawn from U(-k, k) with
            k = 1 / sqrt(out_channels / groups * prod(kernel_size)).
        bias: Of shape ``(out_channels,)``, from the same distribution; None with ``bias=False``.

    Raises:
        ValueError: The channels cannot be divided into the groups, or the padding mode is not ``zeros``.
    """

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype
        )
        self.output_padding = per_axis(output_padding, self.spatial_ndim, "output_padding", minimum=0)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return the transposed convolution; of several possible sizes of the output one may be chosen.

        Raises:
            ValueError: The output_size is not possible.
        """
        output_padding = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return type(self).function(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )

    def _output_padding(self, input: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """Return the output_padding that gives the size."""
        wanted = tuple(output_size)[-self.spatial_ndim :]
        padding = per_axis(self.padding, self.spatial_ndim, "padding", minimum=0)  # type: ignore[arg-type]
        sizes = zip(input.shape[-self.spatial_ndim :], self.stride, padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in sizes]
        added = tuple(o - n for o, n in zip(wanted, least, strict=True))
        if any(not 0 <= extra < s for extra, s in zip(added, self.stride, strict=True)):
            raise ValueError(f"requested an output size of {wanted}, but the sizes begin at {least} and end a stride later")
        return added


class ConvTranspose1d(TransposedConvolution):
    """The transposed convolution of signals, see `functional.conv_transpose1d`. Equals ``torch.nn.ConvTranspose1d``.

    Shape:
        ``(N, C_in, L) -> (N, C_out, L_out)`` or ``(C_in, L) -> (C_out, L_out)`` with
        L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1

    Attributes, initial values and errors are those of `TransposedConvolution`.
    """

    spatial_ndim = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(TransposedConvolution):
    """The transposed convolution of images, see `functional.conv_transpose2d`. Equals ``torch.nn.ConvTranspose2d``.

    Shape:
        ``(N, C_in, H, W) -> (N, C_out, H_out, W_out)`` or ``(C_in, H, W) -> (C_out, H_out, W_out)`` with
        H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1, and W_out likewise

    Attributes, initial values and errors are those of `TransposedConvolution`.
    """

    spatial_ndim = 2
    function = staticmethod(F.conv_transpose2d)
