"""How a primitive, or the rule of one, becomes calls of NumPy that put their results into given memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import setitem
from typing import Any

import numpy as np

from minigrad.fastpath.calls import Call, Operators, binary, same_values, ufunc_call
from minigrad.primitive import Array, Primitive, Shape
from minigrad.summation import adds_pairwise, has_short_rows, sum_along


class MismatchError(Exception):
    """A replay meets values that the captured program does not fit."""


def same_memory(a: Array, b: Array) -> bool:
    """Return whether two arrays are views of the memory of one."""
    return owner(a) is owner(b)


def owner(array: Array) -> Any:
    """Return the array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def memory_of(array: Array) -> int:
    """Return the id of the array that owns the memory."""
    return id(owner(array))


def lower(op: Primitive, arrays: Sequence[Any], attributes: dict[str, Any], out: Array) -> list[Call]:
    """Return the calls that apply a primitive to arrays of suitable dtypes: none where the result is a view."""
    if any(isinstance(x, np.ndarray) and same_memory(x, out) for x in arrays):
        return []
    lowering = LOWERINGS.get(op.name)
    calls = lowering(arrays, attributes, out) if lowering else None
    if calls is not None:
        return calls
    if op.ufunc is not None and not op.variadic and not attributes:
        return [ufunc_call(op.ufunc, arrays, out)]
    index_arrays = arrays_in(attributes)
    return [Call(op.name, store, (out, op.forward, arrays, attributes), [*arrays, *index_arrays], [out])]


def arrays_in(value: Any) -> list[Array]:
    """Return the arrays among the attributes of a primitive."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return []
    return [array for x in value for array in arrays_in(x)]


def store(out: Array, forward: Callable[..., Any], arrays: Sequence[Any], attributes: dict[str, Any]) -> None:
    """Compute with a function that allocates its result, and copy that."""
    put(out, forward(*arrays, **attributes))


def put(out: Array, result: Any) -> None:
    """Copy a result into its memory."""
    if np.shape(result) != out.shape:
        raise MismatchError(f"a result of shape {np.shape(result)} in place of {out.shape}")
    if not out.flags.writeable:  # a view in which elements are repeated
        once = tuple([slice(1) if stride == 0 else slice(None) for stride in out.strides])
        base, out, result = owner(out), out[once], result[once]
        offset = out.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        out = np.ndarray(out.shape, out.dtype, base, offset, out.strides)
    out[...] = result  # half the time of np.copyto


def store_vjp(outs: Sequence[Array | None], vjp: Callable[..., Any], g: Any, residuals: Sequence[Any]) -> None:
    """Compute the cotangents of the inputs of a primitive, and copy those that are wanted."""
    for out, cotangent in zip(outs, vjp(g, *residuals), strict=True):
        if out is not None:
            put(out, cotangent)


# ------------------------------------------------------------------------------------------ primitives of several calls

Lowering = Callable[[Sequence[Any], dict[str, Any], Array], list[Call] | None]


def dot(a: Array, b: Array, out: Array) -> Call:
    """Return the product of two matrices."""
    return Call("dot", np.dot, (a, b, out), [a, b], [out])


def _linear(arrays: Sequence[Any], attributes: dict[str, Any], out: Array) -> list[Call] | None:
    x, weight, bias = arrays
    if x.ndim > 2 and x.flags.c_contiguous:
        x, out = x.reshape(-1, x.shape[-1]), out.reshape(-1, out.shape[-1])
    return [dot(x, weight.T, out), ufunc_call(np.add, (out, bias), out)] if x.ndim == 2 else None


def _matmul(arrays: Sequence[Any], attributes: dict[str, Any], out: Array) -> list[Call] | None:
    a, b = arrays
    return [dot(a, b, out)] if a.ndim == b.ndim == 2 else [Call("matmul", np.matmul, (a, b, out), arrays, [out])]


def _sum_call(x: Array, dim: int | tuple[int, ...] | None, keepdims: bool, out: Array) -> Call:
    """Return the call of `sum_along`, straight to NumPy where that is the same."""
    axes = tuple(range(x.ndim)) if dim is None else (dim,) if isinstance(dim, int) else dim
    if x.dtype.char in "fd" and adds_pairwise(x, dim) and not (axes == (x.ndim - 1,) and has_short_rows(x)):
        return Call("sum", np.add.reduce, (x, dim, None, out, keepdims), [x], [out])
    return Call("sum", store, (out, sum_along, (x, dim, keepdims), {}), [x], [out])


def _mse_loss(arrays: Sequence[Any], attributes: dict[str, Any], out: Array) -> list[Call] | None:
    x, y = arrays
    if x.dtype.char not in "fd":
        return None
    error = x - y  # lies in memory as it does in the forward function, which decides the order of the sum
    square, total = error * error, np.empty_like(out)
    return [
        ufunc_call(np.subtract, (x, y), error),
        ufunc_call(np.multiply, (error, error), square),
        Call("sum", np.add.reduce, (square, None, None, total), [square], [total]),
        ufunc_call(np.true_divide, (total, error.size), out),
    ]


def _copy(arrays: Sequence[Any], attributes: dict[str, Any], out: Array) -> list[Call] | None:
    return [Call("copy", setitem, (out, ..., arrays[0]), arrays, [out])]


def _relu(arrays: Sequence[Any], attributes: dict[str, Any], out: Array) -> list[Call] | None:
    return [ufunc_call(np.maximum, (arrays[0], 0), out)]


LOWERINGS: dict[str, Lowering] = {
    "linear": _linear,
    "matmul": _matmul,
    "mse_loss": _mse_loss,
    "relu": _relu,
    "clone": _copy,
    "expand": _copy,
}
"""How primitives that are no ufunc are done with results in place; others are called, and their results copied."""


# ---------------------------------------------------------------------------------------------------------------- rules


class Traced(Operators):
    """An array in a rule that is lowered: what is done with it is done at once, and noted.

    A rule that does more than operators and primitives can show is an AttributeError or a TypeError, and stays a call.
    """

    __slots__ = ("array", "calls")

    def __init__(self, array: Array, calls: list[Call]) -> None:
        self.array, self.calls = array, calls

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: dict[str, Any]) -> Traced:
        calls = next(x.calls for x in inputs if isinstance(x, Traced))
        arrays = [x.array if isinstance(x, Traced) else x for x in inputs]
        attributes = {**op.defaults, **attributes}
        out = np.asarray(op.forward(*arrays, **attributes), None, op.order)
        calls += lower(op, arrays, attributes, out)
        return Traced(out, calls)

    @property
    def shape(self) -> Shape:
        """The shape."""
        shape: Shape = self.array.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.array.ndim

    @property
    def T(self) -> Traced:  # noqa: N802
        """The transpose, a view."""
        return Traced(self.array.T, self.calls)

    def sum(self, dim: int) -> Traced:
        """Return the sum along an axis."""
        out = sum_along(self.array, dim)
        self.calls.append(_sum_call(self.array, dim, False, out))
        return Traced(out, self.calls)

    __gt__, __lt__ = binary(np.greater)
    __ge__, __le__ = binary(np.greater_equal)

    def __matmul__(self, other: Any) -> Traced:
        arrays = [x.array if isinstance(x, Traced) else x for x in (self, other)]
        out = arrays[0] @ arrays[1]
        self.calls.append(Call("matmul", np.matmul, (*arrays, out), arrays, [out]))
        return Traced(out, self.calls)

    def note(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Traced:  # noqa: D102
        arrays = [x.array if isinstance(x, Traced) else x for x in operands]
        out = np.asarray(ufunc(*arrays))
        self.calls.append(ufunc_call(ufunc, arrays, out))
        return Traced(out, self.calls)


def lower_vjp(
    name: str, vjp: Callable[..., Any], g: Array, residuals: Sequence[Any], outs: Sequence[Array | None]
) -> list[Call]:
    """Return the calls that compute cotangents, with the same bits as those in `outs`, into them."""
    reads = [g, *arrays_in(residuals)]
    missing = [out if out is not None and not any(same_memory(out, x) for x in reads) else None for out in outs]
    written = [out for out in missing if out is not None]
    if not written:
        return []
    whole = [Call(f"{name}.vjp", store_vjp, (missing, vjp, g, residuals), reads, written)]
    calls: list[Call] = []
    try:
        found = vjp(Traced(g, calls), *(Traced(x, calls) if isinstance(x, np.ndarray) else x for x in residuals))
        for out, result in zip(missing, found, strict=True):
            if out is not None:
                if not isinstance(result, Traced) or not same_values(result.array, out):
                    return whole
                _redirect(calls, result.array, out)
    except Exception:  # a rule that is not made of operators and primitives alone
        return whole
    return calls


def _redirect(calls: list[Call], before: Array, after: Array) -> None:
    """Let the result of the last call go to other memory; or copy it there if it is a view, or used otherwise."""
    makers = [k for k, call in enumerate(calls) if any(x is before for x in call.writes)]
    others = [x for call in calls for x in (*call.reads, *call.writes) if x is not before and same_memory(x, before)]
    if len(makers) == 1 and not others and before.strides == after.strides:
        for k, call in enumerate(calls):
            calls[k] = call.with_arrays({id(before): after})
    else:
        calls.append(Call("copy", put, (after, before), [before], [after]))
