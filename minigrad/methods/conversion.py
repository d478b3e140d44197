"""Conversion to another dtype, and the `new_*` constructors."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from minigrad import dtypes
from minigrad.compat import devices
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.methods.attributes import new_size, parse_size
from minigrad.methods.autograd import AutogradMethods
from minigrad.ops import shape
from minigrad.promotion import as_operand, checked_cast


@methods_explain_errors
class ConversionMethods(AutogradMethods):
    """to, float, new_zeros and related methods."""

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.as_dtype(self.array.dtype)

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        other: Any = None,
        non_blocking: Any = False,
        copy: Any = False,
    ) -> Self:
        """Return the tensor in another dtype, or in that of another tensor; the tensor itself if it has that dtype.

        Positional arguments are a dtype, a device (the CPU is the only one), both, or a tensor; then `non_blocking`, which is
        ignored, and `copy`, as in torch.
        """
        target = self.dtype
        flags = [arg for arg in args if isinstance(arg, builtins.bool)]
        copy = flags[1] if len(flags) > 1 else copy
        for arg in (*args[: len(args) - len(flags)], dtype, device, other):
            if isinstance(arg, str | devices.device):
                devices.check(arg)
            elif arg is not None:
                target = arg.dtype if isinstance(arg, ConversionMethods) else dtypes.as_dtype(arg)
        if target.numpy == self.array.dtype:
            return shape.clone(self) if copy else self
        source = self if target.is_floating_point else self.detach()
        return shape.cast(source, dtype=target.numpy)

    def cpu(self) -> Self:
        """Return the tensor, which is on the CPU."""
        return self

    @property
    def device(self) -> devices.device:
        """Where the tensor is: on the CPU."""
        return devices.device("cpu")

    def type(self, dtype: Any = None) -> Any:
        """Return the tensor in another dtype or of a type such as `FloatTensor`; without one, the name of its type."""
        names = {"uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool"}
        names |= {"float16": "Half", "float32": "Float", "float64": "Double"}
        return f"minigrad.{names[self.dtype.name]}Tensor" if dtype is None else self.to(getattr(dtype, "dtype", dtype))

    def new_empty(self, *size: Any, **options: Any) -> Self:
        """Return an uninitialized tensor of the given size and of the dtype of this one."""
        return self.new_full(parse_size(size), 0, **options)

    def new_zeros(self, *size: Any, **options: Any) -> Self:
        """Return zeros of the given size and of the dtype of this tensor."""
        return self.new_full(parse_size(size), 0, **options)

    def new_ones(self, *size: Any, **options: Any) -> Self:
        """Return ones of the given size and of the dtype of this tensor."""
        return self.new_full(parse_size(size), 1, **options)

    def new_full(
        self,
        size: Sequence[builtins.int],
        fill_value: Any,
        *,
        dtype: Any = None,
        device: Any = None,
        requires_grad: builtins.bool = False,
    ) -> Self:
        """Return a tensor of the given size, filled with one value, by default of the dtype of this one."""
        devices.check(device)
        requested = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        return as_operand(checked_cast(np.full, new_size((size,)), fill_value, requested.numpy), self).requires_grad_(
            requires_grad
        )

    def new_tensor(self, data: Any) -> Self:
        """Return a copy of the data as a tensor of the dtype of this one."""
        return as_operand(checked_cast(np.array, data, self.array.dtype), self)

    def type_as(self, other: ConversionMethods) -> Self:
        """Return the tensor in the dtype of another."""
        return self.to(other.dtype)

    def double(self) -> Self:
        """Return the tensor as float64."""
        return self.to(dtypes.float64)

    def float(self) -> Self:
        """Return the tensor as float32."""
        return self.to(dtypes.float32)

    def long(self) -> Self:
        """Return the tensor as int64, rounded towards 0."""
        return self.to(dtypes.int64)

    def int(self) -> Self:
        """Return the tensor as int32, rounded towards 0."""
        return self.to(dtypes.int32)

    def half(self) -> Self:
        """Return the tensor as float16."""
        return self.to(dtypes.float16)

    def short(self) -> Self:
        """Return the tensor as int16, rounded towards 0."""
        return self.to(dtypes.int16)

    def bool(self) -> Self:
        """Return whether each element is not zero."""
        return self.to(dtypes.bool_)
