"""New tensors: from data, of one number, in a row, at random.

Random numbers come from a `Generator`, or from the common one, which `manual_seed` starts anew; they are not torch's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import numpy as np

from minigrad import devices, dtypes
from minigrad.dtypes import dtype as Dtype  # noqa: N812
from minigrad.methods.shape import sizes
from minigrad.random import Generator, source
from minigrad.tensors import Tensor, wrap

__all__ = [
    "DoubleTensor",
    "FloatTensor",
    "LongTensor",
    "arange",
    "as_tensor",
    "bernoulli",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
    "multinomial",
    "normal",
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
Array = np.ndarray[Any, np.dtype[Any]]


class Options(TypedDict, total=False):
    """What every function here takes by name.

    Attributes:
        dtype: The type of the elements; without one, floating-point results have the default type.
        requires_grad: Whether the tensor gets a `grad`.
        device: None or the CPU.
    """

    dtype: Dtype | None
    requires_grad: bool
    device: Any


def _kind(options: Options, default: Dtype | None = None) -> dtypes.NumpyDtype:
    """Return the NumPy dtype that the options ask for."""
    return dtypes.as_dtype(options.get("dtype") or default or dtypes.get_default_dtype()).numpy


def _new(array: Any, options: Options, default: Dtype | None = None) -> Tensor:
    """Return a tensor around a fresh array, as the options want it. Without a dtype, float64 becomes the default type.

    Raises:
        TypeError: There is an option that minigrad does not have.
        RuntimeError: The device is not the CPU, or integers should require a gradient.
    """
    strangers = set(options) - set(Options.__annotations__)
    if strangers:
        raise TypeError(f"minigrad does not have the argument {', '.join(sorted(strangers))} for new tensors")
    devices.check(options.get("device"))
    asked = options.get("dtype") or default or (dtypes.get_default_dtype() if array.dtype == np.float64 else array.dtype)
    made = wrap(np.asarray(array).astype(dtypes.as_dtype(asked).numpy, copy=False))
    return made.requires_grad_(options.get("requires_grad", False))


# ------------------------------------------------------------------------------------------------------- from data


def tensor(data: Any, **options: Unpack[Options]) -> Tensor:
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
    asked = options.get("dtype")
    array = np.array(data, None if asked is None else dtypes.as_dtype(asked).numpy)
    return _new(array, options, None if array.dtype == np.float64 and _is_python(data) else dtypes.as_dtype(array.dtype))


def _is_python(data: Any) -> bool:
    """Return whether numbers are Python's, and not NumPy's, which have a dtype of their own."""
    first = data
    while isinstance(first, Sequence) and len(first):
        first = first[0]
    return not isinstance(first, np.ndarray | np.generic | Tensor)


def as_tensor(data: Any, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """Return the data as a tensor, sharing memory with a tensor or array of the right dtype."""
    devices.check(device)
    result = data if isinstance(data, Tensor) else from_numpy(data) if isinstance(data, np.ndarray) else tensor(data)
    return result if dtype is None else result.to(dtype)


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares memory with an array.

    Raises:
        TypeError: It is no array, or of a dtype that minigrad does not have.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.as_dtype(array.dtype)
    return wrap(array.view())


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor that shares memory with one of another library that has ``__dlpack__``, such as torch."""
    return from_numpy(np.from_dlpack(ext_tensor))


def FloatTensor(data: Any = ()) -> Tensor:  # noqa: N802
    """Return ``tensor(data, dtype=float32)``."""
    return tensor(data, dtype=dtypes.float32)


def DoubleTensor(data: Any = ()) -> Tensor:  # noqa: N802
    """Return ``tensor(data, dtype=float64)``."""
    return tensor(data, dtype=dtypes.float64)


def LongTensor(data: Any = ()) -> Tensor:  # noqa: N802
    """Return ``tensor(data, dtype=int64)``."""
    return tensor(data, dtype=dtypes.int64)


# --------------------------------------------------------------------------------------- one number, and in a row


def _sizes(given: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the sizes of a new tensor, none of them below 0."""
    wanted = sizes(given)
    if any(n < 0 for n in wanted):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(wanted)}: {list(wanted)}")
    return wanted


def zeros(*size: Sizes, **options: Unpack[Options]) -> Tensor:
    """Return zeros of the size ``(2, 3)`` or ``2, 3``."""
    return _new(np.zeros(_sizes(size), _kind(options)), options)


def ones(*size: Sizes, **options: Unpack[Options]) -> Tensor:
    """Return ones of the size ``(2, 3)`` or ``2, 3``."""
    return _new(np.ones(_sizes(size), _kind(options)), options)


def empty(*size: Sizes, **options: Unpack[Options]) -> Tensor:
    """Return a tensor of the size ``(2, 3)`` or ``2, 3`` with whatever the memory held."""
    return _new(np.empty(_sizes(size), _kind(options)), options)


def full(size: Sequence[int], fill_value: float, **options: Unpack[Options]) -> Tensor:
    """Return a tensor that holds one number everywhere; without a dtype, the number decides on it."""
    return _new(np.full(tuple(size), fill_value), options)


def _alike(input: Tensor, options: Options) -> Options:
    """Return the options, with the dtype of another tensor where they have none."""
    return {**options, "dtype": options.get("dtype") or input.dtype}


def zeros_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return zeros of the shape and, without a dtype, of the dtype of another tensor."""
    return zeros(input.shape, **_alike(input, options))


def ones_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return ones of the shape and, without a dtype, of the dtype of another tensor."""
    return ones(input.shape, **_alike(input, options))


def empty_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return an uninitialised tensor of the shape and, without a dtype, of the dtype of another."""
    return empty(input.shape, **_alike(input, options))


def full_like(input: Tensor, fill_value: float, **options: Unpack[Options]) -> Tensor:
    """Return one number everywhere, in the shape and, without a dtype, in the dtype of another tensor."""
    return full(input.shape, fill_value, **_alike(input, options))


def arange(start: float, end: float | None = None, step: float = 1, **options: Unpack[Options]) -> Tensor:
    """Return start, start + step, ... as long as it is below end; ``arange(n)`` begins at 0. Integers give int64.

    Raises:
        RuntimeError: The steps do not lead from start to end.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    first, last = (0, start) if end is None else (start, end)
    if _kind(options) == np.int64:
        first, last, step = int(first), int(last), int(step)
    if step == 0 or not 0 <= (last - first) / step < math.inf:
        raise RuntimeError(f"arange: cannot go from {first} to {last} in steps of {step}")
    return _new(np.arange(first, last, step), options)


def linspace(start: float, end: float, steps: int, **options: Unpack[Options]) -> Tensor:
    """Return `steps` numbers, evenly spaced from start to end, both included."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, but is {steps}")
    return _new(np.linspace(float(start), float(end), steps), options)


def eye(n: int, m: int | None = None, **options: Unpack[Options]) -> Tensor:
    """Return ones on the diagonal of n rows and m (default n) columns, zeros elsewhere."""
    if min(n, n if m is None else m) < 0:
        raise RuntimeError(f"eye: the numbers of rows and columns must be greater or equal to 0, got {n} and {m}")
    return _new(np.eye(n, m, dtype=_kind(options)), options)


# ------------------------------------------------------------------------------------------------------- at random


def rand(*size: Sizes, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return numbers drawn uniformly from [0, 1)."""
    return _new(source(generator).random(_sizes(size), _drawn(options)), options)


def randn(*size: Sizes, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return numbers drawn from the normal distribution with mean 0 and standard deviation 1."""
    return _new(source(generator).standard_normal(_sizes(size), _drawn(options)), options)


def _drawn(options: Options) -> Any:
    """Return the type that numbers are drawn in."""
    return np.float64 if _kind(options) == np.float64 else np.float32


def normal(
    mean: float | Tensor = 0.0,
    std: float | Tensor = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Return numbers drawn from the normal distribution; mean and std are numbers, with a size, or tensors."""
    m, s = (t.detach() if isinstance(t, Tensor) else t for t in (mean, std))
    shape = size if size is not None else np.broadcast_shapes(*(t.shape for t in (m, s) if isinstance(t, Tensor)))
    drawn = (randn(*shape, generator=generator) * s + m).numpy()
    return _new(drawn, options, None if size is not None else dtypes.as_dtype(drawn.dtype))


def randint(
    low: int,
    high: Any,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Return integers drawn uniformly from [low, high); ``randint(high, size)`` begins at 0.

    Raises:
        RuntimeError: There is no integer to draw.
    """
    first, last, shape = (0, low, high) if size is None else (low, high, size)
    if first >= last:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={first} >= to={last}")
    return _new(np.asarray(source(generator).integers(first, last, tuple(shape))), options, dtypes.int64)


def randperm(n: int, *, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return 0 ... n-1 in random order."""
    return _new(source(generator).permutation(n), options, dtypes.int64)


def rand_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return numbers from [0, 1), in the shape and, without a dtype, in the dtype of another tensor."""
    return rand(input.shape, **_alike(input, options))


def randn_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return standard normal numbers, in the shape and, without a dtype, in the dtype of another tensor."""
    return randn(input.shape, **_alike(input, options))


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Return 1 with the probability that each element gives, else 0."""
    return (rand(input.shape, generator=generator, dtype=input.dtype) < input.detach()).to(input.dtype)


def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Return positions drawn with the given weights: (n,) gives (num_samples,), rows (m, n) give (m, num_samples).

    Raises:
        RuntimeError: The weights are integers, or one is negative, inf or NaN, or all are 0, or without replacement too few
            are not.
    """
    if not input.is_floating_point():
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    weights = input.detach().double().numpy()
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    rows = np.atleast_2d(weights)
    possible = np.count_nonzero(rows, 1).min(initial=rows.shape[1])
    if num_samples <= 0 or possible < (1 if replacement else num_samples):
        raise RuntimeError(f"cannot draw {num_samples} samples from {possible} categories that have a weight")
    draw = source(generator).choice
    drawn = [draw(len(row), num_samples, replacement, row / row.sum()) for row in rows]
    return tensor(np.array(drawn) if weights.ndim == 2 else drawn[0])
