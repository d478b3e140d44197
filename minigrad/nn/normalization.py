"""Normalization as modules: mean 0 and variance 1, then a learned scale and shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minigrad import dtypes
from minigrad.creation import Options, ones, tensor, zeros
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor


class LayerNorm(Module):
    """y = w * (x - mean) / sqrt(var + eps) + b, with mean and var over the last axes; equal in training and evaluation.

    Equals ``torch.nn.LayerNorm``; see `functional.layer_norm`.

    Shape:
        ``(*, *normalized_shape) -> (*, *normalized_shape)``

    Attributes:
        weight: w, of shape `normalized_shape`, initially 1; None without elementwise_affine.
        bias: b, of shape `normalized_shape`, initially 0; None without elementwise_affine or without bias.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        options: Options = {"device": device, "dtype": dtype}
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        shape = self.normalized_shape
        self.register_parameter("weight", Parameter(ones(shape, **options)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(zeros(shape, **options)) if elementwise_affine and bias else None)

    def reset_parameters(self) -> None:
        """Set the scale to 1 and the shift to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return x normalized over its last axes."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class BatchNorm(Module):
    """Base class of `BatchNorm1d` and `BatchNorm2d`.

    y = w * (x - mean) / sqrt(var + eps) + b for each channel, with mean and var of the batch in training, and the running
    statistics in evaluation; see `functional.batch_norm`.

    Attributes:
        input_ndims: Which numbers of axes the input may have.
        weight: w, of shape ``(num_features,)``, initially 1; None without affine.
        bias: b, of shape ``(num_features,)``, initially 0; None without affine or without bias.
        running_mean: A buffer, initially 0, the moving average of the batches' means; None without track_running_stats.
        running_var: A buffer, initially 1, the moving average of the batches' unbiased variances.
        num_batches_tracked: A buffer, the number of batches seen. With momentum None, the running statistics are the plain
            averages over them.
    """

    input_ndims: tuple[int, ...]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        options: Options = {"device": device, "dtype": dtype}
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.register_parameter("weight", Parameter(ones(num_features, **options)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_features, **options)) if affine and bias else None)
        self.register_buffer("running_mean", zeros(num_features, **options) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, **options) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", tensor(0) if track_running_stats else None)

    def reset_running_stats(self) -> None:
        """Reset the running statistics."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Set the scale to 1 and the shift to 0, and reset the running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return x normalized for each channel.

        Raises:
            ValueError: x has a wrong number of axes, or in training only one value for each channel.
        """
        if x.ndim not in self.input_ndims:
            expected = " or ".join(f"{n}D" for n in self.input_ndims)
            raise ValueError(f"expected {expected} input (got {x.ndim}D input)")
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1 / self.num_batches_tracked.item()
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        """Return the settings."""
        options = f"affine={self.affine}, bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, {options}"


class BatchNorm1d(BatchNorm):
    """Batch normalization of features or signals; see `BatchNorm`. Equals ``torch.nn.BatchNorm1d``.

    Shape:
        ``(N, num_features) -> (N, num_features)`` or ``(N, num_features, L) -> (N, num_features, L)``
    """

    input_ndims = (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalization of images; see `BatchNorm`. Equals ``torch.nn.BatchNorm2d``.

    Shape:
        ``(N, num_features, H, W) -> (N, num_features, H, W)``
    """

    input_ndims = (4,)
