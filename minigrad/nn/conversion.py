"""Conversion of a module's parameters and buffers to another dtype."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from minigrad import dtypes
from minigrad.creation import empty
from minigrad.tensor import Tensor


class ConversionMethods:
    """to, float, half and related methods of `Module`."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating-point parameters, their gradients, and floating-point buffers, in place.

        Args:
            args: As for `Tensor.to`: a dtype, a tensor whose dtype is taken, or a device.
            kwargs: The same by name.

        Raises:
            TypeError: The dtype is not floating-point.
        """
        module: Any = self
        convert_in_place([*module.parameters(), *module.buffers()], *args, **kwargs)
        return self

    def half(self) -> Self:
        """Convert parameters and buffers to float16."""
        return self.to(dtypes.float16)

    def float(self) -> Self:
        """Convert parameters and buffers to float32."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Convert parameters and buffers to float64."""
        return self.to(dtypes.float64)

    def cpu(self) -> Self:
        """Return the module, which is on the CPU."""
        return self


def convert_in_place(tensors: Iterable[Tensor], *args: Any, **kwargs: Any) -> None:
    """Convert floating-point tensors and their gradients; the tensors stay the same objects, which optimizers know.

    The arguments are those of `Tensor.to`.

    Raises:
        TypeError: The dtype is not floating-point.
    """
    dtype = empty(0).to(*args, **kwargs).dtype
    if not dtype.is_floating_point:
        raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")
    for t in tensors:
        if t.is_floating_point():
            grad, t.grad = t.grad, None
            t.data = t.data.to(*args, **kwargs)
            t.grad = None if grad is None else grad.to(*args, **kwargs)
