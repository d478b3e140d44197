"""Anomaly mode: who made the first NaN?"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.autodiff import Cotangent, Node, PrimitiveNode
from minigrad.autograd.observer import LineRecorder, Observer, locations, observe, observers, stop, visited_node
from minigrad.multi_output import OutputCotangents
from minigrad.primitive import Array
from minigrad.tensor import Tensor

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
}


DIVERGENCE = (
    "overflow of values that are large already, as when training diverges: use a smaller learning rate, scale the inputs, or "
    "clip the gradients with nn.utils.clip_grad_norm_"
)

LARGE = 0.4
"""A value is large from this power of the greatest value of its dtype on: in float32 from 3e15."""


ALL_PAIRS = (
    "a difference of shapes (N, 1) and (N,) is (N, N): each prediction is compared with every target. Make the shapes equal, "
    "with target.reshape(prediction.shape)"
)


def compares_all_pairs(node: Node, inputs: Sequence[Array]) -> bool:
    """Return whether a prediction of shape (N, 1) is compared with a target of shape (N,), or the other way round.

    The prediction requires a gradient and the target does not: distances within a set of points are none of the kind.
    """
    n = max(x.size for x in inputs)
    return node.op_name == "sub" and None in node.parents and n > 1 and {x.shape for x in inputs} == {(n,), (n, 1)}


class AnomalyDetector(LineRecorder):
    """Looks at every result and every cotangent of the current thread, and raises at the first that is not finite."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan

    def recorded(self, node: Node, inputs: Sequence[Array], out: Array) -> None:
        """Look at a result; of the operation whose rule is running, backward looks at the result."""
        super().recorded(node, inputs, out)
        if self.check_nan and compares_all_pairs(node, inputs):
            warnings.warn(f"{ALL_PAIRS}: {locations.get(node, UNKNOWN)}", stacklevel=2)
        if not self.check_nan or node.op_name in CONSTANT_OPS or visited_node() is not None:
            return
        if _non_finite(out) and not any(map(_non_finite, inputs)):
            raise RuntimeError(self._report(node, "forward", inputs, out))

    def after_vjp(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:
        """Look at what a node made of its cotangent."""
        arrived = tuple(cotangent.values.values()) if isinstance(cotangent, OutputCotangents) else (cotangent,)
        if not self.check_nan or any(_non_finite(part) for part in arrived):
            return
        for k, g in enumerate(in_cotangents):
            if g is not None and _non_finite(g):
                raise RuntimeError(self._report(node, f"backward (gradient {k})", _saved(node), g))

    def before_root(self, output: Tensor) -> None:
        """Look at what backward is called on."""
        if self.check_nan and _non_finite(output):
            raise RuntimeError(
                f"backward was called on a result that is not finite, {output.detach()!r}: the inputs of the computation "
                "were not finite in the first place, or anomaly mode did not see it. A parameter that is not finite was made "
                "so by the step before: use a smaller learning rate"
            )

    def _report(self, node: Node, where: str, inputs: Sequence[Any], found: Any) -> str:
        name = f"<{node.op_name}Backward>" if node.user_defined else node.op_name
        values = _values(found)
        first = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        lines = [
            f"{name} returned {'nan' if np.isnan(values[first]) else 'inf'} values in its {where} at index {first}.",
            f"It was called in {locations.get(node, UNKNOWN)}",
        ]
        for k, x in enumerate(inputs):
            array = _values(x)
            if array.shape == values.shape or not array.ndim:
                shown = f"{array[first if array.ndim else ()]} at this index"
            else:
                shown = f"from {array.min()} to {array.max()}" if array.size else "empty"
            lines.append(f"Its value {k}, of shape {list(array.shape)}: {shown}")
        cause = DIVERGENCE if any(map(_is_large, inputs)) else KNOWN_CAUSES.get(name)
        if cause is not None:
            lines.append(f"Known cause: {cause}.")
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


def _is_large(x: Any) -> bool:
    """Return whether some floating-point numbers are large."""
    array = _values(x)
    return array.dtype.kind == "f" and bool((abs(array) > float(np.finfo(array.dtype).max) ** LARGE).any())


def _saved(node: Node) -> list[Any]:
    residuals = node.residuals if isinstance(node, PrimitiveNode) else None
    return [x for x in residuals or () if isinstance(x, np.ndarray)]


class detect_anomaly:
    """Find the first NaN or inf: a context manager for the forward and backward computation.

    Inside, the first recorded operation that makes NaN or inf out of finite numbers, forward or backward, raises an error
    which names the operation, the line of the program that called it, its values, and the known cause with its remedy: for
    large values that overflow, a smaller learning rate.
    Deliberately stricter than torch, which looks at gradients only and lets a NaN loss pass.

    There is a UserWarning of a loss that broadcasts by mistake, such as ``(prediction - target) ** 2`` of shapes ``(N, 1)``
    and ``(N,)``, which `nn.functional.mse_loss` refuses.

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
        self._previous: list[Sequence[Observer]] = []

    def __enter__(self) -> None:
        self._previous.append(replace_detectors([self._detector]))

    def __exit__(self, *exception: object) -> None:
        replace_detectors(self._previous.pop())


class set_detect_anomaly(detect_anomaly):
    """Switch anomaly mode on or off at once and, used as a context manager, until the end of the block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        self._previous.append(replace_detectors([self._detector] if mode else []))

    def __enter__(self) -> None:
        """The switch was made when the object was."""

    def __exit__(self, *exception: object) -> None:
        replace_detectors(self._previous[0])


def detectors() -> Sequence[Observer]:
    """Return the detectors that observe the current thread."""
    return [observer for observer in observers() if isinstance(observer, AnomalyDetector)]


def replace_detectors(new: Sequence[Observer]) -> Sequence[Observer]:
    """Let these detectors observe the current thread, and no others; return those that did before."""
    previous = detectors()
    for detector in previous:
        stop(detector)
    for detector in new:
        observe(detector)
    return previous


def is_anomaly_enabled() -> bool:
    """Return whether anomaly mode is on in the current thread."""
    return bool(detectors())
