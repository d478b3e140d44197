"""Pooling layers. Each equals torch's class of the same name."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.functional.spatial import Sizes
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class MaxPool2d(Module):
    """The maximum of each window, see `functional.max_pool2d`.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1, and W_out likewise
    """

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        """Return the maxima."""
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """Return the settings, as torch shows them."""
        window = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{window}, dilation={self.dilation}, ceil_mode=False"


class AvgPool2d(Module):
    """The mean of each window, including the zeros of the padding; see `functional.avg_pool2d`.

    Shape:
        ``(N, C, H, W) -> (N, C, H_out, W_out)`` or ``(C, H, W) -> (C, H_out, W_out)`` with
        H_out = floor((H + 2 padding - kernel_size) / stride) + 1, and W_out likewise
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
    """The means of windows that divide an image of any size evenly, see `functional.adaptive_avg_pool2d`.

    Shape:
        ``(N, C, H, W) -> (N, C, *output_size)`` or ``(C, H, W) -> (C, *output_size)``; None keeps the size of an axis
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
