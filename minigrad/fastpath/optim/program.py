"""A traced rule as a program that runs in place.

Calling a rule allocates an array for each of its operations. On small parameters that costs more than the arithmetic, on
large ones a third of the time. A `Program` does the same operations with results that go into the memory of the parameter, of
the state, or of a few scratch buffers: first those on scalars, then those on arrays. Large arrays are worked on in blocks, by
several threads. The results are those of the rule, to the last bit.

>>> import numpy as np
>>> from minigrad.fastpath.optim.tracer import Kind, trace_rule
>>> def momentum(g, theta, b, lr):
...     b = 0.9 * b + g
...     return theta - lr * b, b
>>> trace = trace_rule(momentum, ["g", "theta", "b", "lr"], [*[Kind.ARRAY] * 3, Kind.WEAK], np.dtype("f4"))
>>> Program(trace)
Program: 4 operations on float32 arrays, 1 scratch buffer
    s0 = multiply(0.9, b)
    b = add(s0, g)
    s0 = multiply(lr, b)
    theta = subtract(theta, s0)
"""

import contextlib
import itertools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from minigrad.fastpath.calls import SYMBOLS, Function, line_of, listing, run_calls, scalar_function
from minigrad.fastpath.optim.tracer import Kind, Operation, Trace, Tracer, kind_of
from minigrad.grad_mode import thread
from minigrad.primitive import Array, Shape

T = TypeVar("T")

BLOCK = 3 << 16
"""How many elements are worked on at a time: few enough for scratch buffers to stay in the cache, enough to read ahead.

With 10M float32 elements and one thread, SGD took 1.6 of torch's time at 2 << 16, and 1.1 at 3 << 16; Adam slows down from
6 << 16 on.
"""

THREADS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
"""How many threads share the blocks of a large parameter."""

MIN_WORK_PER_THREAD = 1 << 22
"""How much there must be to do for each of them, in elements times operations, to make up for its start."""

FEW_BLOCKS = 64
"""Up to how many blocks are prepared beforehand where one thread is enough, so that they are worked on in one call."""


def blocks(shape: Shape) -> Iterator[tuple[Any, ...]]:
    """Yield indices that cut an array of this shape into pieces of at most `BLOCK` elements."""
    size = math.prod(shape)
    if size <= BLOCK:
        yield (...,)
        return
    rows = max(1, BLOCK * shape[0] // size)
    for k in range(0, shape[0], rows):
        for rest in blocks(shape[1:]):  # only one unless a single row is too large
            yield (slice(k, k + rows), *rest)


def schedule(trace: Trace) -> tuple[list[Operation], dict[int, int]]:
    """Return the operations of a trace in an order in which they can be done in place, and where results belong.

    An input that is returned in another place, or a result that is returned twice, is copied to where it belongs, as soon as
    what is there is no longer needed.

    Returns:
        The operations, and for each array that is returned, by its index, the number of the input that it replaces.
    """
    inputs = trace.inputs
    order = trace.operations[len(inputs) :]
    targets: dict[int, int] = {}
    for k, value in enumerate(trace.outputs, 1):
        if isinstance(value, Tracer) and value.kind is Kind.ARRAY and value.index != k:
            if value.index < len(inputs) or value.index in targets:
                uses = [n for n, op in enumerate(order, 1) if op.result is value or any(x is inputs[k] for x in op.operands)]
                value = Tracer(trace, Kind.ARRAY, np.positive, (value,))
                order.insert(uses[-1] if uses else 0, trace.operations[value.index])
            targets[value.index] = k
    return order, targets


class ScalarProgram:
    """The scalars in a program: constants, the learning rate, those that are counted from step to step, and what is computed.

    Attributes:
        buffers: Those that meet arrays, as 0-d arrays, which are faster than scalars.
        lines: What is computed, to be read.
    """

    def __init__(self, trace: Trace) -> None:
        self.buffers: list[Array] = []
        self.lines: list[str] = []
        self._dtype = trace.dtype
        self._lr_name = f"v{trace.inputs[-1].index}"
        self._lr: Any = None
        self._values: dict[str, Any] = {}  # constants and buffers
        self._computed: list[str] = []
        self._stored: list[str] = []
        self._before: list[str] = []
        self._after: list[str] = []
        self._function: Callable[..., None] | None = None

    def buffer(self, scalar: Any) -> int:
        """Add a buffer for the value of a tracer or a constant, and return its number."""
        if isinstance(scalar, Tracer):
            self.buffers.append(np.empty((), self._dtype))
            self._stored.append(f"{self._variable(self.buffers[-1])}[()] = {self._variable(scalar)}")
        else:
            self.buffers.append(np.array(scalar, self._dtype))
        return len(self.buffers) - 1

    def compute(self, operation: Operation) -> None:
        """Add an operation."""
        function, operands, result = operation
        assert function is not None
        self.lines.append(f"{scalar_name(result)} = {SYMBOLS[function].format(*map(scalar_name, operands))}")
        self._computed.append(f"v{result.index} = {SYMBOLS[function].format(*map(self._variable, operands))}")

    def replace(self, before: Tracer, after: Any) -> None:
        """Add state that is a scalar: arrays which hold the same value everywhere, and are given a new one."""
        self.lines.append(f"{before.name} = {scalar_name(after)}")
        k = len(self._before)
        self._before.append(f"v{before.index} = state[{k}][0]")
        self._after.append(f"state[{k}][...] = {self._variable(after)}")

    def _variable(self, value: Any) -> str:
        if isinstance(value, Tracer):
            return f"v{value.index}"
        name = f"k{len(self._values)}"
        self._values[name] = value
        return name

    def set_lr(self, lr: Any) -> None:
        """Use another learning rate from now on."""
        self._lr = lr
        if not self._before:
            self.run(())

    def run(self, state: Sequence[Array]) -> None:
        """Do the operations of a step on the state that is scalars."""
        if self._function is None:
            lines = [*self._before, *self._computed, *self._stored, *self._after]
            self._function = scalar_function(lines, self._values, "state", self._lr_name)
        self._function(state, self._lr)


class BlockLayout(NamedTuple):
    """Large arrays in blocks.

    Attributes:
        shape: Their shape.
        blocks: For each block its index, and what is in the registers between the gradient and the scratch buffers.
        scratch: For each thread its scratch buffers.
    """

    shape: Shape
    blocks: list[tuple[Any, list[Any]]]
    scratch: list[list[Array]]


class Step(NamedTuple):
    """An operation on arrays: a function, how to get operands and result from the registers, and their numbers."""

    function: Function
    operands: Callable[[Any], Any]
    registers: tuple[int, ...]


class Program:
    """The operations of a rule, with a register for every array in them.

    The registers are numbered: the gradient, the parameter, the state and the learning rate; then the scalars that meet
    arrays; then scratch buffers. A result that the rule returns goes to where it belongs if what is there is no longer
    needed; a scratch buffer is used again when it is no longer needed.

    Args:
        trace: The rule.
        name: What it is called in `repr`.

    Attributes:
        scalars: The operations on scalars, which come first.
        steps: The operations on arrays.
        scratch: How many scratch buffers there are.
        scale: The scalar c if the result is ``theta - c * g``, and nothing else is done; otherwise None.
    """

    def __init__(self, trace: Trace, name: str = "Program") -> None:
        self.name = name
        self.dtype = trace.dtype
        self.steps: list[Step] = []
        self._buffers: list[Array] = []
        inputs, count = trace.inputs, len(trace.inputs)
        order, targets = schedule(trace)
        self.scalars = ScalarProgram(trace)
        last_use = {x.index: n for n, op in enumerate(order) for x in op.operands if isinstance(x, Tracer)}
        on_arrays = [op for op in order if op.result.kind is Kind.ARRAY]
        buffered = [x for op in on_arrays for x in op.operands if kind_of(x) is not Kind.ARRAY]
        new_scratch = itertools.count(count + len(buffered)).__next__
        registers = {k: k for k in range(count)}
        free: list[int] = []
        late: list[tuple[int, int]] = []
        for n, op in enumerate(order):
            if op.result.kind is not Kind.ARRAY:
                self.scalars.compute(op)
                continue
            where = [registers[x.index] if kind_of(x) is Kind.ARRAY else count + self.scalars.buffer(x) for x in op.operands]
            done = {x.index for x in op.operands if kind_of(x) is Kind.ARRAY and last_use[x.index] == n}
            free += [registers[x] for x in done if registers[x] >= count]
            j = op.result.index
            target = targets.get(j, 0)
            if target and last_use.get(target, 0) <= n:
                registers[j] = target
            else:
                registers[j] = free.pop() if free else new_scratch()
                if target:
                    last_use[j] = len(trace.operations)
                    late.append((registers[j], target))
            self._add(op.function, *where, registers[j])
        for source, target in late:
            self._add(np.positive, source, target)
        self.scratch = new_scratch() - count - len(buffered)
        descent = [(np.multiply, (count, 0, count + 1)), (np.subtract, (1, count + 1, 1))]
        is_descent = [(function, registers) for function, _, registers in self.steps] == descent
        self.scale = self.scalars.buffers[0] if is_descent else None
        for before, after in zip(inputs[1:-1], trace.outputs, strict=True):
            if before.kind is not Kind.ARRAY:
                self.scalars.replace(before, after)
        scratch = [f"s{k}" for k in range(self.scratch)]
        self._names = [*(x.name for x in inputs), *map(scalar_name, buffered), *scratch]

    def _add(self, function: Any, *registers: int) -> None:
        self.steps.append(Step(function, itemgetter(*registers), registers))

    def __repr__(self) -> str:
        """What is done, an operation a line, with the names that the rule uses; s0, s1, ... are scratch buffers."""
        plural = "" if self.scratch == 1 else "s"
        head = f"{self.name}: {len(self.steps)} operations on {self.dtype} arrays, {self.scratch} scratch buffer{plural}"
        named = ((function.__name__, [self._names[k] for k in registers]) for function, _, registers in self.steps)
        return listing(head, [*self.scalars.lines, *(line_of(names[-1:], name, names[:-1]) for name, names in named)])

    def buffers(self, count: int) -> list[Array]:
        """Return this many buffers of `BLOCK` elements, the same at every call: buckets use them one after the other."""
        self._buffers += [np.empty(BLOCK, self.dtype) for _ in range(count - len(self._buffers))]
        return self._buffers[:count]

    def layout(self, arrays: Sequence[Any]) -> BlockLayout:
        """Lay out large arrays in blocks.

        Args:
            arrays: The parameter and the state: arrays of one shape, or None for other state.
        """
        shape = arrays[0].shape
        threads = max(1, min(THREADS, arrays[0].size * len(self.steps) // MIN_WORK_PER_THREAD))
        scratch = self.buffers(threads * self.scratch)
        others = [None, *self.scalars.buffers]
        pieces = [(index, [*(None if a is None else a[index] for a in arrays), *others]) for index in blocks(shape)]
        return BlockLayout(shape, pieces, [scratch[k::threads] for k in range(threads)])

    def run(self, g: Array, layout: BlockLayout) -> None:
        """Do the operations on large arrays, block by block, with a gradient in their shape."""

        def calls(index: Any, arrays: Sequence[Any], scratch: Sequence[Array]) -> Iterator[tuple[Any, ...]]:
            piece = g[index]
            registers = [piece, *arrays, *(s[: piece.size].reshape(piece.shape) for s in scratch)]
            return ((function, *operands(registers)) for function, operands, _ in self.steps)

        def work(scratch: Sequence[Array]) -> None:
            while left:
                with contextlib.suppress(IndexError):  # another thread took the last one
                    run_calls(list(calls(*left.popleft(), scratch)))

        left = deque(layout.blocks)
        alone = len(layout.scratch) == 1 and len(left) <= FEW_BLOCKS
        if alone or not run_in_threads(work, layout.scratch):
            run_calls([step for block in left for step in calls(*block, layout.scratch[0])])


def scalar_name(scalar: Any) -> str:
    """Return the name of a tracer that is a scalar, or the digits of a constant."""
    if isinstance(scalar, Tracer):
        return scalar.name or f"c{scalar.index}"
    return repr(float(scalar)) if isinstance(scalar, np.generic) else repr(scalar)


def run_in_threads(work: Callable[[T], None], shares: Sequence[T]) -> bool:
    """Call a function with each share in a thread of its own; re-raise the first error at the end.

    Signal handlers run in the main thread. What they raise, as KeyboardInterrupt, is raised before any work has begun or when
    all is done. Threads end with the call, so that none is in the way of a fork or of the end of the program.

    Returns:
        Whether there were threads; none can be started while the interpreter exits.
    """
    errors: list[BaseException] = []
    threads: list[tuple[threading.Thread, threading.Event]] = []
    gate = threading.Lock()
    cancelled = False

    def guarded(share: T, finished: threading.Event) -> None:
        try:
            with gate:
                pass
            if not cancelled:
                thread.state.without_warnings(work, share)
        except BaseException as error:
            errors.append(error)
        finally:
            finished.set()

    try:
        with gate:
            try:
                for share in shares:
                    finished = threading.Event()
                    worker = threading.Thread(target=guarded, args=(share, finished))
                    worker.start()
                    threads.append((worker, finished))
            except RuntimeError:  # there are no more
                pass
            except BaseException as error:
                cancelled = True
                errors.append(error)
        join_all(threads)
    finally:
        join_all(threads)  # again, if an interrupt came before it began
    if errors:
        raise errors[0]
    return bool(threads)


def join_all(threads: Sequence[tuple[threading.Thread, threading.Event]]) -> None:
    """Wait until all threads have ended; then re-raise what a signal handler raised meanwhile."""
    try:
        for worker, finished in threads:
            finished.wait()  # a `join` that is interrupted would take the thread for one that has ended
            worker.join()
    except BaseException:
        join_all(threads)
        raise
