"""Operations on tensors, with less to decide at each.

`Dispatch` computes what `minigrad.autodiff.apply` does, and records the same residuals. It only skips what is not needed for
tensors of one dtype that suits the primitive: promotion, and loops over the operands, which are written out in a function
for each primitive.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy import asarray

from minigrad import errors
from minigrad.autodiff import Node, Parents, TensorBase, Version, make_node
from minigrad.backend import Backend, completed, get_backend
from minigrad.dtypes import NumpyDtype
from minigrad.fastpath.nodes import backward_pass, compile_node
from minigrad.grad_mode import thread
from minigrad.primitive import NUMPY_ERRORS, Linearization, Primitive, compile_functions
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


def apply_plainly(op: Primitive, *inputs: Any, **attributes: Any) -> Any:
    """Apply a primitive to operands of any dtypes, while somebody observes or not."""
    return Backend.apply(get_backend(), op, inputs, attributes)


def compile_application(op: Primitive) -> Callable[..., Any]:
    """Return a function that applies a primitive to its input tensors, followed by a mapping of all keyword arguments."""
    functions = {x.__name__: x for x in (apply_plainly, asarray, compile_node, Tensor, Version)}
    parts = {"op": op, "ufunc": op.ufunc, "forward": op.forward, "linearizations": op.linearizations}
    others = {"NUMPY_ERRORS": NUMPY_ERRORS, "errors": errors, "new": Tensor.__new__, "thread": thread}
    names = {**functions, **parts, **others}
    op.application = compile_functions(op, application_source(op), "application", names)["application"]
    return op.application


def application_source(op: Primitive) -> str:
    """Return the source of the function that applies a primitive.

    For `mul` it is

        def application(a, b, attributes):
            state = thread.state
            if not (state.observer is None and a.array.dtype is b.array.dtype):
                return apply_plainly(op, a, b, **attributes)
            try:
                out = state.in_operation(ufunc, a.array, b.array, out=...)
            except NUMPY_ERRORS as error:
                raise errors.from_numpy_error('mul', (a.array, b.array), error) from error
            except RuntimeError as error:
                with state.reentrant(error):
                    return application(a, b, attributes)
            result = new(Tensor)
            result.array, result.version = out, Version()
            if state.grad_enabled:
                vertex_a = a.vertex() if a._base is not None else a.node or (a if a._requires_grad else None)
                vertex_b = b.vertex() if b._base is not None else b.node or (b if b._requires_grad else None)
                if vertex_a is not None or vertex_b is not None:
                    linearization = linearizations[vertex_a is not None, vertex_b is not None, ]
                    make_node = linearization.make_node or compile_node(linearization)
                    result.node = make_node(a, b, vertex_a, vertex_b, result, attributes)
            return result

    with `vertex` written out for tensors that are not views.
    """
    inputs = ", ".join(op.inputs)
    arrays = ", ".join(f"{name}.array" for name in op.inputs)
    suitable = ["state.observer is None"]
    if len(op.inputs) > 1:
        suitable.append(" is ".join(f"{name}.array.dtype" for name in op.inputs))
    if op.wide:
        suitable.append(f"{op.inputs[0]}.array.dtype.char in 'fd'")
    if op.ufunc is not None and not op.defaults:
        compute = f"state.in_operation(ufunc, {arrays}, out=...)"
    else:
        attributes = ", **attributes" if op.defaults else ""
        compute = f"asarray(state.in_operation(forward, {arrays}{attributes}), None, {op.order!r})"
    vertices = [
        f"vertex_{x} = {x}.vertex() if {x}._base is not None else {x}.node or ({x} if {x}._requires_grad else None)"
        for x in op.inputs
    ]
    required = [f"vertex_{name} is not None" for name in op.inputs]
    return f"""\
def application({inputs}, attributes):
    state = thread.state
    if not ({" and ".join(suitable)}):
        return apply_plainly(op, {inputs}, **attributes)
    try:
        out = {compute}
    except NUMPY_ERRORS as error:
        raise errors.from_numpy_error({op.name!r}, ({arrays}, ), error) from error
    except RuntimeError as error:
        with state.reentrant(error):
            return application({inputs}, attributes)
    result = new(Tensor)
    result.array, result.version = out, Version()
    {f"result.become_view_of({op.inputs[0]}, op, attributes)" if op.is_view else ""}
    if {"state.grad_enabled" if op.differentiable else "False"}:
        {"; ".join(vertices)}
        if {" or ".join(required)}:
            linearization = linearizations[{", ".join(required)}, ]
            make_node = linearization.make_node or compile_node(linearization)
            result.node = make_node({inputs}, {", ".join(f"vertex_{name}" for name in op.inputs)}, result, attributes)
    return result
"""


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
        return (linearization.make_node or compile_node(linearization))(*inputs, *parents, out, attributes)

    def apply(self, op: Primitive, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        """Apply a primitive to operands, at least one of them a tensor."""
        if op.variadic or len(inputs) != len(op.inputs):
            return super().apply(op, inputs, attributes)
        for x in inputs:
            if not isinstance(x, TensorBase):
                return super().apply(op, inputs, attributes)
        return (op.application or compile_application(op))(*inputs, completed(op, attributes))

    def unary(self, op: Primitive, x: Any) -> Any:
        """Apply a primitive to one tensor."""
        return (op.application or compile_application(op))(x, op.defaults)

    def binary(self, op: Primitive, a: Any, b: Any) -> Any:
        """Apply a primitive to two operands, at least one of them a tensor."""
        if not isinstance(b, TensorBase):
            if a.array.dtype is HALF:
                return super().apply(op, (a, b), {})
            b = constant(float(b) if op.floating and isinstance(b, int) else b, a)
        return (op.application or compile_application(op))(a, b, op.defaults)
