"""Regularization: noise that keeps units from relying on each other."""

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
    """Return x with each element set to 0 with probability p and otherwise divided by 1 - p; x itself unless training.

    The expectation is x. Random numbers come from the common source. Srivastava et al. 2014.

    Raises:
        ValueError: p is not between 0 and 1.
    """
    check_probability(p)
    if not training or p == 0:
        return input
    kept = numpy_generator(None).random(input.array.shape, np.float32) >= p
    factor = wrap(kept * input.array.dtype.type(0 if p == 1 else 1 / (1 - p)))
    return input.apply_in_place(arithmetic.mul, factor) if inplace else input * factor
