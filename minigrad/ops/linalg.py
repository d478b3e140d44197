"""Linear algebra: products of matrices and stacks of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.ops.broadcasting import match_shape
from minigrad.ops.primitive import Array, primitive
from minigrad.ops.shape import permute


def transposed(x: Any) -> Any:
    """Return x with its last two axes exchanged."""
    n = len(x.shape)
    return permute(x, dims=(*range(n - 2), n - 1, n - 2))


@primitive(
    promote=("a", "b"),
    a=lambda g, b, a_shape: match_shape(matmul(g, transposed(b)), a_shape),
    b=lambda g, a, b_shape: match_shape(matmul(transposed(a), g), b_shape),
)
def matmul(a: Array, b: Array) -> Array:
    """Matrix product of (..., n, k) and (..., k, m); the axes before the last two broadcast."""
    # For two matrices `dot` goes to the BLAS in half the time that `matmul` takes to see that it may.
    return a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)
