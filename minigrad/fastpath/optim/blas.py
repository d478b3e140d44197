"""Plain gradient descent in one pass over memory, by BLAS: NumPy needs two passes for ``theta - lr * g``.

BLAS rounds once what NumPy rounds twice (a fused multiply-add), so the last bit of a parameter may be another one. So it is
off until `use_scipy` is called.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from minigrad.primitive import Array

routines: dict[np.dtype[Any], Callable[..., Any]] = {}
"""By dtype, what computes ``y += a * x`` in place; none unless it is switched on."""

MAX_SIZE = np.iinfo(np.intc).max
"""How many elements there may be at most: BLAS counts in C's int."""


def use_scipy(mode: bool = True) -> None:
    """Let plain SGD use SciPy's BLAS for contiguous parameters of more than 4096 elements, or no longer, in all threads.

    With ten million float32 elements a step takes .6 of the time. It is off at first, because some parameters differ in the
    last bit: ``theta - lr * g`` is rounded once, not twice.

    Raises:
        ModuleNotFoundError: SciPy is not installed.
    """
    routines.clear()
    if mode:
        try:
            blas = import_module("scipy.linalg.blas")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("use_scipy needs SciPy: pip install scipy") from error
        routines.update({np.dtype(np.float32): blas.saxpy, np.dtype(np.float64): blas.daxpy})


def descend(theta: Array, scale: Array, g: Array) -> bool:
    """Subtract scale * g from theta in place, and return True; or leave it to NumPy."""
    routine = routines.get(theta.dtype)
    # `carray`: what is strided or not aligned would be copied, and the copy changed.
    if routine is None or not theta.flags.carray or not g.flags.c_contiguous or not 0 < theta.size <= MAX_SIZE:
        return False
    routine(g.reshape(-1), theta.reshape(-1), a=-scale)
    return True
