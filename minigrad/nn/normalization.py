"""Normalization as modules: mean 0 and variance 1, then a learned scale and shift."""

from collections.abc import Sequence
from typing import Any

from minigrad import dtypes
from minigrad.creation import Options, empty, ones, tensor, zeros
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.module import Module, Parameter
from minigrad.tensor import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm"]


class Normalization(Module):
    """Base class of the normalizations: a learned scale and shift."""

    weight: Parameter | None
    bias: Parameter | None

    def _add_affine(self, shape: Sequence[int], affine: bool, bias: bool, options: Options) -> None:
        """Register the parameters, or None where they are absent, and initialize them."""
        self.register_parameter("weight", Parameter(empty(tuple(shape), **options)) if affine else None)
        self.register_parameter("bias", Parameter(empty(tuple(shape), **options)) if affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the scale to 1 and the shift to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(Normalization):
    """y = w * (x - mean) / sqrt(var + eps) + b, with mean and var over the last axes; equal in training and evaluation.

    Equals ``torch.nn.LayerNorm``; see `functional.layer_norm`.

    Shape:
        ``(*, *normalized_shape) -> (*, *normalized_shape)``

    Attributes:
        weight: w, of shape `normalized_shape`, initially 1; None without elementwise_affine.
        bias: b, of shape `normalized_shape`, initially 0; None without elementwise_affine or without bias.
    """

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
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self._add_affine(self.normalized_shape, elementwise_affine, bias, {"device": device, "dtype": dtype})

    def forward(self, input: Tensor) -> Tensor:
        """Return the input normalized over its last axes."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        affine = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {affine}"


class GroupNorm(Normalization):
    """y = w * (x - mean) / sqrt(var + eps) + b, with mean and var over each group of channels of each sample.

    Equals ``torch.nn.GroupNorm``; see `functional.group_norm`.

    Shape:
        ``(N, num_channels, *) -> (N, num_channels, *)``

    Attributes:
        weight: w, of shape ``(num_channels,)``, initially 1; None without affine.
        bias: b, of shape ``(num_channels,)``, initially 0; None without affine or without bias.

    Raises:
        ValueError: The channels do not divide into the groups.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._add_affine((num_channels,), affine, bias, {"device": device, "dtype": dtype})

    def forward(self, input: Tensor) -> Tensor:
        """Return the input normalized in groups of channels."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Return the settings."""
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, {affine}"


class BatchNorm(Normalization):
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
        self.register_buffer("running_mean", zeros(num_features, **options) if track_running_stats else None)
        self.register_buffer("running_var", ones(num_features, **options) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", tensor(0) if track_running_stats else None)
        self._add_affine((num_features,), affine, bias, options)

    def reset_running_stats(self) -> None:
        """Reset the running statistics."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Set the scale to 1 and the shift to 0, and reset the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise ValueError unless the input has the right number of axes. A subclass may allow others."""
        if input.ndim not in self.input_ndims:
            expected = " or ".join(f"{n}D" for n in self.input_ndims)
            raise ValueError(f"expected {expected} input (got {input.ndim}D input)")

    def forward(self, input: Tensor) -> Tensor:
        """Return the input normalized for each channel.

        Raises:
            ValueError: It has a wrong number of axes, or in training only one value for each channel.
        """
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        tracks = self.training and self.track_running_stats
        if tracks and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                momentum = 1 / self.num_batches_tracked.item()
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        mean, var = (self.running_mean, self.running_var) if tracks or not by_batch else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, by_batch, momentum, self.eps)

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
