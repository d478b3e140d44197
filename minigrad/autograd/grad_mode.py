"""When operations are recorded. Each is a context manager and a decorator, and holds for the current thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.current import current
from minigrad.engine import recording


class _bare(recording):
    """A mode that may be used as a decorator without a call: ``@no_grad`` is ``@no_grad()``."""

    def __new__(cls, *given: Any, **named: Any) -> Any:
        switch = super().__new__(cls)
        if not (given and callable(given[0])):
            return switch
        switch.__init__()  # type: ignore[misc]
        return switch(given[0])


class no_grad(_bare):
    """Do not record: the results require no gradient."""

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_bare):
    """Record, also inside `no_grad`."""

    def __init__(self) -> None:
        super().__init__(True)


class inference_mode(_bare):
    """Do not record, as `no_grad`; with False, record.

    The tensors made inside are ordinary ones: torch's cannot be used for gradients later.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(recording):
    """Record or not: at once; used as a context manager, until the end of the block; as a decorator, in each call."""

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._outside = current.mode.recording
        current.mode.recording = mode

    def __enter__(self) -> None:
        self._before.append(self._outside)
        current.mode.recording = self.enabled

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:  # type: ignore[override]
        """Return the decorated function."""
        current.mode.recording = self._outside
        return recording(self.enabled)(function)


def is_grad_enabled() -> bool:
    """Return whether the current thread records operations."""
    return current.mode.recording
