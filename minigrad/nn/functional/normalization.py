"""Normalization functions."""

import math
from collections.abc import Sequence

import numpy as np

from minigrad.grad_mode import call_numpy
from minigrad.ops import neural
from minigrad.primitive import Array
from minigrad.promotion import in_single
from minigrad.summation import sum_along
from minigrad.tensor import Tensor

__all__ = ["batch_norm", "cosine_similarity", "group_norm", "layer_norm", "normalize"]


@in_single
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return w * (x - mean) / sqrt(var + eps) + b, with mean and var over the last axes.

    The variance is the mean of the squared deviations. Ba et al. 2016, https://arxiv.org/abs/1607.06450.

    Shape:
        input ``(*, *normalized_shape)``, weight and bias ``normalized_shape`` -> that of the input

    Raises:
        RuntimeError: The shape of the input does not end in normalized_shape.
    """
    inner = tuple(normalized_shape)
    shape = input.array.shape
    if not inner or shape[-len(inner) :] != inner:
        expected = ", ".join(map(str, inner))
        raise RuntimeError(
            f"Given normalized_shape={list(inner)}, expected input with shape [*, {expected}], but got {list(shape)}"
        )
    if len(inner) > 1:
        flat_weight, flat_bias = (None if t is None else t.flatten() for t in (weight, bias))
        rows = input.flatten(-len(inner))
        return layer_norm(rows, (math.prod(inner),), flat_weight, flat_bias, eps).reshape(*shape)
    affine = () if weight is None or bias is None else (weight, bias)
    normal: Tensor = neural.layer_norm(input, *affine, eps=eps)
    return normal if affine else _scale_and_shift(normal, weight, bias, inner)


@in_single
def _scale_and_shift(x: Tensor, weight: Tensor | None, bias: Tensor | None, shape: Sequence[int]) -> Tensor:
    """Return w x + b, with w and b in a shape that broadcasts."""
    if weight is not None:
        x = x * weight.reshape(*shape)
    return x if bias is None else x + bias.reshape(*shape)


@in_single
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Return w * (x - mean) / sqrt(var + eps) + b, with mean and var over each group of channels of each sample.

    Wu and He 2018, https://arxiv.org/abs/1803.08494.

    Shape:
        input ``(N, C, *)``, weight and bias ``(C,)`` -> that of the input

    Raises:
        RuntimeError: The channels do not divide into the groups, or a size is not C.
    """
    if input.ndim < 2 or input.shape[1] % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} "
            f"and num_groups={num_groups}"
        )
    _check_channels(input.shape[1], weight=weight, bias=bias)
    groups = input.reshape(input.shape[0], num_groups, math.prod(input.shape[1:]) // num_groups)
    result = neural.layer_norm(groups, eps=eps).reshape(*input.shape)
    return _scale_and_shift(result, weight, bias, (-1, *(1,) * (input.ndim - 2)))


def _check_channels(channels: int, **tensors: Tensor | None) -> None:
    for name, t in tensors.items():
        if t is not None and t.array.shape != (channels,):
            raise RuntimeError(f"{name} should contain {channels} elements not {t.numel()}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return w * (x - mean) / sqrt(var + eps) + b for each channel. Ioffe and Szegedy 2015, arXiv:1502.03167.

    In training, mean and var are those of the batch, over all axes but the channels; the variance is the mean of the squared
    deviations. The running statistics are updated in place: ``running = (1 - momentum) * running + momentum * batch``, where
    the variance of the batch is the unbiased one, divided by n - 1. In evaluation, mean and var are the running statistics.

    Shape:
        input ``(N, C)`` or ``(N, C, *)``, all others ``(C,)`` -> that of the input

    Raises:
        ValueError: In training, a channel has only one value; or only one of the running statistics is given.
        RuntimeError: A size is not C, or in evaluation the running statistics are missing.
    """
    x = input.array
    shape = x.shape
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    if x.ndim < 2:
        raise RuntimeError(f"batch_norm: the input must be (N, C) or (N, C, *), but it is {list(shape)}")
    channels = shape[1]
    _check_channels(channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    channel_shape = (channels, *(1,) * (x.ndim - 2))
    reduced_axes = (0, *range(2, x.ndim))
    if training:
        count = math.prod(shape) // channels if channels else 0
        if count == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
        if running_mean is not None and running_var is not None:
            updated = call_numpy(_updated_statistics, input, running_mean, running_var, momentum, reduced_axes, channel_shape)
            running_mean.write(updated[0])
            running_var.write(updated[1])
        return _scale_and_shift(neural.standardize(input, dim=reduced_axes, eps=eps), weight, bias, channel_shape)
    if running_mean is None or running_var is None:
        raise RuntimeError("batch_norm: expected running_mean and running_var to be defined when training=False")
    return _normalized_by(input, running_mean.reshape(channel_shape), running_var.reshape(channel_shape), eps, weight, bias)


def _updated_statistics(
    x: Array, mean: Array, var: Array, momentum: float, axes: tuple[int, ...], channel_shape: tuple[int, ...]
) -> tuple[Array, Array]:
    """Return the running mean and variance after a batch."""
    values = x.astype(np.float32) if x.dtype == np.float16 else x
    count = values.size // len(mean)
    batch_mean = sum_along(values, axes) / count
    deviation = values - batch_mean.reshape(channel_shape)
    batch_var = sum_along(deviation * deviation, axes) / (count - 1)
    return (1 - momentum) * mean + momentum * batch_mean, (1 - momentum) * var + momentum * batch_var


@in_single
def _normalized_by(x: Tensor, mean: Tensor, var: Tensor, eps: float, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return w (x - mean) / sqrt(var + eps) + b."""
    return _scale_and_shift((x - mean) / (var + eps).sqrt(), weight, bias, tuple(mean.shape))


@in_single
def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Return x / max(norm, eps), with the p-norm along dim. The shape stays.

    >>> import minigrad
    >>> normalize(minigrad.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    return input / _clamped_norm(input, p, dim, eps)


@in_single
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosine of the angle between x1 and x2 along dim: sum(x1 * x2) / (max(|x1|, eps) * max(|x2|, eps)).

    Shape:
        x1 and x2 are broadcast; the result lacks dim.
    """
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = x1.expand(shape), x2.expand(shape)
    a = x1 / _clamped_norm(x1, 2, dim, eps)
    b = x2 / _clamped_norm(x2, 2, dim, eps)
    return (a * b).sum(dim)


def _clamped_norm(x: Tensor, p: float, dim: int, eps: float) -> Tensor:
    """Return max(norm, eps), with the p-norm along dim, which is kept with size 1. The derivative at 0 is 0."""
    return x.norm(p, dim, keepdim=True).clamp(min=eps)
