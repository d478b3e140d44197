"""A recorded rule done again in place, at every step.

To call the rule makes a new array for each of its operations, and the results are then copied back. On small parameters that
costs more than the arithmetic, on large ones a third of the time. A `Program` does the same operations with results that go
into the memory of the arguments or into a few scratch arrays: first those on numbers, then those on arrays. Large arrays are
worked on in blocks, by several threads. The numbers are those of the rule, to the last bit.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np

from minigrad.grad_mode import thread
from minigrad.optim.record import ARRAY, Recording, Rule, Symbol, kind_of, record
from minigrad.primitive import Array, Shape

T = TypeVar("T")
Step = tuple[Callable[..., Any], "itemgetter[Any]", bool]
"""A ufunc, how to get its operands and its result out of a list, and whether the parameter is among them."""

BLOCK = 131072
"""How many elements are worked on at a time: few enough that temporary results stay in the cache."""

THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
"""How many threads share the blocks of a large parameter."""

WORTH_A_THREAD = 1 << 22
"""How much there must be to do for each of them, in elements times operations, to make up for its start."""


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
    arrays = [a for a in kept if isinstance(a, np.ndarray)]
    # A rule may return what it was given in another place, where it must not be overwritten before it is read.
    news = [x.copy() if isinstance(x, np.ndarray) and any(np.may_share_memory(x, a) for a in arrays) else x for x in new]
    for k, x in enumerate(news):
        if not isinstance(x, np.ndarray):
            kept[k] = x
        else:
            if kept[k] is None:
                kept[k] = np.empty_like(kept[0])
            kept[k][index] = x


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


# ------------------------------------------------------------------------------------------------------------ programs


def destinations(recording: Recording) -> tuple[list[int], dict[int, int]]:
    """Return in which order the values of a recording come about, and for each array returned which argument it replaces.

    An argument that is returned in another place, or a result that is returned twice, is copied to where it goes, as soon as
    nobody needs what is there.
    """
    inputs, outputs = recording
    tape = inputs[0].tape
    order = list(range(len(inputs), len(tape)))
    targets: dict[int, int] = {}
    for k, value in enumerate(outputs, 1):
        if isinstance(value, Symbol) and value.kind == ARRAY and value.index != k:
            if value.index < len(inputs) or value.index in targets:
                uses = [n for n, j in enumerate(order, 1) if j == value.index or any(x is inputs[k] for x in tape[j][1])]
                value = Symbol(tape, ARRAY, np.positive, (value,))
                order.insert(uses[-1] if uses else 0, value.index)
            targets[value.index] = k
    return order, targets


class Numbers:
    """The numbers in a program: constants, those that are counted up from step to step, and what is computed from them.

    Attributes:
        cells: Those that meet arrays: as arrays of no dimension, which are faster than numbers.
    """

    def __init__(self, count: int, dtype: np.dtype[Any]) -> None:
        self.cells: list[Array] = []
        self._dtype = dtype
        self._values: list[Any] = [None] * count  # those of symbols, by index; then constants
        self._arithmetic: list[tuple[Callable[..., Any], itemgetter[Any], int]] = []
        self._changing: list[tuple[int, Array]] = []
        self._counted: list[tuple[int, int]] = []

    def place(self, number: Any) -> int:
        """Return where the value of a symbol or a constant is among the values."""
        if isinstance(number, Symbol):
            return number.index
        self._values.append(number)
        return len(self._values) - 1

    def cell(self, number: Any) -> int:
        """Return where the value of a symbol or a constant is among the cells."""
        if isinstance(number, Symbol):
            self.cells.append(np.empty((), self._dtype))
            self._changing.append((number.index, self.cells[-1]))
        else:
            self.cells.append(np.array(number, self._dtype))
        return len(self.cells) - 1

    def compute(self, function: Callable[..., Any], operands: Sequence[Any], result: int) -> None:
        """Enter an operation."""
        self._arithmetic.append((function, getter([self.place(x) for x in operands]), result))

    def count(self, before: Symbol, after: Any) -> None:
        """Enter state that is a number."""
        self._counted.append((before.index, self.place(after)))

    def advance(self, state: Sequence[Array]) -> None:
        """Do the operations of a step.

        Args:
            state: The state that is numbers: arrays which hold the same number everywhere, and are given a new one.
        """
        values = self._values
        for number, (before, _) in zip(state, self._counted):
            values[before] = number[0]
        for function, operands, k in self._arithmetic:
            values[k] = function(*operands(values))
        for k, cell in self._changing:
            cell[()] = values[k]
        for number, (_, after) in zip(state, self._counted):
            number[...] = values[after]


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
    """The operations of a rule, with a place for every array in them.

    The places are numbered: the gradient, the parameter, the state; then the numbers that meet arrays; then scratch arrays.
    A result that the rule returns goes to where it belongs if nobody needs any more what is there; a scratch array is used
    again when nobody needs it.

    Args:
        recording: The rule.
        dtype: That of the arrays.

    Attributes:
        numbers: The operations on numbers, which come first.
        steps: The operations on arrays.
        scratch: How many scratch arrays there are.
    """

    def __init__(self, recording: Recording, dtype: np.dtype[Any]) -> None:
        inputs, outputs = recording
        tape, count = inputs[0].tape, len(inputs)
        order, targets = destinations(recording)
        last_use = {x.index: n for n, j in enumerate(order) for x in tape[j][1] if isinstance(x, Symbol)}
        cells = sum(kind_of(x) != ARRAY for _, operands, result in tape if result.kind == ARRAY for x in operands)
        scratch = itertools.count(count + cells).__next__

        self.numbers = Numbers(len(tape), dtype)
        self.steps: list[Step] = []
        places = {k: k for k in range(count)}
        free: list[int] = []
        last: list[tuple[int, int]] = []
        for n, j in enumerate(order):
            function, operands, result = tape[j]
            if result.kind != ARRAY:
                self.numbers.compute(function, operands, j)
                continue
            where = [places[x.index] if kind_of(x) == ARRAY else count + self.numbers.cell(x) for x in operands]
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
        self.scratch = scratch() - count - cells
        for before, after in zip(inputs[1:], outputs, strict=True):
            if before.kind != ARRAY:
                self.numbers.count(before, after)

    def _step(self, ufunc: Callable[..., Any], *where: int) -> None:
        self.steps.append((ufunc, itemgetter(*where), 1 in where))

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
                (index, [*(a[index] if isinstance(a, np.ndarray) else None for a in kept), *self.numbers.cells])
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


def program(rule: Rule, kept: Sequence[Any]) -> Program | None:
    """Return the program of a rule for a parameter and a state like these, if the rule can be recorded; see `record`."""
    recording = record(rule, kept)
    return None if recording is None else Program(recording, kept[0].dtype)


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
            thread.state.without_warnings(work, share)
        except BaseException as error:
            errors.append(error)

    mine, threads = [shares[0]], []
    for share in shares[1:]:
        worker = threading.Thread(target=guarded, args=(share,))
        try:
            worker.start()
            threads.append(worker)
        except RuntimeError:  # there are no more, as when the interpreter exits
            mine.append(share)
    try:
        for share in mine:
            work(share)
    finally:
        for worker in threads:
            worker.join()
    if errors:
        raise errors[0]
