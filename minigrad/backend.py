"""The extension point: another way to apply operations and to update parameters can be put in here, as a whole.

`minigrad.fastpath` is such a backend: it computes the same numbers sooner. Without one, everything is done in the plain way
that `minigrad.autodiff` and `minigrad.optim.optimizer` show.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from minigrad.autodiff import apply, backward_pass, make_node
from minigrad.dtypes import unwrap_scalar
from minigrad.grad_mode import thread
from minigrad.ops.shape import cast
from minigrad.primitive import Primitive
from minigrad.promotion import HALF, as_operand, promote

T = TypeVar("T")


def completed(op: Primitive, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return all keyword arguments of a primitive, given some of them."""
    if not attributes:
        return op.defaults
    attributes = {**op.defaults, **{name: unwrap_scalar(value) for name, value in attributes.items()}}
    if complex in map(type, attributes.values()):
        raise TypeError(f"{op.name}: complex numbers are not supported")
    return attributes


class Backend:
    """The plain way, and the interface of others."""

    make_node = staticmethod(make_node)
    backward_pass = staticmethod(backward_pass)
    as_operand = staticmethod(as_operand)

    def apply(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """Apply a primitive to operands, at least one of them a tensor."""
        attributes = completed(op, attributes)
        observer = thread.state.observer
        if observer is not None:
            observer.tell("before_op", op, inputs, attributes)
        operands, was_half = promote(op, inputs)
        if observer is not None:
            observer.tell("after_promotion", inputs, operands)
        result = apply(op, operands, attributes, self.make_node)
        if was_half and result.array.dtype.kind == "f":
            result = apply(cast, (result,), {"dtype": HALF}, self.make_node)
        if observer is not None:
            observer.tell("after_op", op, inputs, attributes, result)
        return result

    def unary(self, op: Primitive, x: T) -> T:
        """Apply a primitive to one tensor."""
        return self.apply(op, (x,), {})

    def binary(self, op: Primitive, a: T, b: Any) -> T:
        """Apply a primitive to two operands, at least one of them a tensor."""
        return self.apply(op, (a, b), {})

    def optimizer_step(self, optimizer: Any) -> bool:
        """Update every parameter of an optimizer that has a gradient, and return True; or leave it to the optimizer."""
        return False


class _Current:
    backend = Backend()


current = _Current()
"""Holds the backend in use."""


def get_backend() -> Backend:
    """Return the backend in use."""
    return current.backend


def set_backend(backend: Backend) -> Backend:
    """Use another backend from now on, in all threads; return the one before."""
    previous, current.backend = current.backend, backend
    return previous
