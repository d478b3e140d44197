"""Conversion of a module's parameters and buffers to another dtype."""

from collections.abc import Callable
from typing import Any, Self

from minigrad import dtypes
from minigrad.creation import empty
from minigrad.tensor import Tensor


class ConversionMethods:
    """to, float, half and related methods of `Module`. A subclass may override each without a change to the others."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating-point parameters, their gradients, and floating-point buffers.

        The parameters stay the same objects, which optimizers know; buffers are replaced.

        Args:
            args: As for `Tensor.to`: a dtype, a tensor whose dtype is taken, or a device.
            kwargs: The same by name.

        Raises:
            TypeError: The dtype is not floating-point.
        """
        dtype = empty(0).to(*args, **kwargs).dtype
        if not dtype.is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")
        return self._apply(lambda t: t.to(*args, **kwargs) if t.is_floating_point() else t)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the values of parameters and gradients, and the buffers, by a function of them.

        All conversions call it, for every module. A subclass overrides it to convert other tensors that it holds.
        """
        module: Any = self
        for child in module.children() if recurse else ():
            child._apply(fn)
        for p in module.parameters(recurse=False):
            grad, p.grad = p.grad, None
            p.data = fn(p.data)
            p.grad = None if grad is None else fn(grad)
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, fn(buffer))
        return self

    def half(self) -> Self:
        """Convert parameters and buffers to float16."""
        return ConversionMethods.to(self, dtypes.float16)

    def float(self) -> Self:
        """Convert parameters and buffers to float32."""
        return ConversionMethods.to(self, dtypes.float32)

    def double(self) -> Self:
        """Convert parameters and buffers to float64."""
        return ConversionMethods.to(self, dtypes.float64)

    def cpu(self) -> Self:
        """Return the module, which is on the CPU."""
        return self
