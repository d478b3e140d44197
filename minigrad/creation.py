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
from minigrad.grad_mode import set_recording, thread
from minigrad.methods.shape import sizes
from minigrad.ops import broadcasting
from minigrad.random import Generator, numpy_generator
from minigrad.tensor import Tensor, converted, wrap

__all__ = [
    "DoubleTensor",
    "FloatTensor",
    "LongTensor",
    "arange",
    "as_tensor",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "linspace",
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
    made = wrap(thread.state.without_warnings(np.asarray(array).astype, dtypes.as_dtype(asked).numpy, copy=False))
    return made.requires_grad_(options.get("requires_grad", False))


def _asked(options: Options) -> np.dtype[Any] | None:
    """Return the dtype that the options ask for; without one, numbers decide on it."""
    asked = options.get("dtype")
    return None if asked is None else dtypes.as_dtype(asked).numpy


# ------------------------------------------------------------------------------------------------------- from data


def tensor(data: Any, **options: Unpack[Options]) -> Tensor:
    """Return a tensor with a copy of the data: a number, nested sequences, an array or a tensor.

    Python floats take the default dtype, ints int64; arrays and NumPy numbers keep their own.

    Raises:
        ValueError: The nested sequences are of unequal lengths.
        TypeError: The elements are not numbers.
        RuntimeError: One is out of the range of the dtype.

    >>> tensor([[1, 2.5], [3, 4]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    """
    if isinstance(data, Tensor):
        data = data.detach().numpy()
    with set_recording(False):  # tensors among the numbers count with their values
        array = converted(np.array, data, _asked(options))
    return _new(array, options, None if array.dtype == np.float64 and not _is_double(data) else dtypes.as_dtype(array.dtype))


def _is_double(data: Any) -> bool:
    """Return whether numbers are float64 by themselves, as NumPy's may be, and not for want of a dtype, as Python's."""
    first = data
    while isinstance(first, Sequence) and len(first):
        first = first[0]
    if isinstance(first, Tensor):
        first = first.array
    return isinstance(first, np.ndarray | np.generic) and first.dtype == np.float64


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


class TensorType:
    """A constructor from the early days of torch: ``FloatTensor(data)``, or zeros of sizes, ``FloatTensor(2, 3)``.

    Attributes:
        dtype: The dtype; ``x.type(FloatTensor)`` is ``x.to(float32)``.
    """

    def __init__(self, dtype: Dtype) -> None:
        self.dtype = dtype

    def __call__(self, *data: Any) -> Tensor:
        """Return a tensor with a copy of the data, or zeros of the sizes, or nothing."""
        if not data or all(isinstance(n, int) for n in data):
            return zeros(data or 0, dtype=self.dtype)
        return tensor(*data, dtype=self.dtype)


FloatTensor, DoubleTensor = TensorType(dtypes.float32), TensorType(dtypes.float64)
LongTensor = TensorType(dtypes.int64)


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
    """Return a tensor that holds one number everywhere; without a dtype, the number decides on it.

    Raises:
        RuntimeError: The number is out of the range of the dtype.
    """
    return _new(converted(np.full, tuple(size), fill_value, _asked(options)), options)


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
    kind = _kind(options)
    if kind == np.int64:
        first, last, step = int(first), int(last), int(step)
    if step == 0 or not 0 <= (last - first) / step < math.inf:
        raise RuntimeError(f"arange: cannot go from {first} to {last} in steps of {step}")
    if kind.kind != "f":
        return _new(int(first) + int(step) * np.arange(math.ceil((last - first) / step)), options)
    return _new(np.arange(first, last, step), options)


def linspace(start: float, end: float, steps: int, **options: Unpack[Options]) -> Tensor:
    """Return `steps` numbers, evenly spaced from start to end, both included."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, but is {steps}")
    bound = float if _kind(options).kind == "f" else int
    return _new(np.linspace(bound(start), bound(end), steps, dtype=np.float64), options)


def eye(n: int, m: int | None = None, **options: Unpack[Options]) -> Tensor:
    """Return ones on the diagonal of n rows and m (default n) columns, zeros elsewhere."""
    if min(n, n if m is None else m) < 0:
        raise RuntimeError(f"eye: the numbers of rows and columns must be greater or equal to 0, got {n} and {m}")
    return _new(np.eye(n, m, dtype=_kind(options)), options)


# ------------------------------------------------------------------------------------------------------- at random


def rand(*size: Sizes, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return numbers drawn uniformly from [0, 1)."""
    return _new(numpy_generator(generator).random(_sizes(size), _drawn(options)), options)


def randn(*size: Sizes, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return numbers drawn from the normal distribution with mean 0 and standard deviation 1."""
    return _new(numpy_generator(generator).standard_normal(_sizes(size), _drawn(options)), options)


def _drawn(options: Options) -> Any:
    """Return the type that numbers are drawn in.

    Raises:
        NotImplementedError: They should be integers.
    """
    kind = _kind(options)
    if kind.kind != "f":
        raise NotImplementedError(f"this distribution is of floating-point numbers, not of {kind}: see randint")
    return np.float64 if kind == np.float64 else np.float32


def normal(
    mean: float | Tensor = 0.0,
    std: float | Tensor = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Return numbers drawn from the normal distribution.

    Mean and std are numbers, with a size; or one or both are tensors that broadcast, and the first of them gives the dtype.

    Raises:
        TypeError: There are neither tensors nor a size, or there are both.
        RuntimeError: A std is negative, or the tensors do not broadcast.
        NotImplementedError: They should be integers.
    """
    m, s = (t.detach() if isinstance(t, Tensor) else t for t in (mean, std))
    tensors = [t for t in (m, s) if isinstance(t, Tensor)]
    if bool(tensors) == (size is not None) or (tensors and options):
        raise TypeError("normal() takes tensors, or numbers with a size and options")
    if (s < 0).any() if isinstance(s, Tensor) else s < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    kind = tensors[0].dtype if tensors else options.get("dtype")
    shape = size if size is not None else broadcasting.common("normal", *(t.shape for t in tensors))
    return _new((randn(*shape, generator=generator, dtype=kind) * s + m).numpy(), options, kind)


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
    return _new(np.asarray(numpy_generator(generator).integers(first, last, tuple(shape))), options, dtypes.int64)


def randperm(n: int, *, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return 0 ... n-1 in random order.

    Raises:
        RuntimeError: n is negative.
    """
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, but is {n}")
    return _new(numpy_generator(generator).permutation(n), options, dtypes.int64)


def rand_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return numbers from [0, 1), in the shape and, without a dtype, in the dtype of another tensor."""
    return rand(input.shape, **_alike(input, options))


def randn_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return standard normal numbers, in the shape and, without a dtype, in the dtype of another tensor."""
    return randn(input.shape, **_alike(input, options))
