"""The public primitives as methods: ``x.exp()``. Type checkers read ``primitive_methods.pyi``, see `minigrad.stubs`."""

from __future__ import annotations

from inspect import Parameter, Signature
from types import FunctionType
from typing import Any

import minigrad.ops  # noqa: F401 - defines the primitives
from minigrad.backend import current
from minigrad.methods.conversion import ConversionMethods
from minigrad.methods.interface import require_tensor
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

    method.__signature__ = signature_of_method(op)
    method.__name__, method.__qualname__, method.__module__ = op.name, f"Tensor.{op.name}", op.__module__
    method.__doc__ = op.forward.__doc__
    method.has_in_place, method.scalar_input = op.in_place, not op.differentiable
    return method  # type: ignore[no-any-return]


def signature_of_method(op: Primitive) -> Signature:
    """Return the signature of a public primitive as a method."""
    names = ["other"] if len(op.inputs) == 2 else op.inputs[1:]
    annotation = "Self" if op.differentiable else "Operand"
    operands = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation) for name in names]
    keywords = [p for p in op.__signature__.parameters.values() if p.kind is p.KEYWORD_ONLY]
    this = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([this, *operands, *keywords], return_annotation="Self")


PrimitiveMethods: type[ConversionMethods] = type(
    "PrimitiveMethods",
    (ConversionMethods,),
    {
        "__doc__": "exp, maximum and the other public primitives.",
        "__module__": __name__,
        **{op.name: method_of(op) for op in primitives.values() if op.public},
    },
)
