"""What is switched on in the current thread: whether operations are recorded, who watches, how NumPy is run."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


class Mode:
    """The mode of a thread: in the beginning recording is on, and nobody watches.

    Attributes:
        recording: Whether operations leave nodes on the tape.
        watch: Something that looks at each recorded operation and at each `Node.pull`; see `minigrad.autograd.anomaly`.
        quietly: Runs a function where NumPy does not warn of division by zero, overflow or NaN: as in torch, inf and NaN are
            values. ``quietly(f, *args)`` costs a tenth of ``np.errstate`` and leaves the caller's settings alone. The f must
            not come back here, unless ``with aside():``, in which user code is run.
    """

    __slots__ = ("quietly", "recording", "watch")

    def __init__(self) -> None:
        self.recording = True
        self.watch: Any = None
        self.quietly = _quiet_context().run

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let operations be run from within `quietly`, in a context of their own."""
        before, self.quietly = self.quietly, _quiet_context().run
        try:
            yield
        finally:
            self.quietly = before


def _quiet_context() -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(np.seterr, all="ignore")
    return context


class Current(threading.local):
    """What belongs to the current thread.

    Attributes:
        mode: Its mode: an object, because to look into that takes a fourth of looking into the thread.
    """

    def __init__(self) -> None:
        self.mode = Mode()


current = Current()
