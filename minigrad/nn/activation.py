"""Activations as modules: y = f(x) element by element, in the shape of x."""

from __future__ import annotations

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class ReLU(Module):
    """max(x, 0), with derivative 0 at 0. With ``inplace=True`` the result overwrites x."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return max(x, 0)."""
        return F.relu(x, self.inplace)

    def extra_repr(self) -> str:
        """Return the option, if it is set."""
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """The hyperbolic tangent, between -1 and 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Return tanh(x)."""
        return F.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), between 0 and 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logistic function of x."""
        return F.sigmoid(x)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim: positive numbers whose sum along dim is 1."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Return the softmax of x."""
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(softmax(x)) along dim, computed without overflow."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Return the log-softmax of x."""
        return F.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"
