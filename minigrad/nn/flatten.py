"""Flatten, Unflatten and Identity: layers that leave the values unchanged."""

from collections.abc import Sequence

from minigrad.nn.function_module import FunctionModule, stores_arguments
from minigrad.nn.module import Module
from minigrad.tensor import Tensor

__all__ = ["Flatten", "Identity", "Unflatten"]


class Identity(Module):
    """y = x, whatever the arguments of the constructor: a placeholder for a layer. Equals ``torch.nn.Identity``."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return the input."""
        return input


@stores_arguments
class Flatten(FunctionModule):
    """Merge the axes from start_dim to end_dim into one. Equals ``torch.nn.Flatten``.

    Shape:
        by default ``(N, C, H, W) -> (N, C * H * W)``

    >>> from minigrad import zeros
    >>> Flatten()(zeros(5, 3, 2, 2)).shape
    minigrad.Size([5, 12])
    """

    function = staticmethod(Tensor.flatten)
    start_dim: int = 1
    end_dim: int = -1


@stores_arguments
class Unflatten(FunctionModule):
    """Split an axis into several. Equals ``torch.nn.Unflatten``, without named axes.

    Shape:
        ``(N, C * H * W) -> (N, C, H, W)`` with dim 1 and the size (C, H, W); one of the sizes may be -1
    """

    dim: int
    unflattened_size: Sequence[int]

    def __post_init__(self) -> None:
        """Check the types."""
        super().__post_init__()
        if not isinstance(self.dim, int) or not all(isinstance(n, int) for n in self.unflattened_size):
            raise TypeError("Unflatten: dim must be an integer, and unflattened_size a sequence of integers")

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with the axis split."""
        return input.unflatten(self.dim, self.unflattened_size)
