"""New tensors: from data, constants, ranges, random.

The functions are torch's. Random elements are drawn from a `Generator`, or from the default one, which `manual_seed` seeds;
equal seeds give other numbers than in torch.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, Unpack

import numpy as np

from minigrad import dtypes
from minigrad.arguments import explain_functions
from minigrad.compat import devices
from minigrad.dtypes import NumpyDtype
from minigrad.dtypes import dtype as Dtype  # noqa: N812
from minigrad.grad_mode import call_numpy, set_recording, tell
from minigrad.methods.attributes import new_size
from minigrad.ops.shape import broadcast_shapes
from minigrad.primitive import Array
from minigrad.promotion import as_value, checked_cast
from minigrad.random import Generator, draw
from minigrad.tensor import Tensor, wrap

__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_dlpack", "from_numpy", "full", "full_like", "linspace",
    "normal", "ones", "ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm", "tensor", "zeros",
    "zeros_like",
]  # fmt: skip

Sizes = int | Sequence[int]


class Options(TypedDict, total=False):
    """The keyword arguments of every function here, with torch's meaning.

    Attributes:
        dtype: The dtype of the elements; without one, floating-point results have the default dtype.
        requires_grad: Whether the tensor gets a `grad`.
        device: None or the CPU.
    """

    dtype: Dtype | None
    requires_grad: bool
    device: Any


class SizedOptions(Options, total=False):
    """Those of the functions that take a size.

    Attributes:
        size: The size by name: ``zeros(size=(2, 3))``.
    """

    size: Sizes


def _requested_dtype(options: Options) -> NumpyDtype | None:
    requested = options.get("dtype")
    return None if requested is None else dtypes.as_dtype(requested).numpy


def _dtype_or_default(options: Options) -> NumpyDtype:
    requested = _requested_dtype(options)
    return dtypes.get_default_dtype().numpy if requested is None else requested


def _finalize(array: Array, options: Options, keep_float64: bool = False) -> Tensor:
    """Return a tensor around a new array, in the requested dtype.

    Without a request, float64, which NumPy computes in, becomes the default dtype, unless `keep_float64`.

    Raises:
        TypeError: There is an option that minigrad does not have.
        RuntimeError: The device is not the CPU, or integers are to require a gradient.
    """
    if unknown := set(options) - set(Options.__annotations__):
        raise TypeError(f"minigrad does not have the argument {', '.join(sorted(unknown))} for new tensors")
    devices.check(options.get("device"))
    dtype = _requested_dtype(options)
    if dtype is None:
        dtype = _dtype_or_default(options) if array.dtype == np.float64 and not keep_float64 else array.dtype
    if array.dtype != dtypes.as_dtype(dtype).numpy:
        array = call_numpy(np.ndarray.astype, array, dtypes.as_dtype(dtype).numpy)
    result = wrap(array)
    return result.requires_grad_(options.get("requires_grad", False))


def _constant(array: Array, options: Options) -> Tensor:
    """Return a tensor around a new array whose elements depend on nothing."""
    tell("after_creation", array)
    return _finalize(array, options)


# ------------------------------------------------------------------------------------------------------- from data


def tensor(data: Any, **options: Unpack[Options]) -> Tensor:
    """Return a tensor with a copy of the data: a scalar, nested sequences, an array or a tensor (``torch.tensor``).

    Python floats take the default dtype and ints int64; arrays and NumPy scalars keep theirs.

    Raises:
        ValueError: The nested sequences are of unequal lengths.
        TypeError: An element is not a real number.
        RuntimeError: An element is out of the range of the dtype.

    >>> tensor([[1, 2.5], [3, 4]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    """
    if isinstance(data, Tensor):
        data = data.array
    with set_recording(False):  # tensors within sequences may require a gradient
        array = checked_cast(np.array, data, _requested_dtype(options))
    if array.dtype in (object, np.uint64) and all(isinstance(x, int) for x in np.array(data, object).flat):
        raise RuntimeError("tensor: an integer is out of the range of int64, which is from -2**63 to 2**63 - 1: overflow")
    return _finalize(array, options, keep_float64=array.dtype == np.float64 and _is_double(data))


def _is_double(data: Any) -> bool:
    """Return whether the first element is a float64 of NumPy or of a tensor, rather than a Python float."""
    first = data
    while isinstance(first, Sequence) and len(first):
        first = first[0]
    if isinstance(first, Tensor):
        first = first.array
    return isinstance(first, np.ndarray | np.generic) and first.dtype == np.float64


def as_tensor(data: Any, dtype: Dtype | None = None, device: Any = None) -> Tensor:
    """Return the data as a tensor, sharing memory with a tensor or array of that dtype (``torch.as_tensor``)."""
    devices.check(device)
    result = data if isinstance(data, Tensor) else from_numpy(data) if isinstance(data, np.ndarray) else tensor(data)
    return result if dtype is None else result.to(dtype)


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares memory with an array (``torch.from_numpy``).

    Raises:
        TypeError: It is not an array, or minigrad does not have its dtype.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.as_dtype(array.dtype)
    return wrap(array.view(np.ndarray))  # no np.matrix, whose rows are matrices, nor a masked array


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor that shares memory with that of another library, such as torch, through ``__dlpack__``.

    Raises:
        TypeError: It has no such method.
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        raise TypeError(f"from_dlpack(): the argument has no method __dlpack__: {type(ext_tensor).__name__}")
    return from_numpy(np.from_dlpack(ext_tensor))


# ------------------------------------------------------------------------------------------------------- constants


def _checked_size(size: tuple[Sizes, ...], options: SizedOptions) -> tuple[int, ...]:
    """Return the sizes of ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``, and take them out of the options.

    Raises:
        TypeError: They are given twice.
        RuntimeError: One is negative.
    """
    if "size" in options:
        if size:
            raise TypeError("the size is given by position and by name")
        size = (options.pop("size"),)
    return new_size(size)


def zeros(*sizes: Sizes, **options: Unpack[SizedOptions]) -> Tensor:
    """Return zeros of the size ``(2, 3)`` or ``2, 3``."""
    return _constant(np.zeros(_checked_size(sizes, options), _dtype_or_default(options)), options)


def ones(*sizes: Sizes, **options: Unpack[SizedOptions]) -> Tensor:
    """Return ones of the size ``(2, 3)`` or ``2, 3``."""
    return _constant(np.ones(_checked_size(sizes, options), _dtype_or_default(options)), options)


def empty(*sizes: Sizes, **options: Unpack[SizedOptions]) -> Tensor:
    """Return a tensor of the size ``(2, 3)`` or ``2, 3`` with arbitrary elements, those that its memory held before."""
    return _constant(np.empty(_checked_size(sizes, options), _dtype_or_default(options)), options)


def full(size: Sequence[int], fill_value: float, **options: Unpack[Options]) -> Tensor:
    """Return a tensor whose elements all are `fill_value`; without a dtype, that of the value.

    Raises:
        RuntimeError: The value is out of the range of the dtype.
    """
    shape, dtype = new_size((size,)), _requested_dtype(options)
    if dtype is None:
        dtype = tensor(fill_value).array.dtype
    value = as_value(fill_value, wrap(np.empty(0, dtype)))
    return _constant(np.full(shape, value.array), options)


def _like(make: Callable[..., Tensor], input: Tensor, options: Options, *fill_value: float) -> Tensor:
    """Return a new tensor of the shape and, without a dtype, of the dtype of `input`, in the same order in memory."""
    result = make(input.shape, *fill_value, **{**options, "dtype": options.get("dtype") or input.dtype})
    if input.array.flags.c_contiguous:
        return result
    array = np.empty_like(input.array, result.array.dtype)
    array[...] = result.array
    return _finalize(array, {"dtype": result.dtype, "requires_grad": result.requires_grad})


def zeros_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return zeros of the shape and, without a dtype, of the dtype of `input`."""
    return _like(zeros, input, options)


def ones_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return ones of the shape and, without a dtype, of the dtype of `input`."""
    return _like(ones, input, options)


def empty_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return arbitrary elements in the shape and, without a dtype, in the dtype of `input`."""
    return _like(empty, input, options)


def full_like(input: Tensor, fill_value: float, **options: Unpack[Options]) -> Tensor:
    """Return a tensor whose elements all are `fill_value`, of the shape and, without a dtype, of the dtype of `input`."""
    return _like(full, input, options, fill_value)


def eye(n: int, m: int | None = None, **options: Unpack[Options]) -> Tensor:
    """Return the (n, m) matrix with ones on its diagonal and zeros elsewhere; m is n by default."""
    if min(n, n if m is None else m) < 0:
        raise RuntimeError(f"eye: the numbers of rows and columns must be greater or equal to 0, got {n} and {m}")
    return _constant(np.eye(n, m, dtype=_dtype_or_default(options)), options)


# ---------------------------------------------------------------------------------------------------------- ranges


def arange(start: float, end: float | None = None, step: float = 1, **options: Unpack[Options]) -> Tensor:
    """Return start, start + step, ... up to but without `end`; ``arange(n)`` starts at 0. Integers give int64.

    Raises:
        RuntimeError: The steps do not lead from start to end.

    >>> arange(3)
    tensor([0, 1, 2])
    """
    if end is None:
        start, end = 0, start
    dtype = _dtype_or_default(options)
    if dtype == np.int64:
        start, end, step = int(start), int(end), int(step)
    if step == 0 or not 0 <= (end - start) / step < math.inf:
        raise RuntimeError(f"arange: cannot go from {start} to {end} in steps of {step}")
    if dtype.kind != "f":  # as in torch, the floats decide on the length and their integer parts on the elements
        return _constant(int(start) + int(step) * np.arange(math.ceil((end - start) / step)), options)
    return _constant(np.arange(start, end, step), options)


def linspace(start: float, end: float, steps: int, **options: Unpack[Options]) -> Tensor:
    """Return `steps` evenly spaced elements from start to end, both included."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, but is {steps}")
    start, end = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    if _dtype_or_default(options).kind != "f":
        start, end = int(start), int(end)
    return _constant(np.linspace(start, end, steps, dtype=np.float64), options)


# ---------------------------------------------------------------------------------------------------------- random


def _sampling_dtype(options: Options) -> Any:
    """Return the dtype in which NumPy draws: float64, or float32 also for float16.

    Raises:
        NotImplementedError: Integers are requested.
    """
    dtype = _dtype_or_default(options)
    if dtype.kind != "f":
        raise NotImplementedError(f"this distribution is of floating-point elements, not of {dtype}: see randint")
    return np.float64 if dtype == np.float64 else np.float32


def rand(*sizes: Sizes, generator: Generator | None = None, **options: Unpack[SizedOptions]) -> Tensor:
    """Return elements drawn from the uniform distribution on [0, 1)."""
    return _finalize(draw(generator, "random", _checked_size(sizes, options), _sampling_dtype(options)), options)


def randn(*sizes: Sizes, generator: Generator | None = None, **options: Unpack[SizedOptions]) -> Tensor:
    """Return elements drawn from the normal distribution with mean 0 and standard deviation 1."""
    return _finalize(draw(generator, "standard_normal", _checked_size(sizes, options), _sampling_dtype(options)), options)


def rand_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return `rand` of the shape and, without a dtype, of the dtype of `input`."""
    return _like(rand, input, options)


def randn_like(input: Tensor, **options: Unpack[Options]) -> Tensor:
    """Return `randn` of the shape and, without a dtype, of the dtype of `input`."""
    return _like(randn, input, options)


def normal(
    mean: float | Tensor = 0.0,
    std: float | Tensor = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Return elements drawn from the normal distribution (``torch.normal``).

    Mean and std are scalars, with a size; or one or both are tensors that broadcast, the first of which gives the dtype.

    Raises:
        TypeError: There are neither tensors nor a size, or both.
        RuntimeError: A std is negative, or the tensors do not broadcast.
        NotImplementedError: Integers are requested.
    """
    mean, std = (t.detach() if isinstance(t, Tensor) else t for t in (mean, std))
    tensors = [t for t in (mean, std) if isinstance(t, Tensor)]
    if bool(tensors) == (size is not None) or (tensors and options):
        raise TypeError("normal() takes tensors, or scalars with a size and options")
    if (std < 0).any() if isinstance(std, Tensor) else std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    dtype = tensors[0].dtype if tensors else options.get("dtype")
    shape = broadcast_shapes("normal", *(t.shape for t in tensors)) if size is None else size
    drawn = randn(*shape, generator=generator, dtype=dtype) * std + mean
    return _finalize(drawn.array, {**options, "dtype": dtype})


def randint(
    low: int = 0,
    high: Any = None,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Return integers drawn uniformly from [low, high); ``randint(high, size)`` starts at 0.

    Raises:
        TypeError: There is no size.
        RuntimeError: There is no integer to draw.
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if not isinstance(size, Sequence):
        raise TypeError(f"randint() needs a size such as (2, 3), but got {size!r}")
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    return _finalize(draw(generator, "integers", low, high, new_size((size,))), options)


def randperm(n: int, *, generator: Generator | None = None, **options: Unpack[Options]) -> Tensor:
    """Return 0, ..., n - 1 in random order.

    Raises:
        RuntimeError: n is negative.
    """
    if n < 0:
        raise RuntimeError(f"randperm: n must be non-negative, but is {n}")
    return _finalize(draw(generator, "permutation", n), options)


explain_functions(globals())
