"""What neural networks do at every step, each as one primitive where a measurement asked for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.elementwise import exp
from minigrad.ops.primitive import Array, primitive
from minigrad.ops.reduction import sum_
from minigrad.ops.shape import reshape


def rows(x: Any) -> Any:
    """Return x as a matrix whose rows are its innermost vectors."""
    return x if len(x.shape) == 2 else reshape(x, shape=(-1, x.shape[-1]))


@primitive(
    promote=("x", "weight", "bias"),
    x=lambda g, weight: g @ weight,
    weight=lambda g, x: rows(g).T @ rows(x),
    bias=lambda g: rows(g).sum(0),
)
def linear(x: Array, weight: Array, bias: Array) -> Array:
    """X weight' + bias, for x (..., n), weight (m, n) and bias (m,)."""
    out = x.dot(weight.T)
    out += bias
    return out


@primitive(floating=True, x=lambda g, out, dim: out * (g - sum_(g * out, dim=(dim,), keepdim=True)))
def softmax(x: Array, *, dim: int) -> Array:
    """exp(x) / sum(exp(x)) along dim, without overflow."""
    e = np.exp(x - np.maximum.reduce(x, axis=dim, keepdims=True))
    return e / np.add.reduce(e, axis=dim, keepdims=True)


@primitive(floating=True, x=lambda g, out, dim: g - exp(out) * sum_(g, dim=(dim,), keepdim=True))
def log_softmax(x: Array, *, dim: int) -> Array:
    """X - log(sum(exp(x))) along dim, without overflow."""
    shifted = x - np.maximum.reduce(x, axis=dim, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=dim, keepdims=True))
