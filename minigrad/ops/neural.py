"""Fused primitives of neural networks: compositions that are faster, or more accurate, as one primitive."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.ops.arithmetic import maximum
from minigrad.ops.blocks import blocks_across, row_blocks
from minigrad.ops.elementary import exp, log, log1p, sigmoid, sqrt, tanh
from minigrad.ops.indexing import cat, stack
from minigrad.ops.linalg import dtype_error, matmul
from minigrad.ops.reduction import Dims, mean, sum_
from minigrad.ops.shape import reshape
from minigrad.primitive import Array, primitive
from minigrad.summation import dot_along, sum_along


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


def exponentials(x: Array, dim: int, out: Array) -> tuple[Array, Any]:
    """Write exp(x - shift) to out. Return its sums along dim, and the shift: 0, or the maximum if a sum is not moderate."""
    sums = sum_along(np.exp(x, out=out), dim, keepdims=True)
    if np.minimum.reduce(sums, None, initial=1) > 1e-3 and np.maximum.reduce(sums, None, initial=1) < 1e15:
        return sums, 0  # a quotient of exp(x) and its sum has all digits down to 1e-35
    shift = np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)
    np.exp(np.subtract(x, shift, out=out), out=out)
    return sum_along(out, dim, keepdims=True), shift


@primitive(floating=True, x=lambda g, out, dim: softmax_vjp(g, out, dim=dim))
def softmax(x: Array, *, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along dim, without overflow."""
    out = np.empty(x.shape, x.dtype)
    for part in blocks_across(x, dim):
        sums, _ = exponentials(x[part], dim, out[part])
        out[part] /= sums
    return out


@primitive(
    u=lambda g, y, dim: softmax_vjp(g, y, dim=dim),
    y=lambda g, u, y, dim: g * (u - total(u * y, dim)) - u * total(g * y, dim),
)
def softmax_vjp(u: Array, y: Array, *, dim: int) -> Array:
    """The cotangent of x for y = softmax(x) with cotangent u: y (u - sum(u y)) along dim."""
    out = np.empty(y.shape, y.dtype)
    for part in blocks_across(y, dim):
        np.subtract(u[part], dot_along(u[part], y[part], dim), out=out[part])
        out[part] *= y[part]
    return out


def total(x: Any, dim: int) -> Any:
    """Return the sum along dim, which is kept with size 1."""
    return sum_(x, dim=(dim,), keepdim=True)


@primitive(floating=True, x=lambda g, out, dim: g - exp(out) * total(g, dim))
def log_softmax(x: Array, *, dim: int) -> Array:
    """x - log(sum(exp(x))) along dim, without overflow."""
    out = np.empty(x.shape, x.dtype)
    for part in blocks_across(x, dim):
        top = np.maximum.reduce(x[part], axis=dim, keepdims=True, initial=-np.inf)
        shifted = np.subtract(x[part], top, out=out[part])
        shifted -= np.log(sum_along(np.exp(shifted), dim, keepdims=True))
    return out


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


@primitive(floating=True, x=lambda g, x, index: cross_entropy_vjp(g, x, index=index))
def cross_entropy(x: Array, *, index: Array) -> Array:
    """The mean of log(sum(exp(x[k]))) - x[k, index[k]] over the rows x[k] of x (n, m)."""
    logits, losses = pick.forward(x, index=index)[:, None], np.empty((len(x), 1))
    for part in row_blocks(x):
        exps = np.empty(x[part].shape, x.dtype)
        sums, shift = exponentials(x[part], 1, exps)
        term = pick.forward(exps, index=index[part])[:, None]
        # The logarithm of the very term that is in the sum, so that no loss is negative; where it underflows, its exponent.
        log_term = np.where(term > 1e-30, np.log(term, dtype=float), logits[part] - shift)
        losses[part] = np.log(sums, dtype=float) - log_term
    return np.asarray(np.add.reduce(losses, None) / len(index), x.dtype)


@primitive(
    u=lambda g, x, index: (sum_(g * softmax(x, dim=1)) - sum_(pick(g, index=index))) / len(index),
    x=lambda g, u, x, index: u / len(index) * softmax_vjp(g, softmax(x, dim=1), dim=1),
)
def cross_entropy_vjp(u: Array, x: Array, *, index: Array) -> Array:
    """The cotangent of x for `cross_entropy` with cotangent u: softmax(x[k]) less 1 at index[k], times u / n."""
    out, scale = np.empty(x.shape, x.dtype), x.dtype.type(u / len(index))
    for part in row_blocks(x):
        sums, _ = exponentials(x[part], 1, out[part])
        out[part][np.arange(len(sums)), index[part]] -= sums[:, 0]  # before the scale, so that a certain class leaves 0
        out[part] *= scale / sums
    return out


@primitive(
    promote=("x", "target"),
    x=lambda g, x, target: g * (x - target) / maximum(x * (1 - x), 1e-12),
    target=lambda g, x: g * (maximum(log1p(-x), -100) - maximum(log(x), -100)),
)
def binary_cross_entropy(x: Array, target: Array) -> Array:
    """-target log(x) - (1 - target) log(1 - x), for x from 0 to 1; logarithms below -100 count as -100."""
    return -target * np.maximum(np.log(x), -100) - (1 - target) * np.maximum(np.log1p(-x), -100)


def deviations(x: Any, dim: Dims, eps: float) -> tuple[Any, Any]:
    """Return x - mean and 1 / sqrt(variance + eps) along dim; the variance is the mean square of the deviations."""
    centred = x - mean(x, dim=dim, keepdim=True)
    return centred, 1 / sqrt(mean(centred * centred, dim=dim, keepdim=True) + eps)


def standardize_vjp(g: Any, centred: Any, inv_std: Any, dim: Dims) -> Any:
    """Return the cotangent of x. It does not ask for the result, which may be overwritten, as in torch."""
    along = centred * (inv_std * inv_std * mean(g * centred, dim=dim, keepdim=True))
    return inv_std * (g - mean(g, dim=dim, keepdim=True) - along)


@primitive(x=lambda g, x, dim, eps: standardize_vjp(g, *deviations(x, dim, eps), dim))
def standardize(x: Array, *, dim: Dims, eps: float) -> Array:
    """(x - mean) / sqrt(variance + eps) along dim; the variance is the mean square of the deviations."""
    centred, inv_std = deviations(x, dim, eps)
    return centred * inv_std


@primitive(promote=("xs",), xs=lambda g, xs, eps: layer_norm_vjp(g, *xs, eps=eps))
def layer_norm(*xs: Array, eps: float) -> Array:
    """`standardize` along the last axis of x (..., n), for xs = (x,); that times w plus b for xs = (x, w, b)."""
    x, *affine = xs
    out = np.empty(x.shape, x.dtype)
    rows, out_rows = as_matrix(x), as_matrix(out)
    for block in row_blocks(rows):
        part = out_rows[block]
        part *= row_deviations(rows[block], eps, out=part)
        if affine:
            part *= affine[0]
            part += affine[1]
    return out


def row_deviations(x: Array, eps: float, out: Array) -> Array:
    """Write x - mean, along each row, to out. Return 1 / sqrt(variance + eps)."""
    n = x.shape[1]
    np.subtract(x, sum_along(x, 1, keepdims=True) / n, out=out)
    return np.asarray(1 / np.sqrt(dot_along(out, out, 1) / n + eps))


def layer_norm_vjp(g: Any, x: Any, *affine: Any, eps: float) -> list[Any]:
    """Return the cotangents of x, w and b."""
    g, rows = as_matrix(g), as_matrix(x)
    if not isinstance(x, np.ndarray):
        centred, inv_std = deviations(rows, (1,), eps)
        g_rows = standardize_vjp(g * affine[0] if affine else g, centred, inv_std, (1,))
        sums = [sum_rows(g * (centred * inv_std)), sum_rows(g)] if affine else []
        return [reshape(g_rows, shape=x.shape), *sums]
    out, parts = np.empty(x.shape, x.dtype), []
    w = affine[0] if affine else np.ones(rows.shape[1], x.dtype)
    column = w[:, None] / max(1, len(w))  # for means along the rows of g w and of g w centred, as products of matrices
    for block in row_blocks(rows):
        g_part, centred = g[block], as_matrix(out)[block]
        inv_std = row_deviations(rows[block], eps, out=centred)
        product = g_part * centred
        constant, slope = g_part @ column, inv_std * inv_std * (product @ column)
        parts.append(np.stack([inv_std[:, 0] @ product, np.ones(len(product), x.dtype) @ g_part]))
        np.multiply(g_part, w, out=product)
        centred *= slope
        centred += constant
        np.subtract(product, centred, out=centred)
        centred *= inv_std
    return [out, *sum_rows(np.stack(parts))][: 1 + len(affine)]


@primitive(promote=("xs",), xs=lambda g, xs, out: _lstm_vjp(g, out, *xs))
def lstm(*xs: Array) -> Array:
    """h and c along a sequence, (2, L + 1, ..., n) with those before it in front, of xs = (p, w, h, c) for p (L, ..., 4 n).

    h' = s(o) tanh(c') and c' = s(f) c + s(i) tanh(z), where i, f, z and o stand side by side in p + h w'.
    """
    p, weight, h, c = xs
    n = h.shape[-1]
    out = np.empty((2, len(p) + 1, *h.shape), h.dtype)
    out[:, 0] = h, c
    for x, h, c, next_h, next_c in zip(p, out[0], out[1], out[0, 1:], out[1, 1:], strict=False):
        gates = x + h.dot(weight.T)
        s = sigmoid.forward(gates)
        np.add(s[..., n : 2 * n] * c, s[..., :n] * np.tanh(gates[..., 2 * n : 3 * n]), out=next_c)
        np.multiply(s[..., 3 * n :], np.tanh(next_c), out=next_h)
    return out


def _lstm_vjp(g: Any, out: Any, p: Any, weight: Any, h: Any, c: Any) -> list[Any]:
    n, last, before = h.shape[-1], len(h.shape) - 1, out[:, :-1]
    gates = p + before[0] @ weight.T
    s, z, t = sigmoid(gates), tanh(gates[..., 2 * n : 3 * n]), tanh(out[1, 1:])
    i, f, o = s[..., :n], s[..., n : 2 * n], s[..., 3 * n :]
    slopes = cat(z * i * (1 - i), before[1] * f * (1 - f), i * (1 - z * z), t * o * (1 - o), dim=last + 1)
    steps = list(zip(g[0, 1:], g[1, 1:], slopes, o * (1 - t * t), f, strict=True))
    g_h: Any = 0
    g_c: Any = 0
    g_gates = []
    for more_h, more_c, slope, o_slope, forget in reversed(steps):
        g_h = g_h + more_h
        g_c = g_c + more_c + g_h * o_slope
        g_gates.append(cat(g_c, g_c, g_c, g_h, dim=last) * slope)
        g_h, g_c = g_gates[-1] @ weight, g_c * forget
    g_p = stack(*reversed(g_gates), dim=0)
    return [g_p, as_matrix(g_p).T @ as_matrix(before[0]), g_h + g[0, 0], g_c + g[1, 0]]
