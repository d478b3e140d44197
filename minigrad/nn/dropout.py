"""Dropout as a module."""

from __future__ import annotations

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.functional.dropout import check_probability
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Dropout(Module):
    """In training, set each element to 0 with probability p and divide the others by 1 - p; in evaluation, y = x.

    Equals ``torch.nn.Dropout``; see `functional.dropout`.

    Raises:
        ValueError: p is not between 0 and 1.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return x with some elements dropped."""
        return F.dropout(x, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"p={self.p}, inplace={self.inplace}"
