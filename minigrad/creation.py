"""New tensors: from data, of one number, in a row, at random.

Every function takes `dtype` and `requires_grad`. Without a dtype, floating-point results have the default type.
Random numbers come from a `Generator`, or from the common one, which `manual_seed` starts anew; they are not torch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import dtypes
from minigrad.dtypes import dtype as Dtype  # noqa: N812
from minigrad.methods.shape import sizes
from minigrad.random import Generator, source
from minigrad.tensors import Tensor, wrap

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "tensor",
    "zeros",
    "zeros_like",
]

Sizes = int | Sequence[int]


# ------------------------------------------------------------------------------------------------------- from data


def tensor(data: Any, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor with a copy of the data: a number, nested sequences, an array or a tensor.

    Python floats take the default dtype, ints int64; arrays and NumPy numbers keep their own.

    Raises:
        ValueError: The nested sequences are of unequal lengths.
        TypeError: The elements are not numbers.

    >>> tensor([[1, 2.5], [3, 4]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    """
    if isinstance(data, Tensor):
        data = data.detach().numpy()
    array = np.array(data, None if dtype is None else dtypes.as_dtype(dtype).numpy)
    if dtype is None and array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic):
        array = _in_default(data, array)
    dtypes.as_dtype(array.dtype)
    return wrap(array).requires_grad_(requires_grad)


def _in_default(data: Any, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return float64 numbers in the default type, if they are Python's and not NumPy's own."""
    first = data
    while isinstance(first, Sequence) and len(first):
        first = first[0]
    keeps = isinstance(first, np.ndarray | np.generic | Tensor)
    return array if keeps else array.astype(dtypes.get_default_dtype().numpy)


def as_tensor(data: Any, dtype: Dtype | None = None) -> Tensor:
    """Return the data as a tensor, sharing memory with a tensor or array of the right dtype."""
    result = data if isinstance(data, Tensor) else from_numpy(data) if isinstance(data, np.ndarray) else tensor(data)
    return result if dtype is None else result.to(dtype)


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """Return a tensor that shares memory with an array.

    Raises:
        TypeError: It is no array, or of a dtype that minigrad does not have.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.as_dtype(array.dtype)
    return wrap(array.view())


# --------------------------------------------------------------------------------------- one number, and in a row


def _new(array: np.ndarray[Any, Any], dtype: Dtype | None, requires_grad: bool) -> Tensor:
    wanted = dtype or (dtypes.get_default_dtype() if array.dtype == np.float64 else None)
    kind = array.dtype if wanted is None else dtypes.as_dtype(wanted).numpy
    return wrap(array.astype(kind, copy=False)).requires_grad_(requires_grad)


def _kind(dtype: Dtype | None) -> dtypes.NumpyDtype:
    return dtypes.as_dtype(dtype or dtypes.get_default_dtype()).numpy


def zeros(*size: Sizes, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of the size ``(2, 3)`` or ``2, 3``."""
    return wrap(np.zeros(sizes(size), _kind(dtype))).requires_grad_(requires_grad)


def ones(*size: Sizes, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return ones of the size ``(2, 3)`` or ``2, 3``."""
    return wrap(np.ones(sizes(size), _kind(dtype))).requires_grad_(requires_grad)


def empty(*size: Sizes, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of the size ``(2, 3)`` or ``2, 3`` with whatever the memory held."""
    return wrap(np.empty(sizes(size), _kind(dtype))).requires_grad_(requires_grad)


def full(size: Sequence[int], fill_value: float, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return a tensor that holds one number everywhere; without a dtype, the number decides on it."""
    return _new(np.full(tuple(size), fill_value), dtype, requires_grad)


def zeros_like(input: Tensor, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return zeros of the shape and, without a dtype, of the dtype of another tensor."""
    return zeros(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def ones_like(input: Tensor, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return ones of the shape and, without a dtype, of the dtype of another tensor."""
    return ones(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def empty_like(input: Tensor, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return an uninitialised tensor of the shape and, without a dtype, of the dtype of another."""
    return empty(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def full_like(input: Tensor, fill_value: float, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return one number everywhere, in the shape and, without a dtype, in the dtype of another tensor."""
    return full(input.shape, fill_value, dtype=dtype or input.dtype, requires_grad=requires_grad)


def arange(
    start: float, end: float | None = None, step: float = 1, *, dtype: Dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """Return start, start + step, ... as long as it is below end; ``arange(n)`` begins at 0. Integers give int64.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    first, last = (0, start) if end is None else (start, end)
    if step == 0 or (last - first) / step < 0:
        raise RuntimeError(f"arange: cannot go from {first} to {last} in steps of {step}")
    return _new(np.arange(first, last, step), dtype, requires_grad)


def linspace(start: float, end: float, steps: int, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return `steps` numbers, evenly spaced from start to end, both included."""
    return _new(np.linspace(start, end, steps), dtype, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return ones on the diagonal of n rows and m (default n) columns, zeros elsewhere."""
    return wrap(np.eye(n, m, dtype=_kind(dtype))).requires_grad_(requires_grad)


# ------------------------------------------------------------------------------------------------------- at random


def rand(*size: Sizes, generator: Generator | None = None, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return numbers drawn uniformly from [0, 1)."""
    return wrap(_uniform(sizes(size), _kind(dtype), generator)).requires_grad_(requires_grad)


def _uniform(size: tuple[int, ...], kind: dtypes.NumpyDtype, generator: Generator | None) -> np.ndarray[Any, Any]:
    exact = kind in (np.float32, np.float64)
    drawn = source(generator).random(size, dtype=kind.type if exact else np.float32)
    return np.asarray(drawn).astype(kind, copy=False)


def randn(
    *size: Sizes, generator: Generator | None = None, dtype: Dtype | None = None, requires_grad: bool = False
) -> Tensor:
    """Return numbers drawn from the normal distribution with mean 0 and standard deviation 1."""
    kind = _kind(dtype)
    exact = kind in (np.float32, np.float64)
    drawn = np.asarray(source(generator).standard_normal(sizes(size), dtype=kind.type if exact else np.float32))
    return wrap(drawn.astype(kind, copy=False)).requires_grad_(requires_grad)


def randint(
    low: int,
    high: Any,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: Dtype | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return integers drawn uniformly from [low, high); ``randint(high, size)`` begins at 0.

    Raises:
        RuntimeError: There is no integer to draw.
    """
    first, last, shape = (0, low, high) if size is None else (low, high, size)
    if first >= last:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={first} >= to={last}")
    drawn = np.asarray(source(generator).integers(first, last, tuple(shape)))
    return wrap(drawn.astype(_kind(dtype or dtypes.int64), copy=False)).requires_grad_(requires_grad)


def randperm(n: int, *, generator: Generator | None = None, dtype: Dtype | None = None) -> Tensor:
    """Return 0 ... n-1 in random order."""
    return wrap(source(generator).permutation(n).astype(_kind(dtype or dtypes.int64), copy=False))


def rand_like(input: Tensor, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return numbers from [0, 1), in the shape and, without a dtype, in the dtype of another tensor."""
    return rand(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: Dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Return standard normal numbers, in the shape and, without a dtype, in the dtype of another tensor."""
    return randn(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)
