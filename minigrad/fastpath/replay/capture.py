"""A captured run with what must be as it was, and the state that a run may change."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autodiff import next_sequence_nr, wrap
from minigrad.fastpath.calls import same_values
from minigrad.fastpath.guards import Guards
from minigrad.fastpath.optim.buckets import refresh, step_guards
from minigrad.fastpath.replay.lowering import MismatchError, memory_of
from minigrad.fastpath.replay.nested import leaves_of, tensors_in, with_tensors
from minigrad.fastpath.replay.program import CapturedProgram
from minigrad.fastpath.replay.recorder import Recorder, draw_again
from minigrad.primitive import Array
from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor


class State:
    """What a run may change: arrays, the gradients of leaves, random generators, the state of optimizers.

    Args:
        arrays: Those that are written to.
        leaves: The tensors that receive gradients.
        generators: Generators besides the default one.
        optimizers: Those that make their steps themselves.
    """

    def __init__(
        self, arrays: Sequence[Array], leaves: Sequence[Any], generators: Sequence[Generator], optimizers: Sequence[Any]
    ) -> None:
        self._dicts = [d for o in optimizers for d in (*o.param_groups, o.state, *o.state.values())]
        values = [x.array for d in self._dicts for x in d.values() if isinstance(x, Tensor)]
        self._contents = [dict(d) for d in self._dicts]
        self._grads = [(leaf, leaf._grad) for leaf in leaves]
        entry = [grad.array for _, grad in self._grads if grad is not None]
        self._arrays = [(x, x.copy()) for x in (*arrays, *values, *entry)]
        self._generators = [(g, g.get_state()) for g in (default_generator(), *generators)]

    def restore(self) -> None:
        """Bring it back."""
        for array, contents in self._arrays:
            np.copyto(array, contents)
        for leaf, grad in self._grads:
            leaf._grad = grad
        for generator, state in self._generators:
            generator.set_state(state)
        for d, contents in zip(self._dicts, self._contents, strict=True):
            d.clear()
            d.update(contents)


class Capture:
    """A captured run, with all that must be as it was for a replay.

    Attributes:
        program: The calls.
        trusted: Whether a replay was compared with a run.
    """

    def __init__(self, key: Any, recorder: Recorder, buffers: Sequence[Array], result: Any, kept: Any) -> None:
        self.key, (self.described, self.modes, *_) = key, key
        self.buffers = list(buffers)
        self.outputs = [x.array for x in tensors_in(result)]
        self.result = with_tensors(result, map(wrap, self.outputs))
        self.program = CapturedProgram(recorder, self.outputs)
        self.trusted = False
        self.leaves = list(recorder.leaves.values())
        self.grads = [leaf._grad for leaf in self.leaves]
        self.versions = [*recorder.written.values(), *(g.version for g in self.grads if g is not None)]
        self.optimizers = [optimizer for optimizer, inline in recorder.optimizers if inline]
        self.native = [optimizer for optimizer, inline in recorder.optimizers if not inline]
        self.entry = [(recorder.leaves[key], present) for key, present in recorder.needs_entry.items()]
        self._entry_arrays: list[tuple[Any, Array]] = []
        for leaf, present in self.entry:
            given = recorder.entry_grads.get(id(leaf))
            if present and given is not None:
                self._entry_arrays.append((leaf, given.array))
                if leaf._grad is not given:  # its memory is the program's now
                    given.array = given.array.copy()
        draws = [leaves_of(call.args) for call in self.program.calls if call.function is draw_again]
        self.generators = [x for leaves in draws for x in leaves if isinstance(x, Generator)]
        self._draws = bool(draws)
        self._kept = kept  # objects that the key names by their ids
        self._fits_arguments = argument_guards(self.described, *self._late_reads()).compile("tensors")
        self._fits_tensors = tensor_guards(recorder.externals, self.entry).compile()
        self._same_steps = step_guards(self.optimizers).compile()
        recorder.forget()
        self._references = [usual_references() if grad is not None else 0 for grad in self.grads]

    def fits(self, tensors: Sequence[Tensor], modes: Any) -> bool:
        """Return whether the program is for such arguments, in the state of now."""
        return self.modes == modes and self._fits_arguments(tensors) and self.is_current()

    def is_current(self) -> bool:
        """Return whether parameters, options and gradients are those that the program is for."""
        return self._fits_tensors() and (self._same_steps() or all(map(refresh, self.optimizers)))

    def replay(self, arrays: Sequence[Array]) -> Any:
        """Do the calls with other arguments, and return the result.

        Raises:
            MismatchError: The values do not fit the program. Nothing is changed outside then.
        """
        for buffer, array in zip(self.buffers, arrays):  # noqa: B905
            buffer[...] = array  # half the time of np.copyto
        for leaf, array in self._entry_arrays:
            if leaf._grad.array is not array:
                np.copyto(array, leaf._grad.array)
        if list(map(sys.getrefcount, self.grads)) != self._references:
            self._own_gradients()
        before = [(g, g.get_state()) for g in (default_generator(), *self.generators)] if self._draws else []
        try:
            self.program.run()
        except MismatchError:
            for generator, state in before:
                generator.set_state(state)
            raise
        now = next_sequence_nr()
        for version in self.versions:
            version.last_write = now
        for leaf, grad in zip(self.leaves, self.grads):  # noqa: B905
            leaf._grad = grad
        if type(self.result) is Tensor:
            return wrap(self.outputs[0].copy())
        return with_tensors(self.result, iter([wrap(x.copy()) for x in self.outputs]))

    def _own_gradients(self) -> None:
        """Take the memory of gradients back: a tensor that somebody else holds gets a copy, and a new one takes its place."""
        counts = list(map(sys.getrefcount, self.grads))
        for k, (held, count, usual) in enumerate(zip(self.grads, counts, self._references, strict=True)):
            if held is not None and count > usual:
                array, held.array = held.array, held.array.copy()
                self.grads[k] = wrap(array)
                self.versions.append(self.grads[k].version)
                if self.leaves[k]._grad is held:
                    self.leaves[k]._grad = self.grads[k]

    def _late_reads(self) -> tuple[list[bool], set[int]]:
        """Return which inputs are read after memory from outside was written to, and which memory is written to."""
        written: set[int] = set()
        late = set(map(memory_of, self.outputs))
        for call in self.program.calls:
            late.update(map(memory_of, call.reads if written else ()))
            written.update(memory_of(x) for x in call.writes if self.program.outside(x))
        return [memory_of(x) in late and bool(written) for x in self.buffers], written

    def state(self) -> State:
        """Return the state that a run changes."""
        return State(list(self._written().values()), self.leaves, self.generators, self.native)

    def _written(self) -> dict[int, Array]:
        return {id(x): x for call in self.program.calls for x in call.writes if self.program.kind(x) == "external"}

    def changed(self) -> list[Array | None]:
        """Return copies of what a run has changed, and of the gradients that it left."""
        grads = [None if leaf._grad is None else leaf._grad.array for leaf in self.leaves]
        return [None if x is None else x.copy() for x in (*self._written().values(), *grads)]


def usual_references() -> int:
    """Return what `sys.getrefcount` says of a gradient that only its leaf and a list hold."""
    leaf = wrap(np.empty(0))
    leaf._grad = wrap(np.empty(0))
    return next(map(sys.getrefcount, [leaf._grad]))


def argument_guards(described: Sequence[Any], late: Sequence[bool], written: set[int]) -> Guards:
    """Return what a list `tensors` of arguments must be like.

    Args:
        described: Their shapes, dtypes and so on.
        late: Which of them are read when other memory has been written to. What is read then is a copy of before.
        written: That memory, in which they must not be.
    """
    guards = Guards()
    guards.require("len(tensors) == {0}", len(described))
    for k, (shape, dtype, strides, *rest) in enumerate(described):
        array = f"tensors[{k}].array"
        guards.require(f"{array}.shape == {{0}} and {array}.strides == {{1}}", shape, strides)
        guards.require(f"({array}.dtype is {{0}} or {array}.dtype == {{0}})", dtype)
        guards.require(f"tensors[{k}]._requires_grad is {{0}} and tensors[{k}].node is {{1}}", *rest)
        if late[k]:
            guards.require(f"{{0}}({array}) not in {{1}}", memory_of, written)
    return guards


def tensor_guards(tensors: Sequence[Any], entry: Sequence[tuple[Any, bool]]) -> Guards:
    """Return what tensors from outside must be like, and which gradients must be there."""
    guards = Guards()
    for x in tensors:
        guards.require("{0}.array is {1} and {0}._requires_grad is {2}", x, x.array, x._requires_grad)
        guards.require("not {0}.hooks and not {0}._post_accumulate_hooks", x)
    for leaf, present in entry:
        guards.require("({0}._grad is not None) is {1}", leaf, present)
    return guards


def like(array: Array) -> Array:
    """Return a copy that lies in memory as the array does."""
    buffer = np.empty_like(array, subok=False)
    if buffer.strides != array.strides and array.size:
        span = sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides, strict=True)) // array.itemsize + 1
        if min(array.strides) >= 0:
            buffer = np.lib.stride_tricks.as_strided(np.zeros(span, array.dtype), array.shape, array.strides)
    np.copyto(buffer, array)
    return buffer


def equal_bits(a: Array | None, b: Array | None) -> bool:
    """Return whether two arrays are the same, or both missing."""
    return a is b if a is None or b is None else same_values(a, b)
