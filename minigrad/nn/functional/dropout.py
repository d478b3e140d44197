"""Dropout: noise that keeps units from relying on each other."""

import numpy as np

from minigrad.grad_mode import call_numpy
from minigrad.ops import arithmetic
from minigrad.primitive import Array
from minigrad.random import numpy_generator
from minigrad.tensor import Tensor, wrap

__all__ = ["dropout", "dropout1d", "dropout2d"]


def check_probability(p: float) -> None:
    """Raise unless p is a probability.

    Raises:
        ValueError: It is not.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set each element to 0 with probability p, and divide the others by 1 - p, so that the expectation is the input.

    If not training, the result is the input. Random numbers come from the default generator. Srivastava et al. 2014,
    https://jmlr.org/papers/v15/srivastava14a.html.

    Raises:
        ValueError: p is not between 0 and 1.
    """
    return _dropout(input, input, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of signals: as `dropout`, but all elements of a channel together.

    Shape:
        ``(N, C, L)`` or ``(C, L)``

    Raises:
        RuntimeError: The input has another number of axes.
        ValueError: p is not between 0 and 1.
    """
    return _drop_channels("dropout1d", 1, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Drop whole channels of images: as `dropout`, but all elements of a channel together.

    Shape:
        ``(N, C, H, W)``; ``(C, H, W)`` drops each of C images, as in torch

    Raises:
        RuntimeError: The input has another number of axes.
        ValueError: p is not between 0 and 1.
    """
    return _drop_channels("dropout2d", 2, input, p, training, inplace)


def _drop_channels(name: str, spatial: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    if input.ndim not in (spatial + 1, spatial + 2):
        raise RuntimeError(f"{name}: expected {spatial + 1} or {spatial + 2} axes, but the input is {list(input.shape)}")
    return _dropout(input, input[..., :1] if spatial == 1 else input[..., :1, :1], p, training, inplace)


def _dropout(input: Tensor, pattern: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """Multiply the input by random factors that have the shape of the pattern."""
    check_probability(p)
    if not training or p == 0:
        return input
    if not input.is_floating_point():
        raise RuntimeError(f"dropout: 1 / (1 - p) is no integer, but the input is {input.dtype}: convert it with float()")
    factor: Tensor = wrap(call_numpy(_factors, pattern, p, draws=True))
    return input.apply_in_place(arithmetic.mul, factor) if inplace else input * factor


def _factors(pattern: Array, p: float) -> Array:
    """Return an array like the pattern with 0 in place of each element with probability p, else 1 / (1 - p)."""
    factors = np.empty_like(pattern)
    keep_mask = numpy_generator(None).random(pattern.shape, np.float32) >= p
    np.multiply(keep_mask, 0 if p == 1 else 1 / (1 - p), out=factors, casting="unsafe")
    return factors
