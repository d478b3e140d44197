"""The fast lane: the same numbers sooner. Nothing that a reader of the course needs stands here.

It is a `minigrad.backend.Backend`, in use as soon as minigrad is imported. ``minigrad.fastpath.disable()`` switches it off as
a whole, as does the environment variable ``MINIGRAD_FASTPATH=0``; `enable` switches it on again. Results are the same, those
of optimizers to the last bit.
"""

import os

from minigrad.backend import Backend, get_backend, set_backend
from minigrad.fastpath.dispatch import Dispatch
from minigrad.fastpath.optim.blas import use_scipy
from minigrad.fastpath.optim.buckets import optimizer_step, programs

__all__ = ["FAST", "FastPath", "disable", "enable", "is_enabled", "programs", "use_scipy"]


class FastPath(Dispatch):
    """Fast operations and fast optimizer steps."""

    optimizer_step = staticmethod(optimizer_step)


FAST = FastPath()


def enable() -> None:
    """Switch the fast lane on, in all threads."""
    set_backend(FAST)


def disable() -> None:
    """Switch the fast lane off, in all threads."""
    set_backend(Backend())


def is_enabled() -> bool:
    """Return whether the fast lane is on."""
    return get_backend() is FAST


if os.environ.get("MINIGRAD_FASTPATH", "1") != "0":
    enable()
