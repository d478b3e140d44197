"""When operations are recorded. Each is a context manager and a decorator, and holds for the current thread."""

from __future__ import annotations

from minigrad.engine import mode, recording


class no_grad(recording):
    """Do not record: the results require no gradient."""

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(recording):
    """Record, also inside `no_grad`."""

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(recording):
    """Record or not, at once and, used as a context manager, until the end of the block."""

    def __init__(self, mode_: bool) -> None:
        super().__init__(mode_)
        self._before.append(mode.recording)
        mode.recording = mode_

    def __enter__(self) -> None:
        """The switch was made when the object was."""


def is_grad_enabled() -> bool:
    """Return whether the current thread records operations."""
    return mode.recording
