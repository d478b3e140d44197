"""Activations as modules. Each applies the function of the same name in `minigrad.nn.functional`, which has its formula.

The result has the shape of the input; with ``inplace=True`` it overwrites the input. Each equals torch's class of the same
name.
"""

from __future__ import annotations

from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class ReLU(Module):
    """Apply `minigrad.relu`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(x)."""
        return F.relu(x, self.inplace)

    def extra_repr(self) -> str:
        """Return inplace, if it is set."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """Apply `functional.leaky_relu`."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return leaky_relu(x)."""
        return F.leaky_relu(x, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"negative_slope={self.negative_slope}{_inplace_suffix(self.inplace)}"


class ELU(Module):
    """Apply `functional.elu`."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return elu(x)."""
        return F.elu(x, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"alpha={self.alpha}{_inplace_suffix(self.inplace)}"


class Hardtanh(Module):
    """Apply `functional.hardtanh`.

    Raises:
        ValueError: min_val is not less than max_val.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if min_val >= max_val:
            raise ValueError(f"min_val must be less than max_val, but got {min_val} and {max_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return hardtanh(x)."""
        return F.hardtanh(x, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"min_val={self.min_val}, max_val={self.max_val}{_inplace_suffix(self.inplace)}"


def _inplace_suffix(inplace: bool) -> str:
    return ", inplace=True" if inplace else ""


class Softplus(Module):
    """Apply `functional.softplus`."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """Return softplus(x)."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class SiLU(Module):
    """Apply `functional.silu`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return silu(x)."""
        return F.silu(x)


class GELU(Module):
    """Apply `functional.gelu`."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Return gelu(x)."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Return the approximation."""
        return f"approximate={self.approximate!r}"


class Tanh(Module):
    """Apply `minigrad.tanh`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return tanh(x)."""
        return F.tanh(x)


class Sigmoid(Module):
    """Apply `minigrad.sigmoid`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return sigmoid(x)."""
        return F.sigmoid(x)


class LogSigmoid(Module):
    """Apply `functional.logsigmoid`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return log(sigmoid(x))."""
        return F.logsigmoid(x)


class Softmax(Module):
    """Apply `minigrad.softmax` along dim, which must be given: unlike torch, no dim is guessed."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Return softmax(x)."""
        return F.softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Apply `minigrad.log_softmax` along dim, which must be given: unlike torch, no dim is guessed."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """Return log(softmax(x))."""
        return F.log_softmax(x, self.dim)

    def extra_repr(self) -> str:
        """Return the axis."""
        return f"dim={self.dim}"
