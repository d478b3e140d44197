"""Activations as modules. Each applies the function of the same name in `minigrad.nn.functional`, which has its formula.

The result has the shape of the input; with ``inplace=True`` it overwrites the input. Each equals torch's class of the same
name.
"""

from typing import Any

from minigrad import dtypes
from minigrad.creation import empty
from minigrad.nn import functional as F  # noqa: N812
from minigrad.nn import init
from minigrad.nn.function_module import FunctionModule, stores_arguments
from minigrad.nn.module import Parameter

__all__ = [
    "ELU", "GELU", "Hardtanh", "LeakyReLU", "LogSigmoid", "LogSoftmax", "PReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid",
    "Softmax", "Softplus", "Tanh",
]  # fmt: skip


@stores_arguments
class InplaceActivation(FunctionModule):
    """Base class of the activations that have no setting but `inplace`."""

    inplace: bool = False


class ReLU(InplaceActivation):
    """Apply `functional.relu`."""

    function = staticmethod(F.relu)


class ReLU6(InplaceActivation):
    """Apply `functional.relu6`."""

    function = staticmethod(F.relu6)


class SiLU(InplaceActivation):
    """Apply `functional.silu`."""

    function = staticmethod(F.silu)


@stores_arguments
class LeakyReLU(FunctionModule):
    """Apply `functional.leaky_relu`."""

    function = staticmethod(F.leaky_relu)
    negative_slope: float = 0.01
    inplace: bool = False


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


@stores_arguments
class ELU(FunctionModule):
    """Apply `functional.elu`."""

    function = staticmethod(F.elu)
    alpha: float = 1.0
    inplace: bool = False


@stores_arguments
class Hardtanh(FunctionModule):
    """Apply `functional.hardtanh`.

    Raises:
        ValueError: min_val is not less than max_val.
    """

    function = staticmethod(F.hardtanh)
    min_val: float = -1.0
    max_val: float = 1.0
    inplace: bool = False

    def __post_init__(self) -> None:
        """Check the bounds."""
        super().__post_init__()
        if self.min_val >= self.max_val:
            raise ValueError(f"min_val must be less than max_val, but got {self.min_val} and {self.max_val}")


@stores_arguments
class Softplus(FunctionModule):
    """Apply `functional.softplus`."""

    function = staticmethod(F.softplus)
    beta: float = 1.0
    threshold: float = 20.0


@stores_arguments
class GELU(FunctionModule):
    """Apply `functional.gelu`."""

    function = staticmethod(F.gelu)
    approximate: str = "none"


class Tanh(FunctionModule):
    """Apply `minigrad.tanh`."""

    function = staticmethod(F.tanh)


class Sigmoid(FunctionModule):
    """Apply `minigrad.sigmoid`."""

    function = staticmethod(F.sigmoid)


class LogSigmoid(FunctionModule):
    """Apply `functional.logsigmoid`."""

    function = staticmethod(F.logsigmoid)


@stores_arguments
class Softmax(FunctionModule):
    """Apply `minigrad.softmax` along dim, which must be given: unlike torch, no dim is guessed."""

    function = staticmethod(F.softmax)
    dim: int


class LogSoftmax(Softmax):
    """Apply `minigrad.log_softmax` along dim, which must be given: unlike torch, no dim is guessed."""

    function = staticmethod(F.log_softmax)
