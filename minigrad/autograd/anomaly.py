"""Anomaly mode: who made the first NaN?"""

import os
import sys
import traceback
import weakref
from collections.abc import Sequence
from types import FrameType
from typing import Any

import numpy as np

from minigrad.autodiff import Cotangent, Node, PrimitiveNode
from minigrad.grad_mode import thread
from minigrad.multi_output import OutputCotangents
from minigrad.tensor import Tensor

PACKAGE_DIR = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
UNKNOWN = "a line that anomaly mode did not see"

CONSTANT_OPS = ("pad",)
"""Operations that put a number of the caller's beside the others, which may well be inf."""

POWER = "a power of 0 with an exponent below 1, of a negative number with a fraction, or overflow: add a small number first"

KNOWN_CAUSES = {
    "sqrt": "the square root has the slope inf at 0 and is NaN below: add a small number under the root, or use norm()",
    "rsqrt": "1 / sqrt(x) is inf at 0 and NaN below: add a small number under the root",
    "log": "the logarithm is -inf at 0 and NaN below: clamp() its argument, or use log_softmax, logsumexp or log1p",
    "div": "division by 0: add a small number to the divisor, or choose a harmless one with where() before dividing",
    "reciprocal": "division by 0: add a small number to the divisor",
    "power": POWER,
    "pow": POWER,
    "exp": "overflow: subtract the maximum first, or use softmax, log_softmax or logsumexp",
    "mul": "0 times inf is NaN, or overflow: see where the factor became so large",
}

forward_location: weakref.WeakKeyDictionary[Node, str] = weakref.WeakKeyDictionary()
"""The line of the user's program at which each node was made that anybody watched."""


class AnomalyDetector:
    """Looks at every result and every cotangent of the current thread, and raises at the first that is not finite."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def forward(self, node: Node, inputs: Sequence[Any], out: Any) -> None:
        """Look at a result."""
        frame = _caller()
        if frame is not None and _is_vjp(frame):  # the operation whose rule runs is reported, not those of the rule
            forward_location[node] = forward_location.get(frame.f_locals["self"], UNKNOWN)
            return
        forward_location[node] = _location(frame)
        if self.check_nan and node.op_name not in CONSTANT_OPS and _non_finite(out) and not any(map(_non_finite, inputs)):
            raise RuntimeError(self._report(node, "forward", inputs, out))

    def backward(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:
        """Look at what a node made of its cotangent."""
        arrived = tuple(cotangent.values.values()) if isinstance(cotangent, OutputCotangents) else (cotangent,)
        if not self.check_nan or any(_non_finite(part) for part in arrived):
            return
        for k, g in enumerate(in_cotangents):
            if g is not None and _non_finite(g):
                raise RuntimeError(self._report(node, f"backward (gradient {k})", _saved(node), g))

    def root(self, output: Tensor) -> None:
        """Look at what backward is called on."""
        if self.check_nan and _non_finite(output):
            raise RuntimeError(
                f"backward was called on a result that is not finite, {output.detach()!r}: the inputs of the computation "
                "were not finite in the first place, or anomaly mode did not see it"
            )

    def _report(self, node: Node, where: str, inputs: Sequence[Any], found: Any) -> str:
        name = f"<{node.op_name}Backward>" if node.user_defined else node.op_name
        values = _values(found)
        first = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        lines = [
            f"{name} returned {'nan' if np.isnan(values[first]) else 'inf'} values in its {where} at index {first}.",
            f"It was called in {forward_location.get(node, UNKNOWN)}",
        ]
        for k, x in enumerate(inputs):
            array = _values(x)
            if array.shape == values.shape or not array.ndim:
                shown = f"{array[first if array.ndim else ()]} at this index"
            else:
                shown = f"from {array.min()} to {array.max()}" if array.size else "empty"
            lines.append(f"Its value {k}, of shape {list(array.shape)}: {shown}")
        if name in KNOWN_CAUSES:
            lines.append(f"Known cause: {KNOWN_CAUSES[name]}.")
        if np.isnan(values[first]) and where != "forward":
            lines.append(
                "A cotangent of 0 times a slope of inf is NaN. If where() discards this branch, put a harmless number in "
                "before the function: where(c, f(where(c, x, 1)), 0)."
            )
        return "\n".join(lines)


def _values(x: Any) -> np.ndarray[Any, np.dtype[Any]]:
    return x.array if isinstance(x, Tensor) else np.asarray(x)


def _non_finite(x: Any) -> bool:
    """Return whether floating-point numbers are not all finite; what is no number at all is not broken."""
    array = _values(x)
    return array.dtype.kind == "f" and not np.isfinite(array).all()


def _saved(node: Node) -> list[Any]:
    residuals = node.residuals if isinstance(node, PrimitiveNode) else None
    return [x for x in residuals or () if isinstance(x, np.ndarray)]


def _is_vjp(frame: FrameType) -> bool:
    """Return whether a node applies its vjp in this frame."""
    return frame.f_code.co_name == "vjp" and isinstance(frame.f_locals.get("self"), Node)


def _caller() -> FrameType | None:
    """Return the frame in which a node applies its vjp or, if there is none, the innermost that is not minigrad's own."""
    user = None
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_vjp(frame):
        if user is None and not frame.f_code.co_filename.startswith(PACKAGE_DIR):
            user = frame
        frame = frame.f_back
    return frame or user


def _location(frame: FrameType | None) -> str:
    if frame is None:
        return UNKNOWN
    summary = traceback.extract_stack(frame, limit=1)[-1]
    return f"{summary.filename}:{summary.lineno}, in {summary.name}: {summary.line}"


class detect_anomaly:
    """Find the first NaN or inf: a context manager for the forward and backward computation.

    Inside, the first recorded operation that makes NaN or inf out of finite numbers, forward or backward, raises an error
    which names the operation, the line of the program that called it, its values, and the known cause with its remedy.
    Deliberately stricter than torch, which looks at gradients only and lets a NaN loss pass.

    Args:
        check_nan: If False, only the lines are remembered, and nothing is raised.

    >>> import minigrad
    >>> x = minigrad.tensor([4.0, 0.0], requires_grad=True)
    >>> with detect_anomaly():
    ...     x.sqrt().sum().backward()
    Traceback (most recent call last):
    ...
    RuntimeError: sqrt returned inf values in its backward (gradient 0) at index (1,).
    ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._detector = AnomalyDetector(check_nan)
        self._previous: list[Any] = []

    def __enter__(self) -> None:
        self._previous.append(thread.state.observer)
        thread.state.observer = self._detector

    def __exit__(self, *exception: object) -> None:
        thread.state.observer = self._previous.pop()


class set_detect_anomaly(detect_anomaly):
    """Switch anomaly mode on or off at once and, used as a context manager, until the end of the block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        self._previous.append(thread.state.observer)
        thread.state.observer = self._detector if mode else None

    def __enter__(self) -> None:
        """The switch was made when the object was."""

    def __exit__(self, *exception: object) -> None:
        thread.state.observer = self._previous[0]


def is_anomaly_enabled() -> bool:
    """Return whether the current thread is watched."""
    return thread.state.observer is not None
