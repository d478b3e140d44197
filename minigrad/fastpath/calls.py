"""What programs consist of: calls of functions of NumPy whose results go into given memory.

Two things become programs: the update rule of an optimizer, which `fastpath.optim` traces, and a whole run of a function,
which `fastpath.replay` captures. Here is what both share: calls, the operators of rules that are traced into calls, and how
operations on scalars become one function of Python.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.primitive import Array, compile_source

Function = Callable[..., Any]


class Call(NamedTuple):
    """A call of a program.

    Attributes:
        name: What it does, to be read.
        function: What is called.
        args: With what; arrays among them are those of `reads` and `writes`, no views of them.
        reads: The arrays that it reads.
        writes: The arrays that it writes to.
    """

    name: str
    function: Function
    args: tuple[Any, ...]
    reads: Sequence[Array]
    writes: Sequence[Array]

    def with_arrays(self, others: Mapping[int, Array]) -> Call:
        """Return the call with other arrays in place of some, which are given by their ids."""
        args, reads, writes = (swapped(xs, others) for xs in (self.args, self.reads, self.writes))
        return Call(self.name, self.function, args, reads, writes)

    @property
    def elementwise(self) -> bool:
        """Whether each element of the result depends on the elements at the same place."""
        elementwise = isinstance(self.function, np.ufunc) and self.function.signature is None
        return len(self.writes) == 1 and (elementwise or self.name in ("maximum", "minimum"))


def swapped(value: Any, others: Mapping[int, Array]) -> Any:
    """Return nested lists, tuples and dicts with other arrays in place of some, which are given by their ids."""
    if isinstance(value, np.ndarray):
        return others.get(id(value), value)
    if isinstance(value, dict):
        return {name: swapped(x, others) for name, x in value.items()}
    return type(value)([swapped(x, others) for x in value]) if isinstance(value, list | tuple) else value


def ufunc_call(ufunc: np.ufunc, operands: Sequence[Any], out: Array) -> Call:
    """Return the call of a ufunc. One element that meets many becomes a 0-d array: scalars and `broadcast` take longer."""
    kind = next((x.dtype for x in operands if isinstance(x, np.ndarray)), out.dtype)
    arrays = [x if isinstance(x, np.ndarray) else np.asarray(x, kind) for x in operands]
    arrays = [x.reshape(()) if x.size == 1 < out.size else x for x in arrays]
    return Call(ufunc.__name__, in_place(ufunc), (*arrays, out), arrays, [out])


def in_place(ufunc: Any) -> Any:
    """Return a ufunc as a function that takes its result as the last argument: `np.maximum` and `np.minimum` do not."""

    def call(*operands: Any) -> None:
        ufunc(*operands[:-1], out=operands[-1])

    call.__name__ = ufunc.__name__
    return call if ufunc in (np.maximum, np.minimum) else ufunc


def run_calls(calls: Iterable[tuple[Any, ...]]) -> None:
    """Make calls, each a function and its arguments, in one call of C: no exception of a signal handler comes in between."""
    deque(itertools.starmap(operator.call, calls), maxlen=0)


def listing(head: str, lines: Iterable[str]) -> str:
    """Return a program as it is printed."""
    return "\n    ".join([head, *lines])


def line_of(results: Sequence[str], name: str, operands: Sequence[str]) -> str:
    """Return a call as it is printed."""
    return f"{', '.join(results)}{' = ' if results else ''}{name}({', '.join(operands)})"


def same_values(a: Array, b: Array) -> bool:
    """Return whether two arrays have the same shape, dtype and values, signs of zeros included."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return np.array_equal(a, b, equal_nan=True) and bool((np.isnan(a) | (np.signbit(a) == np.signbit(b))).all())


# ----------------------------------------------------------------------------------------------------------------- rules

POWERS: dict[Any, np.ufunc] = {2: np.square, 1: np.positive, 0.5: np.sqrt, -1: np.reciprocal}
"""What NumPy does for the power of an array by these numbers; other exponents go to `np.power`."""


def binary(ufunc: np.ufunc) -> tuple[Function, Function]:
    """Return the methods of an operator, with the operands in order and exchanged."""
    return (lambda self, other: self.note(ufunc, (self, other)), lambda self, other: self.note(ufunc, (other, self)))


class Operators:
    """A value in a rule that is traced: `note` is told of each operator. Another operator is a TypeError."""

    __slots__ = ()
    __array_ufunc__ = None  # so that NumPy leaves the operation to it

    def note(self, ufunc: np.ufunc, operands: Sequence[Any]) -> Any:
        """Note an operation, and return its result."""
        raise NotImplementedError

    def __pow__(self, exponent: Any) -> Any:
        return self.note(POWERS[exponent], (self,)) if exponent in POWERS else self.note(np.power, (self, exponent))

    def __neg__(self) -> Any:
        return self.note(np.negative, (self,))

    def __abs__(self) -> Any:
        return self.note(np.absolute, (self,))

    __add__, __radd__ = binary(np.add)
    __sub__, __rsub__ = binary(np.subtract)
    __mul__, __rmul__ = binary(np.multiply)
    __truediv__, __rtruediv__ = binary(np.true_divide)


# --------------------------------------------------------------------------------------------------------------- scalars

SYMBOLS: dict[Function, str] = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.true_divide: "{} / {}",
    np.negative: "-{}",
    np.absolute: "abs({})",
    np.power: "{} ** {}",
    math.floor: "floor({})",
    float: "float({})",
}
"""What is done with scalars, which takes a tenth of the time that it takes with 0-d arrays."""


def scalar_function(lines: Sequence[str], values: Mapping[str, Any], *parameters: str) -> Callable[..., None]:
    """Return a function of Python with these lines, in which names stand for these values."""
    body = [f"    {line}" for line in lines] or ["    pass"]
    source = "\n".join([f"def scalars({', '.join(parameters)}):", *body]) + "\n"
    function: Callable[..., None] = compile_source(source, "<scalars>", {"floor": math.floor, **values})["scalars"]
    return function
