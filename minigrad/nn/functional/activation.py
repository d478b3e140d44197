"""Activations: functions applied element by element; the result has the shape of the input.

With ``inplace=True`` the result overwrites the input.
"""

from typing import Any

from minigrad import functions
from minigrad.combining import where
from minigrad.ops import activation, elementary, error_function
from minigrad.primitive import Primitive
from minigrad.tensor import Tensor

__all__ = ["elu", "gelu", "hardtanh", "leaky_relu", "logsigmoid", "prelu", "relu", "relu6", "silu", "softplus"]


def _pointwise(op: Primitive, x: Tensor, inplace: bool = False, **attributes: Any) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(x).__name__}")
    return x.apply_in_place(op, **attributes) if inplace else op(x, **attributes)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Apply `minigrad.relu`, in place if asked."""
    # The function of the package is dispatched 1.4 us sooner than the primitive.
    return _pointwise(elementary.relu, input, inplace) if inplace else functions.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x if x > 0, else negative_slope * x. The derivative at 0 is the slope."""
    return _pointwise(activation.leaky_relu, input, inplace, negative_slope=negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x if x > 0, else alpha * (exp(x) - 1). Clevert et al. 2016, https://arxiv.org/abs/1511.07289."""
    return _pointwise(activation.elu, input, inplace, alpha=alpha)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """Clip x to the interval from min_val to max_val. The derivative on the bounds is 0.

    Raises:
        ValueError: min_val is greater than max_val.
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _pointwise(activation.hardtanh, input, inplace, low=min_val, high=max_val)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(beta * x)) / beta, a smooth relu; x itself if beta * x > threshold."""
    return _pointwise(activation.softplus, input, beta=beta, threshold=threshold)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x * sigmoid(x), also called swish. Hendrycks and Gimpel 2016, https://arxiv.org/abs/1606.08415."""
    return _pointwise(activation.silu, input, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return min(max(x, 0), 6). The derivative at 0 and 6 is 0."""
    return hardtanh(input, 0.0, 6.0, inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x if x > 0, else w * x.

    Shape:
        input ``(*)`` with one weight, or ``(N, C, *)`` with a weight ``(C,)`` for each channel -> that of the input

    Raises:
        RuntimeError: There is another number of weights, or another dtype.
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels) or weight.dtype != input.dtype:
        raise RuntimeError(
            f"prelu: expected 1 or {channels} weights of {input.dtype}, but got {list(weight.shape)} of {weight.dtype}"
        )
    slopes = weight.reshape(-1, *(1,) * (input.ndim - 2)) if weight.numel() > 1 else weight.reshape(())
    return where(input > 0, input, input * slopes)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x * Phi(x), with the distribution function Phi of N(0, 1).

    With ``approximate="tanh"`` it is x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x³))) / 2. Hendrycks and Gimpel 2016,
    https://arxiv.org/abs/1606.08415.

    Raises:
        RuntimeError: approximate is neither ``none`` nor ``tanh``.
    """
    if approximate == "none":
        return _pointwise(error_function.gelu, input)
    if approximate == "tanh":
        return _pointwise(error_function.gelu_tanh, input)
    raise RuntimeError(f"approximate argument must be either none or tanh, but got {approximate}")


def logsigmoid(input: Tensor) -> Tensor:
    """Return log(sigmoid(x)), without overflow."""
    return _pointwise(activation.logsigmoid, input)
