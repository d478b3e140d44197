"""The same values in another dtype, and new tensors after the pattern of one."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from minigrad import dtypes
from minigrad.compat import devices
from minigrad.methods.attributes import parse_size
from minigrad.methods.autograd import AutogradMethods
from minigrad.ops import shape
from minigrad.promotion import as_operand


class ConversionMethods(AutogradMethods):
    """to, float, long and their kin."""

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.as_dtype(self.array.dtype)

    def to(
        self,
        *target: Any,
        dtype: Any = None,
        device: Any = None,
        other: Any = None,
        non_blocking: Any = False,
        copy: Any = False,
    ) -> Self:
        """Return the tensor in another dtype, or in that of another tensor; itself if there is nothing to do.

        It takes a dtype, a device (the CPU is the only one), both, or a tensor, then `non_blocking`, which changes nothing
        here, and `copy`, as in torch.
        """
        wanted = self.dtype
        flags = [goal for goal in target if isinstance(goal, builtins.bool)]
        copy = flags[1] if len(flags) > 1 else copy
        for goal in (*target[: len(target) - len(flags)], dtype, device, other):
            if isinstance(goal, str | devices.device):
                devices.check(goal)
            elif goal is not None:
                wanted = goal.dtype if isinstance(goal, ConversionMethods) else dtypes.as_dtype(goal)
        if wanted.numpy == self.array.dtype:
            return shape.clone(self) if copy else self
        source = self if wanted.is_floating_point else self.detach()
        return shape.cast(source, dtype=wanted.numpy)

    def cpu(self) -> Self:
        """Return the tensor, which is on the CPU."""
        return self

    @property
    def device(self) -> devices.device:
        """Where the tensor is: on the CPU."""
        return devices.device("cpu")

    def type(self, dtype: Any = None) -> Any:
        """Return the tensor in another dtype, or of a type as `FloatTensor`; without one, the name of its own type."""
        names = {"uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool"}
        names |= {"float16": "Half", "float32": "Float", "float64": "Double"}
        return f"minigrad.{names[self.dtype.name]}Tensor" if dtype is None else self.to(getattr(dtype, "dtype", dtype))

    def new_empty(self, *size: Any, **options: Any) -> Self:
        """Return a tensor of the given size and of the dtype of this one, whose elements mean nothing."""
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
        """Return a tensor of the given size and of the dtype of this one that holds one number everywhere."""
        devices.check(device)
        kind = self.dtype if dtype is None else dtypes.as_dtype(dtype)
        return as_operand(np.full(tuple(size), fill_value, kind.numpy), self).requires_grad_(requires_grad)

    def new_tensor(self, data: Any) -> Self:
        """Return a tensor with a copy of the data, of the dtype of this one."""
        return as_operand(np.array(data, self.array.dtype), self)

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
        """Return the tensor as int64, rounded towards zero."""
        return self.to(dtypes.int64)

    def int(self) -> Self:
        """Return the tensor as int32, rounded towards zero."""
        return self.to(dtypes.int32)

    def half(self) -> Self:
        """Return the tensor as float16."""
        return self.to(dtypes.float16)

    def short(self) -> Self:
        """Return the tensor as int16, rounded towards zero."""
        return self.to(dtypes.int16)

    def bool(self) -> Self:
        """Return whether each element is not zero."""
        return self.to(dtypes.bool_)
