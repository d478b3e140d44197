"""A rule written down once and replayed in place.

The rule of an optimizer is a pure function: each of its operations makes a new array, and the results are then copied back.
On small parameters that costs more than the arithmetic, on large ones a third of the time. So the rule is called once on
`Symbol`s, which write down what is done to them. The `Program` made from this does the same operations at every step:
operators on the numbers that change, such as the number of the step, then ufuncs on the arrays, whose results go into the
memory of the arguments or into a few scratch arrays. Large arrays are worked on in blocks, by several threads. The numbers
are those of the rule, to the last bit. A rule that does what cannot be written down, such as asking whether t > 10, is called
itself at each step (`apply`).
"""

from __future__ import annotations

import itertools
import math
import operator
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np

from minigrad.ops.primitive import Array, Primitive, Shape, quiet

T = TypeVar("T")
Rule = Callable[..., Sequence[Any]]
Tape = list[tuple[Any, Sequence[Any], "Symbol"]]

BLOCK = 131072
"""How many elements are worked on at a time: few enough that temporary results stay in the cache."""

THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
"""How many threads share the blocks of a large parameter."""

WORTH_A_THREAD = 1 << 22
"""How much there must be to do for each of them, in elements times operations, to make up for its start."""

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


def apply(rule: Rule, g: Array, kept: list[Any]) -> None:
    """Put in the place of the parameter and its state what the rule makes of them, block by block, without a program.

    Args:
        rule: The rule, as a function of the gradient, the parameter and the state.
        g: The gradient.
        kept: The parameter and the state: arrays of the shape of g, which are written to; NumPy numbers; or None for
            state that is not there. Numbers and None are replaced in the list.
    """
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


# -------------------------------------------------------------------------------------------------------- writing down

ARRAY, NUMPY, PYTHON = "array", "NumPy's number", "Python's number"


def _noted(on_numbers: Any, on_arrays: Any = None, kind: str | None = None) -> Callable[..., Symbol]:
    return lambda *operands: Symbol.note(operands, on_numbers, on_arrays, kind)


def _swapped(on_numbers: Any, on_arrays: Any = None) -> Callable[[Symbol, Any], Symbol]:
    return lambda self, other: Symbol.note((other, self), on_numbers, on_arrays)


def plain(value: Any) -> Any:
    """Return a number from NumPy as a number of Python, which does not decide a dtype; anything else as it is."""
    return value.item() if isinstance(value, (np.generic, Symbol)) else value


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

    def item(self) -> Symbol:
        """Return a number of NumPy as one of Python."""
        return Symbol.note((self,), operator.methodcaller("item"), None, PYTHON) if self.kind == NUMPY else self

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


def record(rule: Rule, kept: Sequence[Any]) -> Program | None:
    """Return the program of a rule for arguments like these; see `apply`.

    It is None if the rule does something that cannot be recorded, or gives state that is not there yet.
    """
    tape: Tape = []
    inputs = [Symbol(tape, ARRAY if a is None or isinstance(a, np.ndarray) else NUMPY) for a in (kept[0], *kept)]
    given = [None if a is None else x for a, x in zip(kept, inputs[1:], strict=True)]
    try:
        outputs = rule(inputs[0], *given)
        before, after = ([None if x is None else kind_of(x) == ARRAY for x in values] for values in (given, outputs))
    except (TypeError, AttributeError):
        return None
    return Program(inputs, outputs, kept[0].dtype) if before == after else None


# ----------------------------------------------------------------------------------------------------------- replaying


Step = tuple[Callable[..., Any], "itemgetter[Any]", bool]
"""A ufunc, how to get its operands and its result out of a list, and whether the parameter is among them."""


class Pieces:
    """Large arrays in blocks.

    Attributes:
        shape: Their shape.
        blocks: For each block its index, and what is in the places between the gradient and scratch arrays.
        scratch: For each thread its scratch arrays.
    """

    def __init__(self, shape: Shape, blocks: list[tuple[Any, list[Any]]], scratch: list[list[Array]]) -> None:
        self.shape = shape
        self.blocks = blocks
        self.scratch = scratch


class Program:
    """The operations of a rule, with a place for every array and every number in them.

    The places of arrays are numbered: the gradient, the parameter, the state; then the numbers that meet arrays, as arrays of
    no dimension, which are faster than numbers; then scratch arrays. A result that the rule returns goes to where it belongs
    if nobody needs any more what is there; a scratch array is used again when nobody needs it.

    Args:
        inputs: The symbols of the gradient, the parameter, and the state.
        outputs: What the rule returned: the parameter and the state, as symbols, numbers or None.
        dtype: That of the arrays.

    Attributes:
        steps: The operations on arrays.
        cells: The numbers that meet arrays.
        scratch: How many scratch arrays there are.
    """

    def __init__(self, inputs: Sequence[Symbol], outputs: Sequence[Any], dtype: np.dtype[Any]) -> None:
        tape, count = inputs[0].tape, len(inputs)
        order = list(range(count, len(tape)))
        targets: dict[int, int] = {}
        for k, value in enumerate(outputs, 1):
            if isinstance(value, Symbol) and value.kind == ARRAY and value.index != k:
                if value.index < count or value.index in targets:
                    # An argument, or a result that is returned twice, is copied to where it goes; as soon as that is free.
                    uses = [n for n, j in enumerate(order, 1) if j == value.index or any(x is inputs[k] for x in tape[j][1])]
                    value = Symbol(tape, ARRAY, np.positive, (value,))
                    order.insert(uses[-1] if uses else 0, value.index)
                targets[value.index] = k
        last_use = {x.index: n for n, j in enumerate(order) for x in tape[j][1] if isinstance(x, Symbol)}

        # The values of the symbols that are numbers, by index; then those of constants.
        self.values: list[Any] = [None] * len(tape)
        self.arithmetic: list[tuple[Callable[..., Any], itemgetter[Any], int]] = []
        self.steps: list[Step] = []
        self.cells: list[Array] = []
        self.changing: list[tuple[int, Array]] = []
        numbers = sum(kind_of(x) != ARRAY for _, operands, result in tape if result.kind == ARRAY for x in operands)
        scratch = itertools.count(count + numbers).__next__
        places = {k: k for k in range(count)}
        free: list[int] = []
        last: list[tuple[int, int]] = []
        for n, j in enumerate(order):
            function, operands, result = tape[j]
            if result.kind != ARRAY:
                self.arithmetic.append((function, getter([self._valued(x) for x in operands]), j))
                continue
            where = [places[x.index] if kind_of(x) == ARRAY else count + self._celled(x, dtype) for x in operands]
            done = {x.index for x in operands if isinstance(x, Symbol) and x.kind == ARRAY and last_use[x.index] == n}
            free += [places[x] for x in done if places[x] >= count]
            target = targets.get(j, 0)
            if target and last_use.get(target, 0) <= n:
                places[j] = target
            else:
                places[j] = free.pop() if free else scratch()
                if target:
                    last_use[j] = len(tape)
                    last.append((places[j], target))
            self._step(function, *where, places[j])
        for source, target in last:
            self._step(np.positive, source, target)
        self.scratch = scratch() - count - numbers
        kept = [(before, after) for before, after in zip(inputs[1:], outputs, strict=True) if before.kind != ARRAY]
        self.counted = [(n, before.index, self._valued(after)) for n, (before, after) in enumerate(kept)]

    def _valued(self, number: Any) -> int:
        """Return where the value of a symbol or a constant is among the values."""
        if isinstance(number, Symbol):
            return number.index
        self.values.append(number)
        return len(self.values) - 1

    def _celled(self, number: Any, dtype: np.dtype[Any]) -> int:
        """Return where the value of a symbol or a constant is among the cells."""
        if isinstance(number, Symbol):
            cell = np.empty((), dtype)
            self.changing.append((number.index, cell))
        else:
            cell = np.array(number, dtype)
        self.cells.append(cell)
        return len(self.cells) - 1

    def _step(self, ufunc: Callable[..., Any], *where: int) -> None:
        self.steps.append((ufunc, itemgetter(*where), 1 in where))

    def count(self, numbers: Sequence[Array]) -> None:
        """Do the operations on numbers, before those on arrays.

        Args:
            numbers: The state that is numbers: arrays which hold the same number everywhere, and are given a new one.
        """
        values = self.values
        for n, k, _ in self.counted:
            values[k] = numbers[n][0]
        for function, operands, k in self.arithmetic:
            values[k] = function(*operands(values))
        for k, cell in self.changing:
            cell[()] = values[k]
        for n, _, k in self.counted:
            numbers[n][...] = values[k]

    def pieces(self, kept: Sequence[Any], room: Callable[[int], list[Array]]) -> Pieces:
        """Lay out large arrays in blocks.

        Args:
            kept: The parameter and the state: arrays of one shape. Other state is left out.
            room: Returns as many scratch arrays of `BLOCK` elements as one asks for.
        """
        threads = max(1, min(THREADS, kept[0].size * len(self.steps) // WORTH_A_THREAD))
        scratch = room(threads * self.scratch)
        return Pieces(
            kept[0].shape,
            [
                (index, [*(a[index] if isinstance(a, np.ndarray) else None for a in kept), *self.cells])
                for index in blocks(kept[0].shape)
            ],
            [scratch[k::threads] for k in range(threads)],
        )

    def run(self, g: Array, pieces: Pieces) -> None:
        """Do the operations on large arrays, block by block, with a gradient in their shape."""
        left = deque(pieces.blocks)

        def work(scratch: Sequence[Array]) -> None:
            while True:
                try:
                    index, arrays = left.popleft()
                except IndexError:
                    return
                piece = g[index]
                places = [piece, *arrays, *(s[: piece.size].reshape(piece.shape) for s in scratch)]
                for ufunc, operands, _ in self.steps:
                    ufunc(*operands(places))

        in_threads(work, pieces.scratch)


def getter(where: Sequence[int]) -> itemgetter[Any]:
    """Return a function that gets these elements of a list, as a sequence even if there is one."""
    return itemgetter(*where) if len(where) > 1 else itemgetter(slice(where[0], where[0] + 1))


def in_threads(work: Callable[[T], None], shares: Sequence[T]) -> None:
    """Call a function with each share in a thread of its own, the first in this one; raise what one raises when all ended.

    Threads live no longer than the call, so that none is in the way of a fork or of the end of the program.
    """
    errors: list[BaseException] = []

    def guarded(share: T) -> None:
        try:
            quiet.run(work, share)
        except BaseException as error:
            errors.append(error)

    mine, threads = [shares[0]], []
    for share in shares[1:]:
        thread = threading.Thread(target=guarded, args=(share,))
        try:
            thread.start()
            threads.append(thread)
        except RuntimeError:  # there are no more, as when the interpreter exits
            mine.append(share)
    try:
        for share in mine:
            work(share)
    finally:
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]
