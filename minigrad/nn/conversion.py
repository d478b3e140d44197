"""Conversion of parameters and buffers to another dtype."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minigrad.creation import empty
from minigrad.tensor import Tensor


def convert_in_place(tensors: Iterable[Tensor], *args: Any, **kwargs: Any) -> None:
    """Convert floating-point tensors and their gradients; the tensors stay the same objects, which optimizers know.

    The arguments are those of `Tensor.to`.

    Raises:
        TypeError: The dtype is not floating-point.
    """
    dtype = empty(0).to(*args, **kwargs).dtype
    if not dtype.is_floating_point:
        raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")
    for t in tensors:
        if t.is_floating_point():
            grad, t.grad = t.grad, None
            t.data = t.data.to(*args, **kwargs)
            t.grad = None if grad is None else grad.to(*args, **kwargs)
