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


class LeakyReLU(Module):
    """x where x > 0, else negative_slope x. With ``inplace=True`` the result overwrites x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return x, scaled where it is negative."""
        return F.leaky_relu(x, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Return the slope and the option, if it is set."""
        return f"negative_slope={self.negative_slope}{_inplace(self.inplace)}"


class ELU(Module):
    """x where x > 0, else alpha (exp(x) - 1). With ``inplace=True`` the result overwrites x."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """Return the ELU of x."""
        return F.elu(x, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return alpha and the option, if it is set."""
        return f"alpha={self.alpha}{_inplace(self.inplace)}"


class Hardtanh(Module):
    """x, but at least min_val and at most max_val. With ``inplace=True`` the result overwrites x.

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
        """Return x within the bounds."""
        return F.hardtanh(x, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Return the bounds and the option, if it is set."""
        return f"min_val={self.min_val}, max_val={self.max_val}{_inplace(self.inplace)}"


def _inplace(inplace: bool) -> str:
    return ", inplace=True" if inplace else ""


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, a smooth ReLU; x itself where beta x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """Return the softplus of x."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return the settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class SiLU(Module):
    """x sigmoid(x), also called swish."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the SiLU of x."""
        return F.silu(x)


class GELU(Module):
    """x times the normal distribution function of x; with ``approximate="tanh"`` a formula close to it."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """Return the GELU of x."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Return the approximation."""
        return f"approximate={self.approximate!r}"


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


class LogSigmoid(Module):
    """log(sigmoid(x)), computed without overflow."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the logarithm of the logistic function of x."""
        return F.logsigmoid(x)


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
