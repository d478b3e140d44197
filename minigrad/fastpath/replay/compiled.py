"""`compile`: a function that is run a few times, captured as a program of NumPy calls, and replayed from then on."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from minigrad.autodiff import wrap
from minigrad.backend import get_backend
from minigrad.dtypes import get_default_dtype
from minigrad.fastpath.dispatch import Dispatch
from minigrad.fastpath.replay.capture import Capture, equal_bits, like
from minigrad.fastpath.replay.lowering import MismatchError, memory_of
from minigrad.fastpath.replay.nested import leaves_of, skeleton, tensors_in, with_tensors, without_history
from minigrad.fastpath.replay.program import CapturedProgram
from minigrad.fastpath.replay.recorder import Recorder, RefusalError
from minigrad.fastpath.replay.watch import PLAIN, Watch, stores_state
from minigrad.grad_mode import thread
from minigrad.nn import Module
from minigrad.primitive import Array
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
        watch = self._watches[-1]
        cause = why_not_begin(self._function, tensors, watch)
        if cause is not None:
            self._give_up(RefusalError(cause))
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


def why_not_begin(function: Callable[..., Any], tensors: Sequence[Tensor], watch: Watch) -> str | None:
    """Return why a call with these arguments cannot be captured, if that shows before."""
    stored = stores_state(function)
    if stored is not None:
        return f"it keeps {stored[0]} for its next call, in line {stored[1]}"
    if any(x.requires_grad for x in tensors):
        return "an argument requires a gradient"
    if not {memory_of(x.array) for x in tensors}.isdisjoint(memory_of(x.array) for x in watch.tensors):
        return "an argument shares memory with a tensor that it can reach otherwise: give it a copy"
    return None


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
