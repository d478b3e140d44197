"""The tensor types of torch's early days, such as `FloatTensor`; use ``minigrad.tensor(data, dtype=...)`` in new programs."""

from typing import Any

from minigrad import dtypes
from minigrad.compat.constructor import legacy_data
from minigrad.creation import tensor
from minigrad.tensor import Tensor

__all__ = ["BoolTensor", "ByteTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor", "LongTensor", "ShortTensor"]


class TensorType:
    """A constructor for one dtype: ``FloatTensor(data)``, or zeros of sizes, ``FloatTensor(2, 3)``.

    Attributes:
        dtype: The dtype; ``x.type(FloatTensor)`` is ``x.to(float32)``.

    >>> FloatTensor([1, 2]), LongTensor(2)
    (tensor([1., 2.]), tensor([0, 0]))
    """

    def __init__(self, dtype: dtypes.dtype) -> None:
        self.dtype = dtype

    def __call__(self, *data: Any) -> Tensor:
        """Return a tensor with a copy of the data, zeros of the sizes, or without arguments an empty tensor."""
        return tensor(legacy_data(data), dtype=self.dtype)


BoolTensor, ByteTensor = TensorType(dtypes.bool_), TensorType(dtypes.uint8)
ShortTensor, IntTensor, LongTensor = TensorType(dtypes.int16), TensorType(dtypes.int32), TensorType(dtypes.int64)
HalfTensor, FloatTensor, DoubleTensor = TensorType(dtypes.float16), TensorType(dtypes.float32), TensorType(dtypes.float64)
