"""Activations as modules. Each applies the function of the same name in `minigrad.nn.functional`, which has its formula.

The result has the shape of the input; with ``inplace=True`` it overwrites the input. Each equals torch's class of the same
name.
"""

from typing import Any

from minigrad import dtypes
from minigrad.creation import empty
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.function_module import FunctionModule
from minigrad.nn.module import Parameter

__all__ = [
    "ELU", "GELU", "Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "PReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid",
    "Softmax", "Softplus", "Tanh",
]  # fmt: skip


class InplaceActivation(FunctionModule):
    """Base class of the activations that have no setting but `inplace`."""

    arguments = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class ReLU(InplaceActivation):
    """Apply `functional.relu`."""

    function = staticmethod(F.relu)


class ReLU6(InplaceActivation):
    """Apply `functional.relu6`."""

    function = staticmethod(F.relu6)


class SiLU(InplaceActivation):
    """Apply `functional.silu`."""

    function = staticmethod(F.silu)


class LeakyReLU(FunctionModule):
    """Apply `functional.leaky_relu`."""

    function, arguments = staticmethod(F.leaky_relu), ("negative_slope", "inplace")

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace


class PReLU(FunctionModule):
    """Apply `functional.prelu`: a leaky_relu whose slope is learned. He et al. 2015, https://arxiv.org/abs/1502.01852.

    Attributes:
        weight: The slopes, of shape ``(num_parameters,)``, initially init: one for all, or one for each channel.
    """

    function, arguments, shown = staticmethod(F.prelu), ("weight",), ("num_parameters",)

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: dtypes.dtype | None = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the slopes to their initial value."""
        init.constant_(self.weight, self.init)


class ELU(FunctionModule):
    """Apply `functional.elu`."""

    function, arguments = staticmethod(F.elu), ("alpha", "inplace")

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace


class Hardtanh(FunctionModule):
    """Apply `functional.hardtanh`.

    Raises:
        ValueError: min_val is not less than max_val.
    """

    function, arguments = staticmethod(F.hardtanh), ("min_val", "max_val", "inplace")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        if min_val >= max_val:
            raise ValueError(f"min_val must be less than max_val, but got {min_val} and {max_val}")
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace


class Softplus(FunctionModule):
    """Apply `functional.softplus`."""

    function, arguments = staticmethod(F.softplus), ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold


class GELU(FunctionModule):
    """Apply `functional.gelu`."""

    function, arguments = staticmethod(F.gelu), ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate


class Tanh(FunctionModule):
    """Apply `minigrad.tanh`."""

    function = staticmethod(F.tanh)


class Sigmoid(FunctionModule):
    """Apply `minigrad.sigmoid`."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(FunctionModule):
    """Apply `functional.logsigmoid`."""

    function = staticmethod(F.logsigmoid)


class Softmax(FunctionModule):
    """Apply `minigrad.softmax` along dim, which must be given: unlike torch, no dim is guessed."""

    function, arguments = staticmethod(F.softmax), ("dim",)

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim


class LogSoftmax(Softmax):
    """Apply `minigrad.log_softmax` along dim, which must be given: unlike torch, no dim is guessed."""

    function = staticmethod(F.log_softmax)
