"""Pooling layers. Each equals torch's class of the same name."""

from collections.abc import Sequence

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.function_module import FunctionModule, stores_arguments
from minigrad.nn.functional.spatial import Sizes, per_axis

__all__ = ["AdaptiveAvgPool2d", "AvgPool1d", "AvgPool2d", "MaxPool1d", "MaxPool2d"]


@stores_arguments
class MaxPool2d(FunctionModule):
    """The maximum of each window, see `functional.max_pool2d`.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and W_out likewise
    """

    function = staticmethod(F.max_pool2d)
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    dilation: Sizes = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        """Make the windows adjacent by default."""
        super().__post_init__()
        self.stride = self.kernel_size if self.stride is None else self.stride


class MaxPool1d(MaxPool2d):
    """The maximum of each window of signals ``(N, C, L)``, see `functional.max_pool1d`."""

    function = staticmethod(F.max_pool1d)


@stores_arguments
class AvgPool2d(FunctionModule):
    """The mean of each window, see `functional.avg_pool2d`.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - kernel_size) / stride) + 1, and W_out likewise
    """

    function = staticmethod(F.avg_pool2d)
    shown = ("kernel_size", "stride", "padding")
    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None

    def __post_init__(self) -> None:
        """Make the windows adjacent by default."""
        super().__post_init__()
        self.stride = self.kernel_size if self.stride is None else self.stride


@stores_arguments
class AvgPool1d(FunctionModule):
    """The mean of each window of signals ``(N, C, L)``, see `functional.avg_pool1d`."""

    function = staticmethod(F.avg_pool1d)
    shown = ("kernel_size", "stride", "padding")
    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        """Make the windows adjacent by default, and the sizes tuples."""
        super().__post_init__()
        self.kernel_size = per_axis(self.kernel_size, 1, "kernel_size")
        self.stride = self.kernel_size if self.stride is None else per_axis(self.stride, 1, "stride")
        self.padding = per_axis(self.padding, 1, "padding", minimum=0)


@stores_arguments
class AdaptiveAvgPool2d(FunctionModule):
    """The means of windows that divide an image of any size evenly, see `functional.adaptive_avg_pool2d`.

    Shape:
        ``(N, C, H, W) -> (N, C, *output_size)`` or ``(C, H, W) -> (C, *output_size)``; None keeps the size of an axis
    """

    function = staticmethod(F.adaptive_avg_pool2d)
    output_size: int | Sequence[int | None] | None
