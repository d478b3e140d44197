"""`compile`: a function that is run a few times, captured as a program of NumPy calls, and replayed from then on."""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np

from minigrad.autodiff import next_sequence_nr, wrap
from minigrad.backend import get_backend
from minigrad.dtypes import get_default_dtype
from minigrad.fastpath.calls import same_values
from minigrad.fastpath.dispatch import Dispatch
from minigrad.fastpath.optim.buckets import all_equal, refresh
from minigrad.fastpath.replay.guards import Guards
from minigrad.fastpath.replay.lowering import MismatchError, owner
from minigrad.fastpath.replay.program import CapturedProgram
from minigrad.fastpath.replay.recorder import Recorder, RefusalError, draw_again
from minigrad.fastpath.replay.watch import PLAIN, Watch, stores_state
from minigrad.grad_mode import thread
from minigrad.nn import Module
from minigrad.optim import Optimizer
from minigrad.primitive import Array
from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

PROGRAMS = 8
"""How many programs a function has at most, for arguments of different shapes and for different states of its modules."""

get_array = attrgetter("array")
described = attrgetter("array.shape", "array.dtype", "array.strides", "_requires_grad", "node")


def compile(function: F, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = None) -> F:  # noqa: A001
    """Return a function that does the same sooner: it captures one run as a straight line of NumPy calls, and replays it.

        @minigrad.compile
        def step(x, y):
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

    Whatever is in the function is captured: forward, `backward()`, optimizer steps, random numbers, writes in place. The
    first call runs the function; the second captures it; the third replays it, runs the function from the same state, and
    compares all results bit by bit. Only a program that passes is used from the fourth call on. New shapes and dtypes of the
    arguments, other training flags, or other attributes of modules get programs of their own.

    A function that no program can repeat runs as it is for good, after one warning that names the line and the cause: it
    reads values (`item()`, ``if loss > 1``, `numpy()`), has hooks, counts in Python, returns what requires a gradient, or
    can reach what changes unseen: an iterator, an array of NumPy, a random generator of another library, `os.environ`.
    Other Python values that it reads, in closures, globals, and attributes of modules, objects and classes, are watched.

    What Python does besides is not repeated: a `print`, for example. Results are new tensors at each call, but need no
    gradient. `grad` of a parameter is one tensor, which the next call overwrites unless somebody else holds it.

    Args:
        function: A function, or a module: its call is compiled, and it stays a module.
        fullgraph: Raise RuntimeError instead of the warning, as in torch.
        dynamic: Accepted for torch's sake; each combination of shapes has a program of its own.
        backend: Accepted for torch's sake.

    Equals ``torch.compile`` in what it computes. ``print(step.programs()[0])`` shows a program.

    >>> import minigrad
    >>> w = minigrad.tensor(2.0, requires_grad=True)
    >>> optimizer = minigrad.optim.SGD([w], lr=0.1)
    >>> @minigrad.compile
    ... def step(x):
    ...     loss = (w * x - 1).square()
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> for x in (1.0, 2.0, 3.0, 4.0):
    ...     loss = step(minigrad.tensor(x))
    >>> loss
    tensor(1.0650)
    >>> step.programs()[0]  # doctest: +SKIP
    8 calls; 2 folded, 0 dropped
        ...
    """
    compiled: Any = OptimizedModule(function, fullgraph) if isinstance(function, Module) else Compiled(function, fullgraph)
    return compiled  # type: ignore[no-any-return]


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


class Compiled:
    """A compiled function; see `compile`."""

    def __init__(self, function: Callable[..., Any], fullgraph: bool) -> None:
        self._function, self._fullgraph = function, fullgraph
        self._watches: list[Watch] = []  # that which was used last comes last
        self._last: Capture | None = None
        self._captures: list[Capture] = []
        self._warm: list[Any] = []
        self._given_up = self._full = False
        self._failures = self._changes = 0
        self._busy = threading.Lock()
        if isinstance(function, Module):
            self.__wrapped__ = function
        else:
            functools.update_wrapper(self, function)

    def __reduce__(self) -> Any:
        """Copies are compiled anew."""
        return Compiled, (self._function, self._fullgraph)

    def programs(self) -> list[CapturedProgram]:
        """Return the programs that have been captured, to be printed."""
        return [capture.program for capture in self._captures]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function, or replay it."""
        if (
            self._given_up
            or thread.state.observer is not None
            or not isinstance(get_backend(), Dispatch)
            or not self._busy.acquire(False)
        ):
            return self._function(*args, **kwargs)
        try:
            return self._call(args, kwargs)
        finally:
            self._busy.release()

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tensors: list[Any] = [x for x in args if isinstance(x, Tensor)]
        objects: Sequence[Any] = ()
        rest = None
        if kwargs or len(tensors) < len(args):
            tensors, rest = tensors_in((args, kwargs)), skeleton((args, kwargs))
            objects = [x for x in leaves_of((args, kwargs)) if not isinstance(x, (Tensor, *PLAIN))]
        arrays = list(map(get_array, tensors))
        modes = thread.state.grad_enabled, get_default_dtype(), rest
        watch, capture = self._watches[-1] if self._watches else None, self._last
        if watch is None or not watch.is_current() or (objects and list(map(id, objects)) != watch.ids):
            watch, capture = self._other_watch(objects), None
        if capture is None or not capture.fits(tensors, modes):
            key = list(map(described, tensors)), modes, watch.state
            capture = self._last = next((c for c in self._captures if c.key == key and c.fits(tensors, modes)), None)
            if capture is None:
                return self._warm_up_or_capture(key, args, kwargs, tensors)
        if not capture.trusted:
            return self._verify(capture, args, kwargs, arrays)
        try:
            return capture.replay(arrays)
        except MismatchError:
            return self._function(*args, **kwargs)

    def _other_watch(self, objects: Sequence[Any]) -> Watch:
        """Return what is watched in the state of now, such as that of training or of evaluation."""
        ids = list(map(id, objects))
        watch = next((w for w in self._watches if w.ids == ids and w.is_current()), None)
        if watch is None:
            watch = Watch(self._function, objects)
        self._watches = [*(w for w in self._watches if w is not watch), watch][-PROGRAMS:]
        return watch

    def _warm_up_or_capture(self, key: Any, args: Any, kwargs: Any, tensors: Sequence[Tensor]) -> Any:
        watch, stored = self._watches[-1], stores_state(self._function)
        if stored is not None:
            self._give_up(RefusalError(f"it keeps {stored[0]} for its next call, in line {stored[1]}"))
            return self._function(*args, **kwargs)
        refusal = None
        if any(x.requires_grad for x in tensors):
            refusal = RefusalError("an argument requires a gradient")
        elif not {memory_of(x.array) for x in tensors}.isdisjoint(memory_of(x.array) for x in watch.tensors):
            refusal = RefusalError("an argument shares memory with a tensor that it can reach otherwise: give it a copy")
        if refusal is not None:
            self._give_up(refusal)
            return self._function(*args, **kwargs)
        if key not in self._warm:
            if len(self._warm) >= 8 * PROGRAMS:
                self._warn_of_many("other arguments or other modules at each call")
                return self._function(*args, **kwargs)
            self._warm.append(key)
            result = self._function(*args, **kwargs)
            change = watch.change()
            self._changes += change is not None  # the first run may make attributes
            if self._changes > 2:
                self._give_up(RefusalError(f"it changes {change}"))
            self._watches.pop()
            return result
        self._captures = [c for c in self._captures if c.key != key or c.is_current()]
        if len(self._captures) >= PROGRAMS:
            self._warn_of_many("other shapes of arguments or other states of modules")
            return self._function(*args, **kwargs)
        buffers = [like(x.array) for x in tensors]
        recorder = Recorder(buffers, watch.tensors)
        given = iter([wrap(buffer) for buffer in buffers])
        replaced_args, replaced_kwargs = with_tensors((args, kwargs), given)
        with recorder:
            result = self._function(*replaced_args, **replaced_kwargs)
        refusal = recorder.refusal or why_not(recorder, watch, result)
        if refusal is not None:
            self._give_up(refusal)
        else:
            capture = self._last = Capture(key, recorder, buffers, result, (watch, args, kwargs))
            self._captures.append(capture)
        return without_history(result) if refusal is None else result

    def _verify(self, capture: Capture, args: Any, kwargs: Any, arrays: Sequence[Array]) -> Any:
        """Replay, restore, run the function, and compare."""
        before = capture.state()
        found = None
        try:
            replayed = [x.array for x in tensors_in(capture.replay(arrays))]
            found = [*replayed, *capture.changed()]
        except Exception:  # the run itself will say what is wrong, or is another way through the function
            if self._failures:
                self._give_up(RefusalError("a replay fails where the function does not"))
            self._failures += 1
        finally:
            before.restore()
        result = self._function(*args, **kwargs)
        if found is None:
            return result
        expected = [*(x.array for x in tensors_in(result)), *capture.changed()]
        if len(found) != len(expected) or not all(map(equal_bits, found, expected)):
            self._give_up(
                RefusalError("a replay on new data gave other results than the function: it depends on something unseen")
            )
        capture.trusted = True
        return without_history(result)

    def _give_up(self, refusal: RefusalError) -> None:
        """Run the function as it is from now on.

        Raises:
            RuntimeError: With fullgraph.
        """
        self._given_up, self._captures = True, []
        where = "" if refusal.location is None else f"\n  {refusal.location}"
        self._warn(f"{refusal}{where}")

    def _warn_of_many(self, what: str) -> None:
        """Say, once, that programs that there are go on being used, but no more are made."""
        if not self._full:
            self._full = True
            self._warn(f"there were {len(self._captures)} programs already, and {what}")

    def _warn(self, cause: str) -> None:
        name = getattr(self._function, "__name__", type(self._function).__name__)
        message = f"compile: {name} runs as it is, since {cause}"
        if self._fullgraph:
            raise RuntimeError(message)
        warnings.warn(message, stacklevel=6)


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


def step_guards(optimizers: Sequence[Optimizer]) -> Guards:
    """Return what is enough, but not needed, for the calls of the steps of optimizers to be the same: see `refresh`."""
    guards = Guards()
    for optimizer in optimizers:
        plans, groups = optimizer.backend_cache, optimizer.param_groups
        guards.require("{0}.backend_cache is {1} and len({0}.param_groups) == {2}", optimizer, plans, len(groups))
        for k, (plan, group) in enumerate(zip(plans, groups, strict=True)):
            guards.require("{0}.param_groups[{1}] is {2}", optimizer, k, group)
            guards.require("{0}['params'] is {1} and {0} == {2}.raw and not {2}.live", group, group["params"], plan)
            guards.require("{0}.buckets is {1} and all(map({2}, {0}.flat_scalars))", plan, plan.buckets, all_equal)
            guards.require("{0}.state is {1} and len({1}) == {2}", optimizer, plan.states, len(plan.states))
            for p in plan.params:
                guards.require("{0}.array is {1}", p, p.array)
                state = plan.states.get(p)
                if state is not None:
                    guards.require("{0}[{1}] is {2} and len({2}) == {3}", plan.states, p, state, len(state))
                    for name in state.keys() & plan.names:
                        guards.require("{0}[{1}].array is {2}", state, name, state[name].array)
    return guards


class OptimizedModule(Module):
    """A compiled module, as `compile` returns it. As in torch, the names in its state dict begin with ``_orig_mod.``.

    Attributes that it does not have are those of the module.
    """

    def __init__(self, module: Module, fullgraph: bool = False) -> None:
        super().__init__()
        self._orig_mod = module
        self._compiled = Compiled(module, fullgraph)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":  # while it is copied
            raise AttributeError(name)
        return getattr(self._orig_mod, name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102
        return self._compiled(*args, **kwargs)

    def programs(self) -> list[CapturedProgram]:
        """Return the programs that have been captured, to be printed."""
        return self._compiled.programs()


def why_not(recorder: Recorder, watch: Watch, result: Any) -> RefusalError | None:
    """Return why a run that was captured cannot be repeated, if that shows now."""
    refusal = recorder.unexplained(watch.tensors)
    change = watch.change()
    if refusal is None and watch.refusals:
        refusal = RefusalError(watch.refusals[0])
    if refusal is None and change is not None:
        refusal = RefusalError(f"it changes {change}")
    if refusal is None and any(module._hooks is not None for module in watch.modules):
        refusal = RefusalError("a module has hooks")
    if refusal is None and not all(isinstance(x, (Tensor, *PLAIN)) for x in leaves_of(result)):
        refusal = RefusalError("it returns something that is neither a tensor nor a Python value")
    for x in tensors_in(result):
        if refusal is None and x.node is not None and id(x.node) not in recorder.consumed:
            refusal = RefusalError(
                "its result requires a gradient: compile the whole step, backward() included, or call it under no_grad()"
            )
        if refusal is None and recorder.kind(x.array) in (None, "external", "gradient"):
            refusal = RefusalError("it returns a tensor that is not computed in it by minigrad's operations")
    return refusal


# ------------------------------------------------------------------------------------------------- arguments and results


def leaves_of(value: Any) -> list[Any]:
    """Return the leaves of nested lists, tuples and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [leaf for x in value for leaf in leaves_of(x)]
    return [value]


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in nested lists, tuples and dicts."""
    return [x for x in leaves_of(value) if isinstance(x, Tensor)]


def with_tensors(value: Any, tensors: Iterator[Any]) -> Any:
    """Return nested lists, tuples and dicts with other tensors in place of theirs."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, dict):
        return {name: with_tensors(x, tensors) for name, x in value.items()}
    if isinstance(value, list | tuple):
        items = [with_tensors(x, tensors) for x in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return value


def skeleton(value: Any) -> Any:
    """Return what is the same for arguments that a program fits: all but the tensors in them."""
    if isinstance(value, Tensor):
        return Tensor
    if isinstance(value, dict):
        return [(name, skeleton(x)) for name, x in value.items()]
    if isinstance(value, list | tuple):
        return [type(value), *map(skeleton, value)]
    return (type(value), value) if isinstance(value, PLAIN) else id(value)


def without_history(result: Any) -> Any:
    """Return a result as replays return it: with tensors of their own memory, which require no gradient."""
    return with_tensors(result, iter([wrap(x.array.copy()) for x in tensors_in(result)]))


def like(array: Array) -> Array:
    """Return a copy that lies in memory as the array does."""
    buffer = np.empty_like(array, subok=False)
    if buffer.strides != array.strides and array.size:
        span = sum((n - 1) * abs(s) for n, s in zip(array.shape, array.strides, strict=True)) // array.itemsize + 1
        if min(array.strides) >= 0:
            buffer = np.lib.stride_tricks.as_strided(np.zeros(span, array.dtype), array.shape, array.strides)
    np.copyto(buffer, array)
    return buffer


def memory_of(array: Array) -> int:
    """Return the id of the array that owns the memory."""
    return id(owner(array))


def equal_bits(a: Array | None, b: Array | None) -> bool:
    """Return whether two arrays are the same, or both missing."""
    return a is b if a is None or b is None else same_values(a, b)
