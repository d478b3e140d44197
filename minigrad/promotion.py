"""Promotion: which dtypes meet in which, and how Python scalars, NumPy scalars and arrays become operands.

A Python scalar does not change the dtype of a tensor of its own category: ``float32_tensor * 2.0`` is float32, and
``int64_tensor * 2.0`` is of the default floating-point dtype. A NumPy scalar counts as the Python scalar of its value.
"""

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeAlias, TypeVar

import numpy as np

from minigrad import dtypes
from minigrad.autodiff import TensorBase, apply, wrap
from minigrad.dtypes import NumpyDtype, category, unwrap_scalar
from minigrad.grad_mode import thread
from minigrad.ops.shape import cast
from minigrad.primitive import Array, Primitive

Scalar: TypeAlias = bool | int | float
Operand: TypeAlias = TensorBase | Scalar | Array
T = TypeVar("T", bound=TensorBase)
F = TypeVar("F", bound=Callable[..., Any])
HALF, SINGLE = dtypes.float16.numpy, dtypes.float32.numpy

_BY_PYTHON_TYPE: dict[type, Callable[[], NumpyDtype]] = {
    bool: lambda: dtypes.bool_.numpy,
    int: lambda: dtypes.int64.numpy,
    float: lambda: dtypes.get_default_dtype().numpy,
}


def promote_two(a: NumpyDtype, b: NumpyDtype) -> NumpyDtype:
    """Return the smallest dtype that holds both; an integer and a floating-point dtype give the latter."""
    if category(a) != category(b) and dtypes.FLOATING in (category(a), category(b)):
        return a if category(a) == dtypes.FLOATING else b
    return np.promote_types(a, b)


def result_type(*operands: Array | Scalar) -> NumpyDtype:
    """Return the dtype in which operands meet, as ``torch.result_type``.

    Arrays with axes decide. 0-d arrays and Python scalars, in this order, matter only where they belong to a higher category
    (boolean < integer < floating point). A Python float counts as the default dtype, an int as int64.
    """
    arrays = [x for x in operands if isinstance(x, np.ndarray)]
    groups = (
        [x.dtype for x in arrays if x.ndim],
        [x.dtype for x in arrays if not x.ndim],
        [_BY_PYTHON_TYPE[type(x)]() for x in operands if not isinstance(x, np.ndarray)],
    )
    decided: NumpyDtype | None = None
    for group in groups:
        if not group:
            continue
        joined = group[0]
        for d in group[1:]:
            joined = promote_two(joined, d)
        if decided is None or category(joined) > category(decided):
            decided = joined if decided is None else promote_two(decided, joined)
    assert decided is not None
    return decided


def checked_cast(make: Callable[..., Array], *args: Any) -> Array:
    """Return the array that a function of NumPy, such as ``np.array``, makes of scalars.

    Raises:
        RuntimeError: One is out of the range of the dtype.
    """
    try:
        return thread.state.without_warnings(make, *args)
    except OverflowError as error:
        raise RuntimeError("value cannot be converted to the type asked for without overflow") from error


def as_operand(value: Any, like: T) -> T:
    """Return an operand as a tensor; a scalar gets the dtype that it has beside `like`.

    Raises:
        TypeError: It is neither a tensor nor a scalar nor an array.
        RuntimeError: The scalar is out of the range of that dtype.
    """
    if isinstance(value, TensorBase):
        return value  # type: ignore[return-value]
    if isinstance(value, np.ndarray):
        return wrap(np.array(value, dtypes.as_dtype(value.dtype).numpy))
    value = unwrap_scalar(value)
    if not isinstance(value, bool | int | float):
        raise TypeError(f"expected a Tensor, a number or an array, but got {type(value).__name__}")
    dtype = like.array.dtype
    if dtype.kind != "f" and (dtype.kind == "b" or not isinstance(value, int)):
        dtype = result_type(np.empty(0, dtype), value)
    return _constant(checked_cast(np.array, value, dtype))


def _constant(array: Array) -> Any:
    """Return a tensor around the array of a scalar."""
    if thread.state.observer is not None:
        thread.state.observer.tell("after_creation", array)
    return wrap(array)


def as_value(value: Any, like: T) -> T:
    """Return what is written to elements of `like`, in its dtype.

    Raises:
        TypeError: It is neither a tensor nor a scalar nor an array.
        RuntimeError: A scalar is out of the range of that dtype, or NaN is to be an integer.
    """
    dtype, value = like.array.dtype, unwrap_scalar(value)
    if isinstance(value, bool | int | float):
        if dtype.kind in "iu" and value != value:
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {value}")
        array = checked_cast(lambda: np.array(int(value) if dtype.kind in "iu" else value, dtype))
        if dtype.kind == "f" and np.isinf(array) and math.isfinite(value):
            raise RuntimeError(f"value cannot be converted to type {dtype} without overflow: {value}")
        return _constant(array)
    operand = as_operand(value, like)
    if operand.array.dtype == dtype:
        return operand
    return cast(operand if dtype.kind == "f" else wrap(operand.array), dtype=dtype)  # integers have no gradient


def promote(op: Primitive, inputs: Sequence[Any]) -> tuple[Sequence[TensorBase], bool]:
    """Return the operands of a primitive as tensors, those that it promotes in one dtype: floating point if it wants that.

    Return also whether they are float16 values as float32, so that a floating-point result must be made float16 again: so for
    a primitive that is `wide`, and where a float16 tensor meets a scalar, which may be out of the range of float16.
    """
    if _need_no_promotion(op, inputs):
        return inputs, False
    flags = op.promote * len(inputs) if op.variadic else op.promote
    operands = [x if isinstance(x, TensorBase) else _unwrapped(x) for x in inputs]
    values = [x.array if isinstance(x, TensorBase) else x for x, promoted in zip(operands, flags, strict=True) if promoted]
    common = result_type(*values) if values else None
    if op.floating and common is not None and common.kind != "f":
        common = dtypes.get_default_dtype().numpy
    targets = [
        common if promoted and common else x.array.dtype if isinstance(x, TensorBase) else result_type(x)
        for x, promoted in zip(operands, flags, strict=True)
    ]
    with_scalar = op.broadcasts and not all(isinstance(x, TensorBase) for x in operands)
    as_single = {d for d in targets if d.kind == "f"} == {HALF} and (op.wide or with_scalar)
    tensors = []
    for x, target in zip(operands, targets, strict=True):
        dtype = SINGLE if as_single and target == HALF else target
        if not isinstance(x, TensorBase):
            x = wrap(checked_cast(np.array, x, dtype))
        elif x.array.dtype != dtype:
            x = apply(cast, (x,), {"dtype": dtype})
        tensors.append(x)
    return tensors, as_single


def in_single(function: F) -> F:
    """Decorate a function that applies several operations: float16 is computed in float32, and the result rounded once."""

    @wraps(function)
    def wrapper(x: TensorBase, *args: Any, **options: Any) -> Any:
        if x.array.dtype != HALF:
            return function(x, *args, **options)
        args = tuple(_widened(arg) for arg in args)
        result = function(_widened(x), *args, **{name: _widened(value) for name, value in options.items()})
        return cast(result, dtype=HALF)

    return wrapper  # type: ignore[return-value]


def _widened(value: Any) -> Any:
    return cast(value, dtype=SINGLE) if isinstance(value, TensorBase) and value.array.dtype == HALF else value


def _need_no_promotion(op: Primitive, inputs: Sequence[Any]) -> bool:
    """Return whether all inputs are tensors of one dtype that suits the primitive."""
    common = None
    for x in inputs:
        if not isinstance(x, TensorBase):
            return False
        dtype = x.array.dtype
        if dtype is not common:
            if common is not None:
                return False
            common = dtype
    return not op.wide or (common is not None and (common.char in "fdFD" or (common.kind != "f" and not op.floating)))


def _unwrapped(value: Any) -> Any:
    """Return a Python scalar or a tensor for what is neither."""
    value = unwrap_scalar(value)
    return value if isinstance(value, bool | int | float) else as_operand(value, wrap(np.empty(0, np.float32)))
