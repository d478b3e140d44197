"""`trace`: what each operation costs, forward and backward."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from time import perf_counter_ns
from typing import Any, Literal

import numpy as np

from minigrad.autodiff import Cotangent, Node, TensorBase
from minigrad.autograd.observer import Location, Observer, current_location, location_of, note_location
from minigrad.multi_output import OutputCotangents
from minigrad.primitive import Array, Primitive, Shape

Phase = Literal["forward", "backward", "step"]
Shapes = tuple[Shape, ...]


@dataclass(frozen=True)
class Event:
    """One operation, one visit of a node in backward, or one step of an optimizer.

    Attributes:
        phase: "forward", "backward" or "step".
        name: The operation, or the class of the optimizer.
        start: When it began, in nanoseconds of `time.perf_counter_ns`.
        duration: How long it took, in nanoseconds.
        own: `duration` without the events inside: with create_graph, backward consists of operations.
        shapes: The shapes of its inputs; in backward, of its cotangent.
        nbytes: The bytes of the arrays that it made; views make none.
        location: The line of the program; in backward, that of the forward operation.
        thread: The number of the thread.
    """

    phase: Phase
    name: str
    start: int
    duration: int
    own: int
    shapes: Shapes
    nbytes: int
    location: Location | None
    thread: int

    @property
    def line(self) -> str:
        """The line of the program as text."""
        return "" if self.location is None else f"{self.location.place}: {self.location.source}"

    @property
    def module(self) -> str:
        """The path of the module."""
        return "" if self.location is None else self.location.module


class trace(Observer):
    """Record every operation of this thread, forward and backward, and every step of an optimizer, in a ``with`` block.

    While it records, operations go the plain way, not the fast lane, and each takes some microseconds more. The times are
    without that, but for a little: compare them with each other.

    Attributes:
        events: The `Event` objects, in the order in which they ended.

    >>> import minigrad
    >>> x = minigrad.ones(3, 4, requires_grad=True)
    >>> with trace() as t:
    ...     (x * 2).exp().sum().backward()
    >>> [(event.phase, event.name, event.shapes) for event in t.events][:2]
    [('forward', 'mul', ((3, 4), ())), ('forward', 'exp', ((3, 4),))]
    >>> print(t)  # doctest: +SKIP
    phase     name   calls   total ms   share       bytes
    backward  exp        1      0.021   31.2%         192
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._running: list[_Running] = []

    def before_op(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> None:
        """Start the clock."""
        self._running.append(_Running(op))

    def after_op(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any], result: Any) -> None:
        """Record an operation."""
        end, location = perf_counter_ns(), note_location(result.node)
        shapes = tuple(tuple(getattr(x, "shape", ())) for x in inputs)
        given = [x.array for x in inputs if isinstance(x, TensorBase)]
        self._record("forward", op.name, op, end, shapes, _new_bytes([result.array], given), location)

    def recorded(self, node: Node, inputs: Sequence[Array], out: Array) -> None:
        """Record what is no single operation: a write, a split, a user's `Function`; what it computes is recorded too."""
        if self._running and isinstance(self._running[-1].key, Primitive):
            return
        location = note_location(node)
        self._running.append(_Running(node))
        self._record("forward", node.op_name, node, perf_counter_ns(), tuple(x.shape for x in inputs), 0, location)

    def before_vjp(self, node: Node, cotangent: Cotangent) -> None:
        """Start the clock."""
        self._running.append(_Running(node))

    def after_vjp(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:
        """Record a visit."""
        end, given = perf_counter_ns(), _arrays([cotangent])
        made = _new_bytes(_arrays(in_cotangents), given)
        self._record("backward", node.op_name, node, end, tuple(x.shape for x in given), made, location_of(node))

    def before_step(self, optimizer: Any) -> None:
        """Start the clock."""
        self._running.append(_Running(optimizer))

    def after_step(self, optimizer: Any) -> None:
        """Record a step."""
        end = perf_counter_ns()
        self._record("step", type(optimizer).__name__, optimizer, end, (), 0, current_location())

    def _record(
        self, phase: Phase, name: str, key: Any, end: int, shapes: Shapes, nbytes: int, location: Location | None
    ) -> None:
        running = self._running.pop()
        while running.key is not key:  # an operation that failed has not ended
            running = self._running.pop()
        duration = end - running.start
        if self._running:
            self._running[-1].inside += duration
        own = duration - running.inside
        self.events.append(Event(phase, name, running.start, duration, own, shapes, nbytes, location, threading.get_ident()))

    def table(self, by: Literal["name", "line", "module"] = "name", rows: int = 30) -> str:
        """Return the sums over the events with the same phase and name, line or module, the costliest first.

        Args:
            by: What the sums are over.
            rows: The greatest number of rows.
        """
        groups: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            groups.setdefault((event.phase, getattr(event, by)), []).append(event)
        sums = {key: sum(event.own for event in group) for key, group in groups.items()}
        total = sum(sums.values()) or 1
        lines = [f"{'phase':<10}{'calls':>7}{'total ms':>11}{'share':>8}{'bytes':>15}  {by}"]
        for phase, text in sorted(groups, key=lambda key: -sums[key])[:rows]:
            group, cost = groups[phase, text], sums[phase, text]
            made = sum(event.nbytes for event in group)
            lines.append(f"{phase:<10}{len(group):>7}{cost / 1e6:>11.3f}{cost / total:>8.1%}{made:>15,}  {text or '-'}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def export_chrome_trace(self, path: str | PathLike[str]) -> None:
        """Write the events to a file that https://ui.perfetto.dev opens; torch's profiler has a method of this name."""
        events = [
            {
                "name": event.name,
                "cat": event.phase,
                "ph": "X",
                "ts": event.start / 1e3,
                "dur": event.duration / 1e3,
                "pid": 1,
                "tid": event.thread,
                "args": {"shapes": str(event.shapes), "bytes": event.nbytes, "line": event.line, "module": event.module},
            }
            for event in self.events
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)


class _Running:
    """An event that has begun: the operation, node or optimizer, when it began, and how long the events inside took."""

    def __init__(self, key: Any) -> None:
        self.key, self.inside, self.start = key, 0, perf_counter_ns()


def _arrays(cotangents: Iterable[Cotangent | None]) -> list[Any]:
    """Return the arrays of some cotangents."""
    arrays: list[Any] = []
    for cotangent in cotangents:
        if isinstance(cotangent, OutputCotangents):
            arrays += _arrays(cotangent.values.values())
        elif cotangent is not None:
            arrays.append(cotangent.array if isinstance(cotangent, TensorBase) else cotangent)
    return arrays


def _new_bytes(arrays: Iterable[Any], given: Sequence[Any]) -> int:
    """Return the bytes of memory of the arrays that share none with what was given."""
    new = [x for x in arrays if not any(np.may_share_memory(x, other) for other in given)]
    return sum(x.nbytes if x.base is None else x.base.nbytes for x in new)
