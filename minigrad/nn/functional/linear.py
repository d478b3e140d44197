"""Linear: sums of inputs with weights."""

from __future__ import annotations

from minigrad.ops import neural
from minigrad.tensor import Tensor, apply


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: A002
    """Return x W' + b.

    Shape:
        input (*, n), weight (m, n), bias (m,) -> (*, m).

    Raises:
        RuntimeError: The sizes do not fit.
    """
    return input @ weight.t() if bias is None else apply(neural.linear, (input, weight, bias), {})
