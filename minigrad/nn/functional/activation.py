"""Activations: functions applied element by element, and softmax along an axis.

With ``inplace=True`` the result takes the place of the input in memory.
"""

from __future__ import annotations

from minigrad.ops import elementwise
from minigrad.tensor import Tensor


def relu(input: Tensor, inplace: bool = False) -> Tensor:  # noqa: A002
    """Return max(x, 0); the derivative at 0 is 0."""
    return input._overwrite(elementwise.relu) if inplace else input.relu()


def tanh(input: Tensor) -> Tensor:  # noqa: A002
    """Return the hyperbolic tangent."""
    return input.tanh()


def sigmoid(input: Tensor) -> Tensor:  # noqa: A002
    """Return 1 / (1 + exp(-x))."""
    return input.sigmoid()


def softmax(input: Tensor, dim: int) -> Tensor:  # noqa: A002
    """Return exp(x) / sum(exp(x)) along dim. torch guesses a missing dim; here it must be given."""
    return input.softmax(dim)


def log_softmax(input: Tensor, dim: int) -> Tensor:  # noqa: A002
    """Return log(softmax(x)) along dim, computed without overflow. torch guesses a missing dim; here it must be given."""
    return input.log_softmax(dim)
