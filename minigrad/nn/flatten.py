"""Flatten and Identity: layers that leave the values unchanged."""

from __future__ import annotations

from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class Identity(Module):
    """y = x, whatever the arguments of the constructor: a placeholder for a layer. Equals ``torch.nn.Identity``."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class Flatten(Module):
    """Merge the axes from start_dim to end_dim into one. Equals ``torch.nn.Flatten``.

    Shape:
        by default ``(N, C, H, W) -> (N, C * H * W)``

    >>> from minigrad import zeros
    >>> Flatten()(zeros(5, 3, 2, 2)).shape
    minigrad.Size([5, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Return x flattened."""
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the range of axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
