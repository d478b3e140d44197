"""Activations: functions applied element by element, and softmax along an axis.

With ``inplace=True`` the result takes the place of the input in memory.
"""

from __future__ import annotations

import math
from typing import Any

from minigrad.ops import activation, elementary
from minigrad.primitive import Primitive
from minigrad.tensor import Tensor


def _activated(op: Primitive, x: Tensor, inplace: bool, **attributes: Any) -> Tensor:
    return x.apply_in_place(op, **attributes) if inplace else op(x, **attributes)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return max(x, 0); the derivative at 0 is 0."""
    return input.apply_in_place(elementary.relu) if inplace else input.relu()


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where x > 0, else negative_slope x; the derivative at 0 is the slope."""
    return _activated(activation.leaky_relu, input, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where x > 0, else alpha (exp(x) - 1). Clevert et al. 2016, https://arxiv.org/abs/1511.07289."""
    return _activated(activation.elu, input, inplace, alpha=alpha)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x, but at least min_val and at most max_val; the derivative on the bounds is 0.

    Raises:
        ValueError: min_val is greater than max_val.
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _activated(activation.hardtanh, input, inplace, low=min_val, high=max_val)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(beta x)) / beta, a smooth relu; x itself where beta x > threshold."""
    return activation.softplus(input, beta=beta, threshold=threshold)


def silu(input: Tensor) -> Tensor:
    """Return x sigmoid(x), also called swish. Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415."""
    return input * input.sigmoid()


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x times the normal distribution function of x. Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415.

    With ``approximate="tanh"`` it is x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x³))) / 2.

    Raises:
        RuntimeError: approximate is neither ``none`` nor ``tanh``.
    """
    if approximate == "none":
        return input * ((input * math.sqrt(0.5)).erf() + 1) * 0.5
    if approximate == "tanh":
        return input * ((math.sqrt(2 / math.pi) * (input + 0.044715 * input**3)).tanh() + 1) * 0.5
    raise RuntimeError(f"approximate argument must be either none or tanh, but got {approximate}")


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-x))."""
    return input.sigmoid()


def logsigmoid(input: Tensor) -> Tensor:
    """Return log(sigmoid(x)), without overflow."""
    return activation.logsigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent."""
    return input.tanh()


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along dim. torch guesses a missing dim; here it must be given."""
    return input.softmax(dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Return log(softmax(x)) along dim, computed without overflow. torch guesses a missing dim; here it must be given."""
    return input.log_softmax(dim, dtype)
