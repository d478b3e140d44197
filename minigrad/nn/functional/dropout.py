"""Dropout: noise that keeps units from relying on each other."""

from __future__ import annotations

import numpy as np

from minigrad.ops import arithmetic
from minigrad.random import numpy_generator
from minigrad.tensor import Tensor, wrap


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
    check_probability(p)
    if not training or p == 0:
        return input
    factor: Tensor = wrap(np.empty_like(input.array))
    keep_mask = numpy_generator(None).random(input.array.shape, np.float32) >= p
    np.multiply(keep_mask, 0 if p == 1 else 1 / (1 - p), out=factor.array, casting="unsafe")
    return input.apply_in_place(arithmetic.mul, factor) if inplace else input * factor
