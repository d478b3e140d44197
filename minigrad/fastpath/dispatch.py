"""Operations on one or two operands, with less to decide at each.

`Dispatch` computes what `minigrad.autodiff.apply` does, and records the same residuals. It only skips what is not needed for
tensors of one dtype that suits the primitive: promotion, and loops over the operands.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy import asarray

from minigrad import errors
from minigrad.autodiff import Node, Parents, TensorBase, Version, make_node
from minigrad.backend import Backend
from minigrad.dtypes import NumpyDtype
from minigrad.fastpath.nodes import backward_pass, compile_node
from minigrad.grad_mode import thread
from minigrad.primitive import NUMPY_ERRORS, Linearization, Primitive
from minigrad.promotion import HALF, as_operand
from minigrad.tensor import Tensor

MAX_CONSTANTS = 1024
constants: dict[tuple[float, NumpyDtype], Any] = {}
"""Numbers that were operands of tensors of a floating-point dtype, as tensors: to make one takes longer than to add it."""


def constant(value: Any, like: Any) -> Any:
    """Return an operand as a tensor, see `as_operand`. That of a number is kept for the next time, while nobody observes."""
    dtype = like.array.dtype
    if type(value) not in (float, int) or dtype.kind != "f" or thread.state.observer is not None:
        return as_operand(value, like)
    if value == 0 or value != value:  # zeros of either sign are equal, NaN is not equal to itself
        return as_operand(value, like)
    operand = constants.get((value, dtype))
    if operand is None:
        operand = as_operand(value, like)
        operand.array.flags.writeable = False
        if len(constants) >= MAX_CONSTANTS:
            constants.clear()
        constants[value, dtype] = operand
    return operand


class Dispatch(Backend):
    """The fast lane for operations."""

    backward_pass = staticmethod(backward_pass)
    as_operand = staticmethod(constant)

    @staticmethod
    def make_node(
        inputs: Any, parents: Parents, linearization: Linearization, out: Any, attributes: Mapping[str, Any]
    ) -> Node:
        """Return the node of a result of a primitive."""
        if linearization.op.variadic:
            return make_node(inputs, parents, linearization, out, attributes)
        return (linearization.make_node or compile_node(linearization))(inputs, parents, out, attributes)

    def apply(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """Apply a primitive to operands, at least one of them a tensor."""
        if len(inputs) == 2 and not (attributes or op.variadic or op.is_view):
            a, b = inputs
            if isinstance(a, TensorBase) and isinstance(b, TensorBase):
                return self.binary(op, a, b)
        return super().apply(op, inputs, attributes)

    def unary(self, op: Primitive, x: Any) -> Any:
        """Apply a primitive to one tensor."""
        array, state = x.array, thread.state
        if state.observer is not None or (op.wide and array.dtype.char not in "fd"):
            return super().apply(op, (x,), {})
        try:
            if op.ufunc is not None:
                out = state.in_operation(op.ufunc, array, out=...)
            else:
                out = asarray(state.in_operation(op.forward, array), None, op.order)
        except NUMPY_ERRORS as error:
            raise errors.from_numpy_error(op.name, (array,), error) from error
        except RuntimeError as error:
            with state.reentrant(error):
                return self.unary(op, x)
        result = Tensor.__new__(Tensor)
        result.array = out
        result.version = Version()
        if state.grad_enabled and op.differentiable:
            vertex = x.vertex()
            if vertex is not None:
                linearization = op.linearizations[True,]
                make = linearization.make_node or compile_node(linearization)
                result.node = make((x,), (vertex,), result, op.defaults)
        return result

    def binary(self, op: Primitive, a: Any, b: Any) -> Any:
        """Apply a primitive to two operands, at least one of them a tensor."""
        if not isinstance(b, TensorBase):
            if a.array.dtype is HALF:
                return super().apply(op, (a, b), {})
            b = constant(float(b) if op.floating and isinstance(b, int) else b, a)
        x, y, state = a.array, b.array, thread.state
        if state.observer is not None or x.dtype is not y.dtype or (op.wide and x.dtype.char not in "fd"):
            return super().apply(op, (a, b), {})
        try:
            if op.ufunc is not None:
                out = state.in_operation(op.ufunc, x, y, out=...)
            else:
                out = asarray(state.in_operation(op.forward, x, y), None, op.order)
        except NUMPY_ERRORS as error:
            raise errors.from_numpy_error(op.name, (x, y), error) from error
        except RuntimeError as error:
            with state.reentrant(error):
                return self.binary(op, a, b)
        result = Tensor.__new__(Tensor)
        result.array = out
        result.version = Version()
        if state.grad_enabled and op.differentiable:
            # vertex(), written out for tensors that are not views
            first = a.vertex() if a._base is not None else a.node or (a if a._requires_grad else None)
            second = b.vertex() if b._base is not None else b.node or (b if b._requires_grad else None)
            if first is not None or second is not None:
                linearization = op.linearizations[first is not None, second is not None]
                make = linearization.make_node or compile_node(linearization)
                result.node = make((a, b), (first, second), result, op.defaults)
        return result
