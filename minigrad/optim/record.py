"""A rule written down once and replayed in place.

The rule of an optimizer is a pure function: each of its operations makes a new array, and the results are then copied back.
On large parameters that is a third of the time. So the rule is called once on `Symbol`s, which write down the ufuncs that it
applies. The `Program` made from this does the same operations in the same order on block after block, with results that go
into the memory of the arguments or into a few scratch arrays. The numbers are those of the rule, to the last bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.ops.primitive import Array, Primitive, Shape

Rule = Callable[..., Sequence[Any]]
Tape = list[tuple[np.ufunc, Sequence[Any], "Symbol"]]

BLOCK = 32768
"""How many elements are worked on at a time: few enough that temporary results stay in the cache."""

UFUNCS: dict[str, np.ufunc] = {
    "sqrt": np.sqrt,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "abs": np.absolute,
    "sign": np.sign,
    "exp": np.exp,
    "log": np.log,
}
"""The primitives that can be recorded, by name; each is exactly that ufunc."""


def apply(rule: Rule, g: Array, kept: list[Any]) -> None:
    """Put in the place of the parameter and its state what the rule makes of them: `Program.run`, for any rule."""
    if g.size <= BLOCK:
        put(kept, ..., rule(g, *kept))
        return
    given = list(kept)
    for index in blocks(g.shape):
        put(kept, index, rule(g[index], *[a[index] if isinstance(a, np.ndarray) else a for a in given]))


def put(kept: list[Any], index: Any, new: Sequence[Any]) -> None:
    """Put the results for one block where they belong; arrays that are not there yet are made."""
    # Backwards, so that the parameter comes last: a rule may return the old one as state.
    for k in reversed(range(len(kept))):
        if not isinstance(new[k], np.ndarray):
            kept[k] = new[k]
        else:
            if kept[k] is None:
                kept[k] = np.empty_like(kept[0])
            kept[k][index] = new[k]


def blocks(shape: Shape) -> Iterator[tuple[Any, ...]]:
    """Yield indices that cut an array of this shape into pieces of at most `BLOCK` elements."""
    size = math.prod(shape)
    if size <= BLOCK:
        yield (...,)
        return
    rows = BLOCK * shape[0] // size
    if rows:
        for k in range(0, shape[0], rows):
            yield (slice(k, k + rows), ...)
    else:
        for k in range(shape[0]):
            for rest in blocks(shape[1:]):
                yield (k, *rest)


def _noted(ufunc: np.ufunc) -> Callable[..., Symbol]:
    return lambda *operands: Symbol.note(ufunc, operands)


def _swapped(ufunc: np.ufunc) -> Callable[[Symbol, Any], Symbol]:
    return lambda self, other: Symbol.note(ufunc, (other, self))


class Symbol:
    """A value in a rule that is being recorded. What is not written down here is a TypeError.

    Attributes:
        tape: The operations so far, shared by all symbols of a recording: (ufunc, operands, result).
    """

    __slots__ = ("tape",)
    __array_ufunc__ = None  # so that NumPy's numbers leave the operation to the symbol

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    @staticmethod
    def note(ufunc: np.ufunc, operands: Sequence[Any]) -> Symbol:
        """Write an operation down and return its result."""
        tape = next(x.tape for x in operands if isinstance(x, Symbol))
        result = Symbol(tape)
        tape.append((ufunc, operands, result))
        return result

    @staticmethod
    def __apply__(op: Primitive, inputs: Sequence[Any], attributes: Any) -> Symbol:
        if op.name not in UFUNCS or attributes:
            raise TypeError(f"{op.name} cannot be recorded")
        return Symbol.note(UFUNCS[op.name], inputs)

    __add__, __radd__ = _noted(np.add), _swapped(np.add)
    __sub__, __rsub__ = _noted(np.subtract), _swapped(np.subtract)
    __mul__, __rmul__ = _noted(np.multiply), _swapped(np.multiply)
    __truediv__, __rtruediv__ = _noted(np.true_divide), _swapped(np.true_divide)
    __neg__ = _noted(np.negative)
    __eq__ = None  # type: ignore[assignment]
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError("a rule that asks for the value of an array cannot be recorded")


class Program:
    """The operations of a rule with a place for every array and number in them.

    The places are numbered: the gradient, the parameter, the state, constants, scratch arrays. A result that the rule returns
    goes to where it belongs if nobody needs any more what is there; a scratch array is used again when nobody needs it.

    Args:
        tape: The operations.
        inputs: The symbols of the gradient, the parameter, and the state; None for what is no array.
        outputs: What the rule returned: the parameter and the state, as symbols, numbers or None.
    """

    def __init__(self, tape: Tape, inputs: Sequence[Symbol | None], outputs: Sequence[Any]) -> None:
        places = {x: k for k, x in enumerate(inputs) if x is not None}
        targets: dict[Symbol, int] = {}
        for k, value in enumerate(outputs, 1):
            if isinstance(value, Symbol) and places.get(value) != k:
                # An argument, or a result that is returned twice, is copied to where it goes.
                targets[Symbol.note(np.positive, (value,)) if value in places or value in targets else value] = k
        last_use = {x: k for k, (_, operands, _) in enumerate(tape) for x in operands if isinstance(x, Symbol)}

        self.outputs = outputs
        self.targets = sorted(targets.values())
        self.constants = [x for _, operands, _ in tape for x in operands if not isinstance(x, Symbol)]
        self.steps: list[tuple[np.ufunc, list[int], int]] = []
        constant = itertools.count(len(inputs)).__next__
        scratch = itertools.count(len(inputs) + len(self.constants)).__next__
        free: list[int] = []
        last: list[tuple[int, int]] = []
        for k, (ufunc, operands, result) in enumerate(tape):
            where = [places[x] if isinstance(x, Symbol) else constant() for x in operands]
            done = {x for x in operands if isinstance(x, Symbol) and last_use[x] == k}
            free += [places[x] for x in done if places[x] >= len(inputs)]
            target = targets.get(result, 0)
            before = inputs[target] if target else None
            if target and (before is None or last_use.get(before, 0) <= k):
                places[result] = target
            else:
                places[result] = free.pop() if free else scratch()
                if target:
                    last_use[result] = len(tape)
                    last.append((places[result], target))
            self.steps.append((ufunc, where, places[result]))
        self.steps += [(np.positive, [source], target) for source, target in last]
        self.scratch = scratch() - len(inputs) - len(self.constants)

    def run(self, g: Array, kept: list[Any]) -> None:
        """Do the operations on the gradient, the parameter and the state, block by block.

        Args:
            g: The gradient.
            kept: The parameter and the state: arrays of the shape of g, which are written to; NumPy numbers; or None for
                state that is not there. Numbers and None are replaced in the list.
        """
        for k, value in enumerate(self.outputs):
            if k + 1 in self.targets and kept[k] is None:
                kept[k] = np.empty_like(kept[0])
            elif not isinstance(value, Symbol):
                kept[k] = value
        scratch = [np.empty(BLOCK, g.dtype) for _ in range(self.scratch)]
        for index in blocks(g.shape):
            piece = g[index]
            pieces = [a[index] if isinstance(a, np.ndarray) else a for a in kept]
            room = [s[: piece.size].reshape(piece.shape) for s in scratch]
            places = (piece, *pieces, *self.constants, *room)
            for ufunc, where, to in self.steps:
                ufunc(*[places[k] for k in where], out=places[to])


def record(rule: Rule, kept: Sequence[Any]) -> Program | None:
    """Return the program of a rule, or None if the rule does something that cannot be recorded; see `Program.run`."""
    tape: Tape = []
    g = Symbol(tape)
    symbols = [Symbol(tape) if isinstance(a, np.ndarray) else a for a in kept]
    try:
        outputs = rule(g, *symbols)
    except TypeError:
        return None
    return Program(tape, [g, *(x if isinstance(x, Symbol) else None for x in symbols)], outputs)
