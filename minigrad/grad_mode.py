"""Per-thread state: whether operations are recorded, who observes them, and how NumPy handles floating-point errors."""

import contextvars
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ContextDecorator, contextmanager
from copy import copy
from functools import partial, wraps
from inspect import isgeneratorfunction
from typing import Any, Self, TypeVar

import numpy as np

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]

T = TypeVar("T")


class ThreadState:
    """The state of one thread. Defaults: recording on, no observer.

    Attributes:
        grad_enabled: Whether operations are recorded.
        observer: What is told of each operation and each vjp, see `minigrad.autograd.observer`; None if nobody observes.
        after_backward: Functions to call once when backward has accumulated all gradients, as of data parallelism.
        in_operation: ``in_operation(f, *args)`` runs f while NumPy does not warn of division by zero, overflow or NaN: as in
            torch, inf and NaN are values. It costs a tenth of ``np.errstate``. But it raises RuntimeError while another
            operation runs further out, as under a signal handler, a finalizer or an ``__array__``: see `reentrant`.
        in_backward: The same for a backward pass, whose hooks may apply operations.
    """

    __slots__ = ("after_backward", "grad_enabled", "in_backward", "in_operation", "observer")

    def __init__(self) -> None:
        self.grad_enabled = True
        self.observer: Any = None
        self.after_backward: list[Callable[[], None]] = []
        self.in_operation, self.in_backward = _errstate_context().run, _errstate_context().run

    @contextmanager
    def reentrant(self, error: RuntimeError) -> Iterator[None]:
        """Let be done again what failed because `in_operation` or `in_backward` was in use; re-raise other errors."""
        if type(error) is not RuntimeError or error.__traceback__.tb_next is not None:  # type: ignore[union-attr]
            try:
                raise error  # of the function itself
            finally:
                del error  # no reference cycle
        previous = self.in_operation, self.in_backward
        self.in_operation, self.in_backward = _errstate_context().run, _errstate_context().run
        try:
            yield
        finally:
            self.in_operation, self.in_backward = previous

    def without_warnings(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function as `in_operation` does, wherever that is."""
        try:
            return self.in_operation(function, *args, **kwargs)
        except RuntimeError as error:
            with self.reentrant(error):
                return self.in_operation(function, *args, **kwargs)

    def without_warnings_backward(self, function: Callable[..., T], *args: Any) -> T:
        """Run a backward pass as `in_backward` does, wherever that is."""
        try:
            return self.in_backward(function, *args)
        except RuntimeError as error:
            with self.reentrant(error):
                return self.in_backward(function, *args)


def _errstate_context() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context


class _PerThread(threading.local):
    """Holds the `ThreadState` in an attribute: to read a field of that takes a fourth of reading a thread-local one."""

    def __init__(self) -> None:
        self.state = ThreadState()


thread = _PerThread()


def tell(event: str, *arguments: Any) -> None:
    """Tell the observers of this thread, if there are any; see `minigrad.autograd.observer`."""
    if thread.state.observer is not None:
        thread.state.observer.tell(event, *arguments)


def call_numpy(function: Callable[..., T], *args: Any, writes: Sequence[Any] = (), draws: bool = False) -> T:
    """Compute with NumPy beside the primitives: check an index, draw random numbers, update statistics.

    Observers are told, so that a compiled step does the same again with the arrays that it has then.

    Args:
        function: Depends on its arguments and on random generators alone. Returns an array, a tuple of arrays, or None.
        args: What it is called with; of tensors it gets the arrays.
        writes: Those of the tensors that it writes to.
        draws: Whether it draws random numbers.
    """
    out = thread.state.without_warnings(function, *[getattr(x, "array", x) for x in args])
    tell("after_numpy", function, args, out, writes, draws)
    return out  # type: ignore[no-any-return]


accumulating = threading.RLock()
"""Held while a `grad` is added to, so that backward passes in several threads lose nothing; a signal handler may enter it."""


class set_recording(ContextDecorator):
    """Switch recording on or off for this thread, in a ``with`` block or while the decorated function runs.

    A decorated generator runs in that mode; the loop around it keeps its own.
    """

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._previous: list[bool] = []

    def __enter__(self) -> None:
        self._previous.append(thread.state.grad_enabled)
        thread.state.grad_enabled = self.enabled

    def __exit__(self, *exception: object) -> None:
        thread.state.grad_enabled = self._previous.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[override]
        """Return the decorated function."""
        if not isgeneratorfunction(function):
            return super().__call__(function)

        @wraps(function)
        def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            inner = function(*args, **kwargs)
            resume: Callable[[], Any] = partial(next, inner)
            while True:
                with self._recreate_cm():
                    try:
                        value = resume()
                    except StopIteration as end:
                        return end.value
                try:
                    resume = partial(inner.send, (yield value))
                except GeneratorExit:
                    inner.close()
                    raise
                except BaseException as error:
                    resume = partial(inner.throw, error)

        return generator

    def _recreate_cm(self) -> Self:
        # A decorated function may run in several threads at once: each call gets its own `_previous`.
        fresh = copy(self)
        fresh._previous = []
        return fresh


class _GradMode(set_recording):
    """A mode that may be used as a decorator without a call: ``@no_grad`` is ``@no_grad()``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        mode = super().__new__(cls)
        if not (args and callable(args[0])):
            return mode
        mode.__init__()  # type: ignore[misc]
        return mode(args[0])


class no_grad(_GradMode):
    """Do not record: the results require no gradient. Equals ``torch.no_grad``.

    >>> import minigrad
    >>> x = minigrad.tensor(2.0, requires_grad=True)
    >>> with no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_GradMode):
    """Record, also inside `no_grad`. Equals ``torch.enable_grad``."""

    def __init__(self) -> None:
        super().__init__(True)


class inference_mode(_GradMode):
    """Do not record, as `no_grad`; with False, record.

    The tensors made inside are ordinary ones: torch's cannot be used for gradients later.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(set_recording):
    """Record or not: at once; used as a context manager, until the end of the block; as a decorator, in each call."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled(): argument 'mode' must be bool, not {type(mode).__name__}")
        super().__init__(mode)
        self._outside = thread.state.grad_enabled
        thread.state.grad_enabled = mode

    def __enter__(self) -> None:
        self._previous.append(self._outside)
        thread.state.grad_enabled = self.enabled

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[override]
        """Return the decorated function."""
        thread.state.grad_enabled = self._outside
        return set_recording(self.enabled)(function)


def is_grad_enabled() -> bool:
    """Return whether the current thread records operations."""
    return thread.state.grad_enabled
