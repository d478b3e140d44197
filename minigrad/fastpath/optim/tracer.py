"""Tracing an update rule: it is called once on tracers, which write down its operations instead of computing them.

The trace lists ufuncs on arrays, and operators on the scalars that change from step to step, such as the number of the step.
A rule is traced only if every step does the same operations, whatever the values and whatever the shape: one that takes a
norm, asks for a shape, decides by a value, or draws random numbers is not.
"""

from __future__ import annotations

import dis
import inspect
import itertools
import math
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache, lru_cache
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from minigrad.fastpath.calls import Function, Operators, in_place, same_values
from minigrad.optim.rule import weak_scalar
from minigrad.primitive import Array, Primitive

DType = np.dtype[Any]


class Kind(Enum):
    """What kind of value takes part in an operation."""

    ARRAY = "array in the dtype of the parameter"
    STRONG = "NumPy scalar, which decides the dtype of a result"
    WEAK = "Python scalar, which does not"


class TracingError(TypeError):
    """A rule does something that a trace does not show."""


class Operation(NamedTuple):
    """A function of arrays, which writes into its last argument, or of scalars. Inputs of the trace have none."""

    function: Function | None
    operands: Sequence[Any]
    result: Tracer


class Trace:
    """The operations of a rule.

    Attributes:
        dtype: That of the arrays.
        operations: First the inputs, then what was done; the result of number k has the index k.
        inputs: The gradient, the parameter, the state, and the learning rate, as tracers.
        outputs: The new parameter and the new state: tracers, scalars or None.
    """

    def __init__(self, names: Sequence[str], kinds: Sequence[Kind], dtype: DType) -> None:
        self.dtype = dtype
        self.operations: list[Operation] = []
        self.inputs = [Tracer(self, kind, name=name) for name, kind in zip(names, kinds, strict=True)]
        self.outputs: Sequence[Any] = ()


class Tracer(Operators):
    """A value in a rule that is traced. What cannot be written down is a TypeError or an AttributeError.

    Attributes:
        trace: The trace.
        kind: The kind of the value.
        index: The place among the operations.
        name: That of an input.
    """

    __slots__ = ("index", "kind", "name", "trace")

    def __init__(
        self, trace: Trace, kind: Kind, function: Function | None = None, operands: Sequence[Any] = (), name: str = ""
    ) -> None:
        self.trace = trace
        self.kind = kind
        self.name = name
        self.index = len(trace.operations)
        trace.operations.append(Operation(function, operands, self))

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: Any) -> Tracer:
        if attributes or op.defaults or op.variadic:
            raise TracingError(f"{op.name} has options or takes any number of operands")
        (trace,) = {x.trace for x in inputs if isinstance(x, Tracer)}
        arrays = tuple(kind_of(x) is Kind.ARRAY for x in inputs)
        if not any(arrays):
            raise TracingError(f"{op.name} of scalars")
        return emit(in_place_form(op, trace.dtype, arrays), inputs)

    def note(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Tracer:  # noqa: D102
        return emit(ufunc, operands)

    def __pow__(self, exponent: Any) -> Tracer:
        if self.kind is Kind.ARRAY and type(exponent) not in (int, float):
            raise TracingError("a power that is no constant")
        return super().__pow__(exponent) if self.kind is Kind.ARRAY else emit(np.power, (self, exponent))

    def __rpow__(self, base: Any) -> Tracer:
        if self.kind is Kind.ARRAY:
            raise TracingError("a power that is no constant")
        return emit(np.power, (base, self))

    def __floor__(self) -> Tracer:
        return emit(math.floor, (self,), kind=Kind.WEAK)

    def weak_scalar(self) -> Tracer:
        """Return a NumPy scalar as a Python float; anything else unchanged."""
        return emit(float, (self,), kind=Kind.WEAK) if self.kind is Kind.STRONG else self

    def __bool__(self) -> bool:
        raise TracingError("a rule that decides by a value")

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TracingError("a rule that calls functions of NumPy")

    __eq__ = None  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


def emit(function: Function, operands: Sequence[Any], kind: Kind | None = None) -> Tracer:
    """Write down an operation on arrays or on scalars, and return its result; a scalar may be given its kind."""
    trace = next(x.trace for x in operands if isinstance(x, Tracer))
    kinds = [kind_of(x) for x in operands]
    if Kind.ARRAY in kinds and (Kind.STRONG in kinds or kind is not None):
        raise TracingError("an operation that is not traced")
    if function is np.multiply:
        for x, other in (operands, operands[::-1]):
            if not isinstance(other, Tracer) and other == 1:
                return x  # type: ignore[no-any-return]
    if Kind.ARRAY in kinds:
        kind = Kind.ARRAY
    return Tracer(trace, kind or (Kind.STRONG if Kind.STRONG in kinds else Kind.WEAK), function, operands)


def kind_of(value: Any) -> Kind:
    """Return the kind of a value.

    Raises:
        TracingError: It is neither a tracer nor a scalar.
    """
    if isinstance(value, Tracer):
        return value.kind
    if isinstance(value, np.generic):
        return Kind.STRONG
    if isinstance(value, int | float):
        return Kind.WEAK
    raise TracingError(f"a rule with {value!r} in it")


# ------------------------------------------------------------------------------------------------------------ primitives

SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e-30, -1e-30, 1e30)
"""Values on which a ufunc and a primitive would differ if they are not the same function."""

ORDINARY = tuple(np.linspace(-3, 3, 61).tolist())
"""Values on which a function that is not elementwise would show: sums of these are finite."""

PIECES = (slice(None, None, -1), slice(1))
"""Parts of an array of which an elementwise function gives the parts of its result."""


@cache
def in_place_form(op: Primitive, dtype: DType, arrays: tuple[bool, ...]) -> Function:
    """Return what an elementwise primitive does as a function that writes into its last argument.

    It is the ufunc of the primitive if that gives the same on special values (`np.sign` gives NaN for NaN, the primitive 0),
    or else calls the primitive.

    Args:
        op: The primitive.
        dtype: That of the arrays.
        arrays: For each operand whether it is an array; others are Python scalars.

    Raises:
        TracingError: The primitive does not work element by element, or gives another dtype; or its last digit depends on
            where an element is in the array, as that of `np.tan` does, whose vector form rounds otherwise.
    """

    def call(*operands: Any) -> None:
        *inputs, out = operands
        np.copyto(out, op.forward(*inputs), casting="no")

    call.__name__ = op.name
    function = op.ufunc
    for values, scalars in itertools.product((SPECIAL, ORDINARY), itertools.product(SPECIAL, repeat=arrays.count(False))):
        grids = iter(np.meshgrid(*[np.array(values, dtype)] * arrays.count(True)))
        rest = iter(scalars)
        inputs = [next(grids).reshape(-1) if flag else next(rest) for flag in arrays]
        backwards, first = ([x[piece] if isinstance(x, np.ndarray) else x for x in inputs] for piece in PIECES)
        result = op.forward(*inputs)
        if (
            result.shape != (len(values) ** arrays.count(True),)
            or result.dtype != dtype
            or not same_values(op.forward(*backwards), result[::-1])
            or not same_values(op.forward(*first), result[:1])
        ):
            raise TracingError(f"{op.name} does not work element by element, or not in {dtype}")
        if function is not None and not same_values(function(*inputs), result):
            function = None
    return call if function is None else in_place(function)


# ----------------------------------------------------------------------------------------------------------------- rules


def trace_rule(
    rule: Callable[..., Sequence[Any]], names: Sequence[str], kinds: Sequence[Kind | None], dtype: DType
) -> Trace | None:
    """Return what a rule does, or None if that cannot be traced, or makes state that is not there yet.

    Args:
        rule: Takes the gradient, the parameter, the state and the learning rate; returns the parameter and the state.
        names: The names of what it takes.
        kinds: Their kinds; None for state that is not there.
        dtype: That of the parameter.
    """
    trace = Trace(names, [kind or Kind.ARRAY for kind in kinds], dtype)
    inputs = [None if kind is None else x for x, kind in zip(trace.inputs, kinds, strict=True)]
    try:
        trace.outputs = rule(*inputs)
        after = [None if x is None else kind_of(x) is Kind.ARRAY for x in trace.outputs]
    except Exception:  # whatever is wrong is told by the plain loop, which has real values
        return None
    finally:
        for operation in trace.operations:
            del operation.result.trace  # lest the two keep each other alive
    return trace if after == [None if kind is None else kind is Kind.ARRAY for kind in kinds[1:-1]] else None


PURE_BUILTINS = frozenset(("abs", "float", "int", "pow", "range"))


def is_pure(function: Any, seen: tuple[Any, ...] = ()) -> bool:
    """Return whether a function does the same whenever it is given the same, as far as its code shows.

    It may use its arguments, constants, primitives, `math`, and functions of this kind. Random numbers, for example, come
    from elsewhere; a trace would repeat those that it saw.

    Args:
        function: The function.
        seen: Functions that are being looked at.
    """
    if isinstance(function, Primitive) or any(function is x for x in (math, weak_scalar, *seen)):
        return True
    if not hasattr(function, "__code__"):
        return getattr(function, "__module__", None) == "math"
    names = inspect.getclosurevars(function)
    return (
        names.builtins.keys() <= PURE_BUILTINS
        and is_self_contained(function.__code__)
        and all(is_pure(value, (*seen, function)) for value in (*names.globals.values(), *names.nonlocals.values()))
    )


@lru_cache(256)
def is_self_contained(code: CodeType) -> bool:
    """Return whether code imports nothing, defines no functions, keeps nothing for the next call and does not use `self`."""
    instructions = list(dis.get_instructions(code))
    loaded = {i.argval for i in instructions if i.opname.startswith("LOAD_FAST")}
    return not (
        any(i.opname in ("IMPORT_NAME", "MAKE_FUNCTION", "STORE_GLOBAL", "STORE_DEREF") for i in instructions)
        or any("self" in (name if isinstance(name, tuple) else (name,)) for name in loaded)
    )
