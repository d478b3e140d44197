"""A rule written down once, so that it can be done again in place; see `minigrad.optim.replay`.

The rule of an optimizer is a pure function of arrays and numbers. Called on `Symbol`s, which write down what is done to them,
it leaves a tape of its operations: ufuncs on arrays, and operators on the numbers that change from step to step, such as the
number of the step. A rule that does what cannot be written down, such as asking whether t > 10, is not recorded.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.primitive import Array, Primitive

Rule = Callable[..., Sequence[Any]]
Tape = list[tuple[Any, Sequence[Any], "Symbol"]]

UFUNCS: dict[str, Callable[..., Any]] = {
    "sqrt": np.sqrt,
    "maximum": lambda a, b, out: np.maximum(a, b, out=out),  # only these two want it by name
    "minimum": lambda a, b, out: np.minimum(a, b, out=out),
    "abs": np.absolute,
    "sign": np.sign,
    "exp": np.exp,
    "log": np.log,
}
"""The primitives that can be recorded, by name; each is exactly that ufunc."""

ARRAY, NUMPY, PYTHON = "array", "NumPy's number", "Python's number"


def _noted(on_numbers: Any, on_arrays: Any = None, kind: str | None = None) -> Callable[..., Symbol]:
    return lambda *operands: Symbol.note(operands, on_numbers, on_arrays, kind)


def _swapped(on_numbers: Any, on_arrays: Any = None) -> Callable[[Symbol, Any], Symbol]:
    return lambda self, other: Symbol.note((other, self), on_numbers, on_arrays)


def plain(value: Any) -> Any:
    """Return a number of NumPy as a float of Python, which does not decide a dtype; anything else as it is."""
    if isinstance(value, Symbol):
        return value.plain()
    return float(value) if isinstance(value, np.generic) else value


class Symbol:
    """A value in a rule that is being recorded. What is not written down here is a TypeError.

    Attributes:
        tape: How each value so far came about, shared by all symbols of a recording: (function, operands, symbol).
        kind: An array, in the dtype of the parameter; a number of NumPy, which decides a dtype; or one of Python, which does
            not.
        index: The place on the tape.
    """

    __slots__ = ("index", "kind", "tape")
    __array_ufunc__ = None  # so that NumPy's numbers leave the operation to the symbol

    def __init__(self, tape: Tape, kind: str, function: Any = None, operands: Sequence[Any] = ()) -> None:
        self.tape = tape
        self.kind = kind
        self.index = len(tape)
        tape.append((function, operands, self))

    @staticmethod
    def note(operands: Sequence[Any], on_numbers: Any, on_arrays: Any, kind: str | None = None) -> Symbol:
        """Write down what is done to arrays, or else to numbers, and return the result; a number may be given its kind."""
        tape = next(x.tape for x in operands if isinstance(x, Symbol))
        kinds = [kind_of(x) for x in operands]
        function = on_arrays if ARRAY in kinds else on_numbers
        if function is None or (ARRAY in kinds and NUMPY in kinds):
            raise TypeError("this cannot be recorded")
        if function is np.multiply:
            for x, other in (operands, operands[::-1]):
                if not isinstance(other, Symbol) and other == 1:
                    return x  # type: ignore[no-any-return]
        result = ARRAY if ARRAY in kinds else kind or (NUMPY if NUMPY in kinds else PYTHON)
        return Symbol(tape, result, function, operands)

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: Any) -> Symbol:
        return Symbol.note(inputs, None, None if attributes else UFUNCS.get(op.name))

    __add__, __radd__ = _noted(operator.add, np.add), _swapped(operator.add, np.add)
    __sub__, __rsub__ = _noted(operator.sub, np.subtract), _swapped(operator.sub, np.subtract)
    __mul__, __rmul__ = _noted(operator.mul, np.multiply), _swapped(operator.mul, np.multiply)
    __truediv__, __rtruediv__ = _noted(operator.truediv, np.true_divide), _swapped(operator.truediv, np.true_divide)
    __pow__, __rpow__ = _noted(operator.pow), _swapped(operator.pow)
    __neg__ = _noted(operator.neg, np.negative)
    __floor__ = _noted(math.floor, kind=PYTHON)
    __eq__ = None  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]

    def plain(self) -> Symbol:
        """Return a number of NumPy as a float of Python; anything else as it is."""
        return Symbol.note((self,), float, None, PYTHON) if self.kind == NUMPY else self

    def __bool__(self) -> bool:
        raise TypeError("a rule that asks for a value cannot be recorded")

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError("a rule that calls functions of NumPy cannot be recorded")


def kind_of(value: Any) -> str:
    """Return what kind of value takes part in an operation; what is no number is a TypeError."""
    if isinstance(value, Symbol):
        return value.kind
    if isinstance(value, np.generic):
        return NUMPY
    if isinstance(value, int | float):
        return PYTHON
    raise TypeError(f"a rule with {value!r} in it cannot be recorded")


class Recording(NamedTuple):
    """What a rule was given: the gradient, the parameter and the state; and what it returned: symbols, numbers, None."""

    inputs: Sequence[Symbol]
    outputs: Sequence[Any]


def record(rule: Rule, kept: Sequence[Any]) -> Recording | None:
    """Return what a rule does, or None if that cannot be written down, or gives state that is not there yet.

    Args:
        rule: The rule, as a function of the gradient, the parameter and the state.
        kept: Examples of the parameter and the state: arrays, NumPy's numbers, or None for state that is not there.
    """
    tape: Tape = []
    inputs = [Symbol(tape, ARRAY if a is None or isinstance(a, np.ndarray) else NUMPY) for a in (kept[0], *kept)]
    given = [None if a is None else x for a, x in zip(kept, inputs[1:], strict=True)]
    try:
        outputs = rule(inputs[0], *given)
        before, after = ([None if x is None else kind_of(x) == ARRAY for x in values] for values in (given, outputs))
    except (TypeError, AttributeError):
        return None
    return Recording(inputs, outputs) if before == after else None
