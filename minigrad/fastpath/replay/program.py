"""A captured run as a program: what nobody needs is dropped, what never changes is folded, the rest is a list of calls."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from operator import setitem
from typing import Any

import numpy as np

from minigrad.fastpath.calls import SYMBOLS, Call, line_of, listing, run_calls, scalar_function
from minigrad.fastpath.replay.lowering import MismatchError, memory_of, owner
from minigrad.fastpath.replay.recorder import Recorder, call_again, draw_again
from minigrad.grad_mode import thread
from minigrad.primitive import Array

BLOCK = 32768
"""How many elements a chain of elementwise calls is worked on at a time: few enough that they stay in the cache."""

EXACT = (np.add, np.subtract, np.multiply, np.true_divide, np.negative)
"""What gives the same bits for scalars as for arrays."""


class CapturedProgram:
    """The calls of a captured run.

    Attributes:
        calls: What is done at each replay, in order.
        folded: Calls whose result is the same at each replay; it stays where it is.
        dropped: Calls whose result nobody needs.
    """

    def __init__(self, recorder: Recorder, results: Sequence[Array]) -> None:
        self.kind = recorder.kind
        self._names: dict[int, str] = {}
        grads = [leaf._grad.array for leaf in recorder.leaves.values() if leaf._grad is not None]
        needed = {memory_of(x) for x in (*results, *grads)}
        self.calls, self.dropped = self._without_dead(recorder.calls, needed)
        self.calls, self.folded = self._without_constant(self.calls)
        self.calls = without_repeated(self.calls, needed, self.outside)
        outside = [any(self.outside(x) for x in call.writes) for call in self.calls]
        first_write = outside.index(True) if True in outside else len(outside)
        needed |= {memory_of(x) for call in self.calls for x in call.writes if self.outside(x)}
        before, after = self.calls[:first_write], self.calls[first_write:]
        self._wrote = [False]
        first, second = (steps_of(part, needed | read_by(rest)) for part, rest in ((before, after), (after, [])))
        self._steps = [*first, (setitem, self._wrote, 0, True), *second]

    def outside(self, array: Array) -> bool:
        """Return whether an array is in memory that was there before the run."""
        return self.kind(array) in ("external", "gradient", "input")

    def _without_dead(self, calls: Sequence[Call], needed: set[int]) -> tuple[list[Call], list[Call]]:
        live, kept, dropped = set(needed), [], []
        for call in reversed(calls):
            if call.function in (call_again, draw_again) or any(memory_of(x) in live or self.outside(x) for x in call.writes):
                kept.append(call)
                live |= {memory_of(x) for x in call.reads}
            else:
                dropped.append(call)
        return kept[::-1], dropped[::-1]

    def _without_constant(self, calls: Sequence[Call]) -> tuple[list[Call], list[Call]]:
        writers = Counter(memory_of(x) for call in calls for x in call.writes)
        changing: set[int] = set()
        kept, folded = [], []
        for call in calls:
            written = [memory_of(x) for x in call.writes]
            if (
                call.function is draw_again
                or any(memory_of(x) in changing or self.outside(x) for x in (*call.reads, *call.writes))
                or any(writers[k] > 1 for k in written)
            ):
                changing.update(written)
                kept.append(call)
            else:
                folded.append(call)
        return kept, folded

    def run(self) -> None:
        """Do the calls.

        Raises:
            MismatchError: The values do not fit. Nothing was written to memory from outside.
        """
        self._wrote[0] = False
        try:
            thread.state.in_operation(run_calls, self._steps)
        except Exception as error:
            if self._wrote[0]:
                raise
            raise MismatchError(str(error)) from error

    def _name(self, array: Array) -> str:
        """Return a name for some memory: x0 for an input, p0 for memory from outside, the value of a constant, else v0."""
        base = owner(array)
        if self.kind(array) in (None, "constant") and array.ndim == 0:
            return f"{array.item():.6g}"
        letter = {"input": "x", "external": "p", "gradient": "g"}.get(str(self.kind(array)), "v")
        if id(base) not in self._names:
            self._names[id(base)] = f"{letter}{sum(name[0] == letter for name in self._names.values())}"
        view = "" if array.shape == base.shape and array.strides == base.strides else str(list(array.shape))
        return self._names[id(base)] + view

    def __repr__(self) -> str:
        """What is done, a call a line: x0, x1 ... are inputs, p0 ... parameters and other memory from outside."""
        head = f"{len(self.calls)} calls; {len(self.folded)} folded, {len(self.dropped)} dropped"
        named = ((list(map(self._name, call.writes)), call.name, list(map(self._name, call.reads))) for call in self.calls)
        return listing(head, (line_of(*parts) for parts in named))


def read_by(calls: Sequence[Call]) -> set[int]:
    """Return the ids of the memory that calls read."""
    return {memory_of(x) for call in calls for x in call.reads}


def without_repeated(calls: Sequence[Call], needed: set[int], outside: Callable[[Array], bool]) -> list[Call]:
    """Return the calls without those that compute what an earlier one has: their results are replaced by its result."""
    uses: Counter[int] = Counter(memory_of(x) for call in calls for x in (*call.reads, *call.writes))
    whole: Counter[int] = Counter(id(x) for call in calls for x in (*call.reads, *call.writes))
    writers: Counter[int] = Counter(memory_of(x) for call in calls for x in call.writes)
    writes: Counter[int] = Counter()
    done: dict[Any, Array] = {}
    replaced: dict[int, Array] = {}
    kept = []
    for call in calls:
        if any(id(x) in replaced for x in call.reads):
            call = call.with_arrays(replaced)
        if isinstance(call.function, np.ufunc) and len(call.writes) == 1:
            (out,) = call.writes
            simple = owner(out) is out and writers[id(out)] == 1 and whole[id(out)] == uses[id(out)]
            simple = simple and id(out) not in needed and not outside(out)
            key = (call.function, *((id(x), writes[memory_of(x)]) for x in call.reads))
            earlier = done.get(key)
            if simple and earlier is not None and earlier.strides == out.strides:
                replaced[id(out)] = earlier
                continue
            if simple:
                done[key] = out
        writes.update(memory_of(x) for x in call.writes)
        kept.append(call)
    return kept


def steps_of(calls: Sequence[Call], needed: set[int]) -> list[tuple[Any, ...]]:
    """Return calls as tuples of a function and its arguments; runs of calls on scalars, and on large arrays, as one each."""
    steps: list[tuple[Any, ...]] = []
    k = 0
    while k < len(calls):
        for group, join in ((on_scalar, scalar_step), (on_blocks, block_step)):
            stop = k
            while stop < len(calls) and group(calls[stop], calls[k]):
                stop += 1
            if stop - k > 1:
                steps.append(join(calls[k:stop], needed | read_by([*calls[:k], *calls[stop:]])))
                break
        else:
            stop = k + 1
            steps.append((calls[k].function, *calls[k].args))
        k = stop
    return steps


def on_scalar(call: Call, first: Call) -> bool:
    """Return whether a call computes a scalar from scalars of one dtype by an operator."""
    arrays = (*call.reads, *call.writes)
    return call.function in EXACT and all(x.ndim == 0 and x.dtype == first.writes[0].dtype for x in arrays)


def scalar_step(calls: Sequence[Call], needed: set[int]) -> tuple[Callable[[], None]]:
    """Return a function of Python that does calls on scalars with NumPy scalars in local variables."""
    numbers: dict[int, int] = {}  # of the variables, by the place in memory that they stand for
    arrays: list[Array] = []
    loaded, lines, made = [], [], set()

    def variable(x: Array, result: bool) -> str:
        place = x.__array_interface__["data"][0]
        if place not in numbers:
            numbers[place] = len(arrays)
            arrays.append(x)
            if not result:
                loaded.append(f"v{numbers[place]} = a{numbers[place]}[()]")
        if result:
            made.add(numbers[place])
        return f"v{numbers[place]}"

    for call in calls:
        operands = [variable(x, result=False) for x in call.reads]
        lines.append(f"{variable(call.writes[0], result=True)} = {SYMBOLS[call.function].format(*operands)}")
    stored = [f"a{k}[()] = v{k}" for k in sorted(made) if memory_of(arrays[k]) in needed]
    return (scalar_function([*loaded, *lines, *stored], {f"a{k}": array for k, array in enumerate(arrays)}),)


def is_repeated(array: Array) -> bool:
    """Return whether an array holds one element, perhaps repeated."""
    return not any(array.strides)


def on_blocks(call: Call, first: Call) -> bool:
    """Return whether a call is elementwise on large arrays of one shape that lie row by row."""
    shape = first.writes[0].shape if first.writes else ()
    return (
        call.elementwise
        and math.prod(shape) >= 2 * BLOCK
        and call.writes[0].shape == shape
        and all(is_repeated(x) or (x.shape == shape and x.flags.c_contiguous) for x in (*call.reads, *call.writes))
    )


def block_step(calls: Sequence[Call], needed: set[int]) -> tuple[Any, ...]:
    """Return one call that does elementwise calls block by block; results that only they need stay in the cache."""
    size = calls[0].writes[0].size
    viewed = {memory_of(x) for call in calls for x in (*call.reads, *call.writes) if owner(x) is not x}
    made = {id(x) for call in calls for x in call.writes if owner(x) is x} - needed - viewed
    first_use: set[int] = set()
    scratch: dict[int, Array] = {}
    for call in calls:
        first_use.update(id(x) for x in call.reads)
        for x in call.writes:
            if id(x) in made and id(x) not in first_use:
                scratch[id(x)] = np.empty(BLOCK, x.dtype)

    def part(x: Any, start: int, stop: int) -> Any:
        if is_repeated(x):
            return x[(0,) * x.ndim + (...,)]
        return scratch[id(x)][: stop - start] if id(x) in scratch else x.reshape(-1)[start:stop]

    steps = [
        (call.function, *(part(x, start, min(start + BLOCK, size)) for x in call.args))
        for start in range(0, size, BLOCK)
        for call in calls
    ]
    return run_calls, steps
