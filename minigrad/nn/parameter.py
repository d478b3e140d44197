"""Parameter: a tensor that a module learns."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from minigrad.autodiff import Version
from minigrad.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that a `Module` finds when it is assigned as an attribute.

    It shares memory with `data`, and requires a gradient by default, also when it is made under ``no_grad()``.

    Raises:
        TypeError: The data is not a tensor.
        RuntimeError: It requires a gradient, but is not of floating point.
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is not None and not isinstance(data, Tensor):
            raise TypeError(f"Parameter data has to be a Tensor, but got {type(data).__name__}: make one with tensor(...)")
        self.array = np.empty(0, np.float32) if data is None else data.array
        self.version = Version() if data is None else data.version
        self.requires_grad = requires_grad

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy in memory of its own, without the gradient."""
        copied = super().__deepcopy__(memo)
        copied._grad = None
        return copied

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
