"""Gradient clipping, and all parameters as one vector."""

from collections.abc import Iterable

import numpy as np

from minigrad.arguments import explain_errors
from minigrad.autodiff import next_sequence_nr
from minigrad.autograd.grad import as_list
from minigrad.combining import cat
from minigrad.creation import zeros
from minigrad.grad_mode import call_numpy
from minigrad.primitive import Array
from minigrad.tensor import Tensor, wrap

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """Scale all gradients in place by the factor min(1, max_norm / (norm + 1e-6)). Equals torch's function.

    The norm is that of all gradients together, as one vector.

    Args:
        parameters: The parameters; those without a gradient are ignored.
        max_norm: The norm after clipping is at most this, which is at least 0.
        norm_type: The order p of the norm; inf for the largest absolute value.
        error_if_nonfinite: Raise if the norm is NaN or infinite. Otherwise NaN and inf spread to all gradients.

    Returns:
        The norm before clipping, a 0-d tensor.

    Raises:
        RuntimeError: The norm is not finite, and error_if_nonfinite is set; no gradient is changed then.
        ValueError: max_norm is NaN or less than 0.
    """
    bound = _checked_bound("max_norm", max_norm)
    grads = _gradients(parameters)
    if not grads:
        return zeros(())
    order = float(norm_type)
    total = call_numpy(_clip_norm, bound, order, error_if_nonfinite, *grads, writes=grads)
    for g in grads:
        g.version.last_write = next_sequence_nr()
    return wrap(total)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients of parameters that have one."""
    try:
        return [p.grad for p in as_list(parameters) if p.grad is not None]
    except AttributeError as error:
        raise TypeError("the parameters must be Tensors") from error


def _checked_bound(name: str, value: float) -> float:
    try:
        bound = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise TypeError(f"{name} must be float, not {type(value).__name__}") from error
    if not bound >= 0:
        raise ValueError(f"{name} must be at least 0, but got {value}")
    return bound


def _clip_norm(max_norm: float, order: float, error_if_nonfinite: bool, *grads: Array) -> Array:
    """Scale gradients in place, and return their norm before."""
    norms = [np.linalg.norm(g.reshape(-1), order) if g.size else 0.0 for g in grads]
    dtype = np.result_type(*(g.dtype for g in grads))
    total = np.array(np.linalg.norm(np.array(norms, dtype), order), dtype)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    factor = max_norm / (total.item() + 1e-6)
    if not factor >= 1:
        for g in grads:
            np.multiply(g, factor, out=g)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Clip every element of the gradients to the interval from -clip_value to clip_value, in place.

    Args:
        parameters: The parameters; those without a gradient are ignored.
        clip_value: The bound, at least 0.

    Raises:
        ValueError: The bound is NaN or less than 0.
    """
    bound = _checked_bound("clip_value", clip_value)
    for g in _gradients(parameters):
        g.write(call_numpy(np.clip, g, -bound, bound))


@explain_errors
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of all parameters as one vector; gradients flow through it."""
    return cat([p.reshape(-1) for p in parameters])


@explain_errors
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the values of a vector into parameters: the inverse of `parameters_to_vector`.

    Unlike torch's, the parameters do not become views of the vector.

    Raises:
        TypeError: vec is not a Tensor.
        ValueError: The vector does not have as many elements as the parameters; nothing is changed then.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    targets = list(parameters)
    count = sum(p.array.size for p in targets)
    if vec.array.shape != (count,):
        raise ValueError(f"the vector has shape {list(vec.array.shape)}, but the parameters have {count} elements")
    start = 0
    for p in targets:
        stop = start + p.array.size
        p.write(vec.array[start:stop].reshape(p.array.shape))
        start = stop
