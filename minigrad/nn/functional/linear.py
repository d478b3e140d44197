"""The affine map of a linear layer."""

from minigrad.backend import current
from minigrad.ops import neural
from minigrad.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x Wᵀ + b.

    Shape:
        input ``(*, n)``, weight ``(m, n)``, bias ``(m,)`` -> ``(*, m)``

    Raises:
        RuntimeError: The shapes or dtypes do not fit.
    """
    if bias is None:
        return input @ weight.t()
    result: Tensor = current.backend.apply(neural.linear, (input, weight, bias), {})  # half a microsecond sooner than a call
    return result
