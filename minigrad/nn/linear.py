"""Linear: the layer that sums its inputs with learned weights."""

from __future__ import annotations

import math
from typing import Any

from minigrad import dtypes
from minigrad.creation import Options, empty
from minigrad.nn import init
from minigrad.nn.functional import linear
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor


class Linear(Module):
    """y = x W' + b.

    Shape:
        (*, in_features) -> (*, out_features).

    Attributes:
        weight: W, of shape (out_features, in_features), drawn from U(-k, k) with k = 1 / sqrt(in_features).
        bias: b, of shape (out_features,), from the same distribution; None with ``bias=False``.

    >>> Linear(3, 1)
    Linear(in_features=3, out_features=1, bias=True)
    """

    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: dtypes.dtype | None = None,
    ) -> None:
        super().__init__()
        options: Options = {"device": device, "dtype": dtype}
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, **options))
        self.register_parameter("bias", Parameter(empty(out_features, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        k = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def forward(self, x: Tensor) -> Tensor:
        """Return x W' + b."""
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Identity(Module):
    """y = x, whatever the arguments of the constructor; it stands where a layer is left out."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class Flatten(Module):
    """The axes from start_dim to end_dim made one.

    Shape:
        (N, A, B, ...) -> (N, A B ...) by default.
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
