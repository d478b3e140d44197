"""Initialization of parameters: each function overwrites a tensor, without recording it, and returns the tensor.

`fan_in` is the number of inputs that a unit sums over, `fan_out` the number of units that an input goes to: for a weight of
shape ``(out, in, *kernel)`` they are in * prod(kernel) and out * prod(kernel). Random numbers come from `generator`, or from
the default generator; they are not those of torch.
"""

import math
import warnings

import numpy as np

from minigrad.arguments import explain_functions
from minigrad.random import Generator, draw, numpy_generator
from minigrad.tensor import Tensor

_GAINS = {"sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4} | dict.fromkeys(
    ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], 1.0
)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights are scaled to preserve the variance through a nonlinearity.

    1 for linear, convolution and sigmoid; 5/3 for tanh; sqrt(2) for relu; sqrt(2 / (1 + slope²)) for leaky_relu, whose slope
    is `param` (default 0.01); 3/4 for selu.

    Raises:
        ValueError: The nonlinearity is unknown, or the slope is not a number.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _sampled(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        raise NotImplementedError(f"{name} samples floating-point values, but the tensor is {tensor.dtype}")
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from U(a, b)."""
    if a > b:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
    return _sampled("uniform_", tensor).write(draw(generator, "uniform", a, b, tensor.shape))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from N(mean, std²)."""
    return _sampled("normal_", tensor).write(draw(generator, "normal", mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> Tensor:
    """Draw from the normal distribution N(mean, std²) truncated to [a, b].

    Elements outside are drawn again, so the interval must not be far out in a tail.

    Raises:
        ValueError: The interval is empty, or lies more than 4 std from the mean.
    """
    if not a < b or mean < a - 4 * std or mean > b + 4 * std:
        raise ValueError(f"trunc_normal_: cannot draw from N({mean}, {std}²) in [{a}, {b}]")
    rng = numpy_generator(generator)
    values = rng.normal(mean, std, tensor.shape)
    while (outside := (values < a) | (values > b)).any():
        values[outside] = rng.normal(mean, std, int(outside.sum()))
    return tensor.write(values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every element to val."""
    return tensor.write(val)


def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1."""
    return tensor.write(1)


def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0."""
    return tensor.write(0)


def eye_(tensor: Tensor) -> Tensor:
    """Set a matrix to the identity: ones on the main diagonal, zeros elsewhere.

    Raises:
        ValueError: The tensor does not have two axes.
    """
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return tensor.write(np.eye(*tensor.shape, dtype=tensor.dtype.numpy))


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Set a matrix to `gain` times a random one with orthonormal rows or columns; axes after the first are merged.

    Saxe, McClelland and Ganguli 2014, https://arxiv.org/abs/1312.6120.

    Raises:
        ValueError: The tensor has fewer than two axes.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    q, r = np.linalg.qr(numpy_generator(generator).normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.where(np.diag(r) < 0, -1, 1)  # makes the distribution uniform over the orthogonal matrices
    return tensor.write(gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Return fan_in and fan_out."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _fan(tensor: Tensor, mode: str) -> int:
    fans = dict(zip(("fan_in", "fan_out"), _fans(tensor), strict=True))
    if mode.lower() not in fans:
        raise ValueError(f"Mode {mode} not supported, please use one of {list(fans)}")
    return fans[mode.lower()]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010.

    Raises:
        ValueError: The tensor has fewer than two axes.
    """
    a = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Draw from N(0, std²), std = gain sqrt(2 / (fan_in + fan_out)). Glorot and Bengio 2010.

    Raises:
        ValueError: The tensor has fewer than two axes.
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Draw from U(-bound, bound), bound = gain sqrt(3 / fan). He et al. 2015, https://arxiv.org/abs/1502.01852.

    Args:
        tensor: The tensor that is overwritten.
        a: The slope of leaky_relu below 0.
        mode: ``fan_in`` preserves the variance in the forward pass, ``fan_out`` in the backward pass.
        nonlinearity: The function after the layer; see `calculate_gain`.
        generator: The generator of the random numbers.

    Raises:
        ValueError: The mode or the nonlinearity is unknown, or the tensor has fewer than two axes.
    """
    if _is_empty(tensor):
        return tensor
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Draw from N(0, std²), std = gain / sqrt(fan). Arguments, reference and errors as for `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def _is_empty(tensor: Tensor) -> bool:
    if tensor.numel() == 0:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return tensor.numel() == 0


explain_functions(globals())
