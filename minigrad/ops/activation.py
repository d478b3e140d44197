"""Activations that are more than a composition of others, because of their kinks or for the sake of the last digit."""

from __future__ import annotations

import numpy as np

from minigrad.ops.elementary import sigmoid
from minigrad.ops.selection import masked_out, where
from minigrad.primitive import Array, elementwise


@elementwise(public=False, x=lambda g, x, negative_slope: where(x > 0, g, g * negative_slope))
def leaky_relu(x: Array, *, negative_slope: float) -> Array:
    """X where x > 0, else negative_slope x."""
    return np.where(x > 0, x, x * negative_slope)


@elementwise(public=False, floating=True, x=lambda g, x, out, alpha: where(x <= 0, g * (out + alpha), g))
def elu(x: Array, *, alpha: float) -> Array:
    """X where x > 0, else alpha (exp(x) - 1); the derivative at 0 is alpha."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@elementwise(public=False, x=lambda g, x, low, high: masked_out(g, (x <= low) | (x >= high)))
def hardtanh(x: Array, *, low: float, high: float) -> Array:
    """X, but at least low and at most high, with derivative 0 on the bounds."""
    return np.clip(x, low, high).astype(x.dtype, copy=False)


@elementwise(
    public=False,
    floating=True,
    x=lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)),
)
def softplus(x: Array, *, beta: float, threshold: float) -> Array:
    """log(1 + exp(beta x)) / beta, or x itself where beta x > threshold."""
    scaled = x * beta
    return np.where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


@elementwise(public=False, floating=True, x=lambda g, x: g * sigmoid(-x))
def logsigmoid(x: Array) -> Array:
    """log(sigmoid(x)), without overflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
