"""Fused primitives of neural networks: compositions that are faster, or more accurate, as one primitive."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.ops.arithmetic import maximum
from minigrad.ops.blocks import rows_in_blocks
from minigrad.ops.elementary import exp, log, log1p, sigmoid, tanh
from minigrad.ops.indexing import cat, getitem
from minigrad.ops.linalg import dtype_error, matmul
from minigrad.ops.reduction import Dims, mean, sum_
from minigrad.ops.shape import reshape
from minigrad.primitive import Array, primitive
from minigrad.summation import sum_along


def as_matrix(x: Any) -> Any:
    """Return x (..., n) as a matrix (prod(...), n)."""
    return x if len(x.shape) == 2 else reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def sum_rows(x: Any) -> Any:
    """Return the sum of the rows of a matrix."""
    return sum_along(x, 0) if isinstance(x, np.ndarray) else x.sum(0)


@primitive(
    x=lambda g, weight: g @ weight,
    weight=lambda g, x: matmul(as_matrix(g).T, as_matrix(x)),
    bias=lambda g: sum_rows(as_matrix(g)),
)
def linear(x: Array, weight: Array, bias: Array) -> Array:
    """x W' + b, for x (..., n), the weight W (m, n) and the bias b (m,)."""
    if not x.dtype == weight.dtype == bias.dtype:
        raise dtype_error(x, weight, bias)
    if x.ndim > 2:  # one product of matrices: `dot` and `matmul` of more dimensions take several times as long
        return linear.forward(as_matrix(x), weight, bias).reshape(*x.shape[:-1], len(weight))
    out = x.dot(weight.T)
    out += bias
    return out


@primitive(floating=True, x=lambda g, out, dim: out * (g - sum_(g * out, dim=(dim,), keepdim=True)))
def softmax(x: Array, *, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along dim, without overflow."""
    e = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf))
    return e / sum_along(e, dim, keepdims=True)


@primitive(floating=True, x=lambda g, out, dim: g - exp(out) * sum_(g, dim=(dim,), keepdim=True))
def log_softmax(x: Array, *, dim: int) -> Array:
    """x - log(sum(exp(x))) along dim, without overflow."""
    shifted = x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)
    return shifted - np.log(sum_along(np.exp(shifted), dim, keepdims=True))


@primitive(
    promote=("x", "y"),
    x=lambda g, x, y: g * 2 / math.prod(x.shape) * (x - y),
    y=lambda g, x, y: g * 2 / math.prod(x.shape) * (y - x),
)
def mse_loss(x: Array, y: Array) -> Array:
    """The mean of (x - y)^2, for two arrays of one shape."""
    error = x - y
    return np.add.reduce(error * error, axis=None) / error.size


@primitive(x=lambda g, x_shape, index: pick_adjoint(g, index=index, width=x_shape[1]))
def pick(x: Array, *, index: Array) -> Array:
    """From each row of x (n, m) the element that index (n,) names."""
    return x[np.arange(len(index)), index]


@primitive(x=lambda g, index: pick(g, index=index))
def pick_adjoint(x: Array, *, index: Array, width: int) -> Array:
    """Rows of zeros, each with an element of x (n,) in the column that index (n,) names: the adjoint of `pick`."""
    full = np.zeros((len(index), width), x.dtype)
    full[np.arange(len(index)), index] = x
    return full


def one_hot(index: Array, width: int, dtype: np.dtype[Any]) -> Array:
    """Rows of zeros, each with a one in the column that index (n,) names."""
    return pick_adjoint.forward(np.ones(len(index), dtype), index=index, width=width)


@primitive(
    floating=True,
    x=lambda g, x, index, x_dtype: g / len(index) * (softmax(x, dim=1) - one_hot(index, x.shape[1], x_dtype)),
)
def cross_entropy(x: Array, *, index: Array) -> Array:
    """The mean of log(sum(exp(x[k]))) - x[k, index[k]] over the rows x[k] of x (n, m)."""
    shifted = x - np.maximum.reduce(x, axis=1, keepdims=True, initial=-np.inf)
    losses = np.log(sum_along(np.exp(shifted), 1)) - pick.forward(shifted, index=index)
    return np.add.reduce(losses) / len(index)


@primitive(
    promote=("x", "target"),
    x=lambda g, x, target: g * (x - target) / maximum(x * (1 - x), 1e-12),
    target=lambda g, x: g * (maximum(log1p(-x), -100) - maximum(log(x), -100)),
)
def binary_cross_entropy(x: Array, target: Array) -> Array:
    """-target log(x) - (1 - target) log(1 - x), for x from 0 to 1; logarithms below -100 count as -100."""
    return -target * np.maximum(np.log(x), -100) - (1 - target) * np.maximum(np.log1p(-x), -100)


def standardize_vjp(g: Any, x: Any, dim: Dims, eps: float) -> Any:
    """Return the cotangent of x. It does not ask for the result, which may be overwritten, as in torch."""

    def vjp(g: Any, x: Any, dim: Dims) -> Any:
        centred = x - mean(x, dim=dim, keepdim=True)
        inv_std = (mean(centred * centred, dim=dim, keepdim=True) + eps) ** -0.5
        out = centred * inv_std
        return inv_std * (g - mean(g, dim=dim, keepdim=True) - out * mean(g * out, dim=dim, keepdim=True))

    return rows_in_blocks(vjp, g, x, dim=dim) if isinstance(g, np.ndarray) else vjp(g, x, dim)


@primitive(x=lambda g, x, dim, eps: standardize_vjp(g, x, dim, eps))
def standardize(x: Array, *, dim: Dims, eps: float) -> Array:
    """(x - mean) / sqrt(variance + eps) along dim; the variance is the mean square of the deviations."""

    def standardized(x: Array, dim: Dims) -> Array:
        centred = x - mean.forward(x, dim=dim, keepdim=True)
        return centred / np.sqrt(mean.forward(centred * centred, dim=dim, keepdim=True) + eps)

    return rows_in_blocks(standardized, x, dim=dim)


@primitive(promote=("xs",), xs=lambda g, xs: _lstm_vjp(g, *xs))
def lstm_step(*xs: Array) -> Array:
    """h' = s(o) tanh(c') and c' = s(f) c + s(i) tanh(z), one upon the other, of xs = (i f z o side by side, c)."""
    gates, c = xs
    n = c.shape[-1]
    s = sigmoid.forward(gates)
    out = np.empty((2, *c.shape), c.dtype)
    out[1] = s[..., n : 2 * n] * c + s[..., :n] * np.tanh(gates[..., 2 * n : 3 * n])
    np.multiply(s[..., 3 * n :], np.tanh(out[1]), out=out[0])
    return out


def _lstm_vjp(g: Any, gates: Any, c: Any) -> list[Any]:
    n, s = c.shape[-1], sigmoid(gates)
    i, f, o = (getitem(s, index=(..., slice(k * n, (k + 1) * n))) for k in (0, 1, 3))
    z = tanh(getitem(gates, index=(..., slice(2 * n, 3 * n))))
    t = tanh(f * c + i * z)
    g_h, g_c = getitem(g, index=(0,)), getitem(g, index=(1,))
    g_c = g_c + g_h * o * (1 - t * t)
    slopes = (g_c * z * i * (1 - i), g_c * c * f * (1 - f), g_c * i * (1 - z * z), g_h * t * o * (1 - o))
    return [cat(*slopes, dim=len(c.shape) - 1), g_c * f]
