"""The public primitives as methods: ``x.exp()``. Type checkers read ``primitive_methods.pyi``, which `minigrad.stubs` writes."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import minigrad.ops  # noqa: F401 - defines the primitives
from minigrad.backend import current
from minigrad.methods.autograd import AutogradMethods
from minigrad.methods.interface import require_tensor, with_in_place
from minigrad.primitive import Primitive, primitives


def method_of(op: Primitive) -> FunctionType:
    """Return a public primitive as a method.

    A second operand may be a scalar where nothing is differentiated: in comparisons and bitwise operations.
    """
    method: Any
    if len(op.inputs) == 1 and not op.defaults:

        def method(self: Any) -> Any:
            return current.backend.unary(op, self)
    elif len(op.inputs) == 2 and not op.defaults and op.differentiable:

        def method(self: Any, other: Any) -> Any:
            return current.backend.binary(op, self, require_tensor(other, op.name))
    elif len(op.inputs) == 2 and not op.defaults:

        def method(self: Any, other: Any) -> Any:
            return current.backend.binary(op, self, other)
    else:

        def method(self: Any, *others: Any, **attributes: Any) -> Any:
            return op(self, *others, **attributes)

    names = ["self", *(["other"] if len(op.inputs) == 2 else op.inputs[1:])]
    parameters = list(op.__signature__.parameters.values())
    parameters[: len(names)] = [p.replace(name=name) for p, name in zip(parameters, names, strict=False)]
    method.__name__, method.__qualname__, method.__module__ = op.name, f"Tensor.{op.name}", op.__module__
    method.__doc__ = op.forward.__doc__
    method.__signature__ = op.__signature__.replace(parameters=parameters)
    method.has_in_place, method.scalar_input = op.in_place, not op.differentiable
    return method  # type: ignore[no-any-return]


PrimitiveMethods: type[AutogradMethods] = with_in_place(
    type("PrimitiveMethods", (AutogradMethods,), {op.name: method_of(op) for op in primitives.values() if op.public})
)
