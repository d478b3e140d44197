"""Operations on one or two operands, and vjps of scalars, with less to decide at each.

`Dispatch` computes what `minigrad.autodiff.apply` does, and records with the same `save` and `vjp` of the primitive. It only
skips what is not needed for tensors of one dtype that suits the primitive: promotion, and loops over the operands.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from numpy import asarray, generic

from minigrad import errors
from minigrad.autodiff import Cotangent, Parents, PrimitiveNode, TensorBase, Version, Vertex, next_sequence_nr
from minigrad.backend import Backend
from minigrad.grad_mode import thread
from minigrad.primitive import NUMPY_ERRORS, Linearization, Primitive, Rule, compile_functions, residual_names
from minigrad.promotion import HALF, as_operand
from minigrad.tensor import Tensor


def compile_scalar_vjp(linearization: Linearization) -> Rule:
    """Return the vjp for a cotangent that is a NumPy scalar, and keep it with the linearization.

    It makes scalars of the saved arrays, and does without `unbroadcast`: without axes, nothing was broadcast.
    """
    op, cotangents = linearization.op, []
    arrays = (*op.inputs, "out")
    found = {name: f"saved[{k}]" + "[()]" * (name in arrays) for k, name in enumerate(linearization.residuals)}
    for (name, rule), flag in zip(op.rules.items(), linearization.wanted, strict=True):
        if rule is None or not flag:
            cotangents.append("None")
        else:
            cotangents.append(f"vjp_{name}({', '.join(['g', *(found[x] for x in residual_names(rule))])})")
    source = f"def vjp(g, saved):\n    return ({', '.join(cotangents)},)\n"
    vjp: Rule = compile_functions(op, source, "scalar")["vjp"]
    linearization.scalar_vjp = vjp
    return vjp


class FastNode(PrimitiveNode):
    """A node that computes with NumPy scalars where the cotangent is one: in a tenth of the time of 0-d arrays."""

    __slots__ = ()

    def __init__(self, parents: Parents, linearization: Linearization, residuals: Any, versions: Sequence[Version]) -> None:
        self.sequence_nr = next_sequence_nr()  # all in one constructor, which takes two thirds of the time
        self.parents = parents
        self.hooks = None
        self.linearization = linearization
        self.residuals = residuals
        self.versions = versions

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        residuals, sequence_nr = self.residuals, self.sequence_nr
        if needed is None and residuals is not None and not isinstance(cotangent, TensorBase):
            for version in self.versions:
                if version.last_write > sequence_nr:
                    break
            else:
                linearization = self.linearization
                if not isinstance(cotangent, generic):
                    return linearization.vjp(cotangent, *residuals)
                return (linearization.scalar_vjp or compile_scalar_vjp(linearization))(cotangent, residuals)
        return super().vjp(cotangent, needed)


class Dispatch(Backend):
    """The fast lane for operations."""

    node_class = FastNode

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
                result.node = FastNode((vertex,), linearization, *linearization.save((x,), result, op.defaults))
        return result

    def binary(self, op: Primitive, a: Any, b: Any) -> Any:
        """Apply a primitive to two operands, at least one of them a tensor."""
        if not isinstance(b, TensorBase):
            if a.array.dtype is HALF:
                return super().apply(op, (a, b), {})
            b = as_operand(float(b) if op.floating and isinstance(b, int) else b, a)
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
                result.node = FastNode((first, second), linearization, *linearization.save((a, b), result, op.defaults))
        return result
