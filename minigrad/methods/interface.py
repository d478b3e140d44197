"""How one definition becomes a method, an in-place method and a function.

A public primitive, such as `exp`, is defined once, in `minigrad.ops`; `PrimitiveMethods` makes it the method ``x.exp()``.
A method that is more than a primitive, such as `sum`, is defined once, in one of the classes of this package that `FAMILIES`
lists. Of both, `InPlaceForms` has the in-place forms, ``x.exp_()``, and `minigrad.functions` the functions,
``minigrad.exp(x)``. All this is made at import; for type checkers and editors, ``python -m tests.stubs`` writes it down.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Sequence
from functools import update_wrapper
from inspect import Parameter, Signature
from operator import index
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from minigrad.autodiff import TensorBase
from minigrad.backend import current
from minigrad.dtypes import can_cast
from minigrad.primitive import Primitive
from minigrad.promotion import as_operand

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def has_in_place(method: F) -> F:
    """Mark a method that has an in-place form."""
    method.__dict__["has_in_place"] = True
    return method


def method_only(method: F) -> F:
    """Mark a method that is not a function too."""
    method.__dict__["method_only"] = True
    return method


def scalar_input(method: F) -> F:
    """Mark a method whose function takes a scalar as the first argument, if the other is a tensor."""
    method.__dict__["scalar_input"] = True
    return method


def require_tensor(operand: T, caller: str, name: str = "other") -> T:
    """Return an operand that must be a tensor, as in torch.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(operand, TensorBase):
        raise TypeError(f"{caller}(): argument '{name}' must be Tensor, not {type(operand).__name__}")
    return operand


def integer(value: Any, caller: str, name: str) -> int:
    """Return an integer; unlike `operator.index` it is no boolean, as in torch.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{caller}(): argument '{name}' must be int, not {type(value).__name__}")
    return index(value)


# --------------------------------------------------------------------------------------------------- a primitive as a method


def method_of(op: Primitive) -> Any:
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

    method.__name__, method.__qualname__, method.__module__ = op.name, f"Tensor.{op.name}", op.__module__
    method.__doc__, method.__signature__ = op.forward.__doc__, method_signature(op)
    method.has_in_place, method.scalar_input = op.in_place, not op.differentiable
    return method


def method_signature(op: Primitive) -> Signature:
    """Return the signature of a public primitive as a method."""
    names = ["other"] if len(op.inputs) == 2 else op.inputs[1:]
    annotation = "Self" if op.differentiable else "Operand"
    operands = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=annotation) for name in names]
    keywords = [p for p in op.__signature__.parameters.values() if p.kind is p.KEYWORD_ONLY]
    this = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([this, *operands, *keywords], return_annotation="Self")


# --------------------------------------------------------------------------------------------- a method as an in-place method


def in_place_form(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the form of a method that puts the result into the memory of self, and returns self.

    It raises what the method raises, and RuntimeError if the result does not fit in shape or dtype, or if self is a leaf that
    requires a gradient and recording is on. Self is unchanged then.
    """

    def in_place_method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.apply_in_place(method, *args, **kwargs)

    update_wrapper(in_place_method, method)
    name = method.__name__.strip("_")
    in_place_method.__name__ = f"__i{name}__" if method.__name__.startswith("__") else f"{name}_"
    in_place_method.__qualname__ = f"Tensor.{in_place_method.__name__}"
    in_place_method.__doc__ = f"In-place version of `{name}`: the result goes into the memory of self, which is returned."
    return in_place_method


def in_place_forms(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the in-place forms, by name, of those methods of a class that are marked to have one."""
    forms = [in_place_form(method) for method in vars(cls).values() if getattr(method, "has_in_place", False)]
    return {form.__name__: form for form in forms}


# ----------------------------------------------------------------------------------------------------- a method as a function


def function_of(method: Callable[..., Any], module: str, takes_out: bool = False) -> Any:
    """Return a method as a function of a module, whose first argument is called `input`.

    Anything else than a tensor is a TypeError, unless the method is marked as one that takes a scalar beside a tensor. With
    `takes_out` there is an argument `out`, see `write_out`.
    """
    name, takes_scalar = method.__name__, getattr(method, "scalar_input", False)
    signature = inspect.signature(method)
    this, *others = signature.parameters.values()
    call: Any

    def refusal(given: Any) -> TypeError:
        return TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(given).__name__}")

    def finish(result: Any, out: Any) -> Any:
        if out is not None and not takes_out:
            raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
        return result if out is None else write_out(name, result, out)

    if not others:

        def call(input: Any, *, out: Any = None) -> Any:
            if not isinstance(input, TensorBase):
                raise refusal(input)
            return finish(method(input), out)
    else:

        def call(input: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
            if not isinstance(input, TensorBase):
                tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, TensorBase)]
                if not (takes_scalar and tensors and isinstance(input, int | float)):
                    raise refusal(input)
                input = as_operand(input, tensors[0])  # noqa: A001
            return finish(method(input, *args, **kwargs), out)

    first = this.replace(name="input", annotation="Tensor | float" if takes_scalar else "Tensor")
    parameters = [first, *(p.replace(annotation=function_annotation(p.annotation)) for p in others)]
    if takes_out:
        parameters.append(Parameter("out", Parameter.KEYWORD_ONLY, default=None, annotation="Any"))
    result = function_annotation(signature.return_annotation)
    call.__name__, call.__qualname__, call.__module__ = name, name, module
    call.__doc__, call.__signature__ = method.__doc__, Signature(parameters, return_annotation=result)
    return call


def write_out(name: str, result: Any, out: Any) -> Any:
    """Put a result into the tensor, or the results into the tensors, of the argument `out`, and return that.

    A tensor of another shape is given the shape; if it is not empty, torch's warning is shown.

    Raises:
        TypeError: `out` is not a tensor, or not as many as there are results.
        RuntimeError: A gradient is required, or the dtype of the result does not fit.
    """
    if isinstance(result, tuple):
        if not isinstance(out, Sequence) or len(out) != len(result):
            raise TypeError(f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors")
        return type(result)(*(write_out(name, y, o) for y, o in zip(result, out, strict=True)))
    if require_tensor(out, name, "out").requires_grad or result.requires_grad:
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad."
        )
    if not can_cast(result.array.dtype, out.array.dtype):
        raise RuntimeError(f"{name}: result type {result.dtype} can't be cast to the desired output type {out.dtype}")
    if out.array.shape != result.array.shape:
        if out.array.size:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not match "
                f"the required output shape {list(result.shape)}",
                UserWarning,
                stacklevel=3,
            )
        out.array = np.empty(result.array.shape, out.array.dtype)
    return out.write(result.array)


def function_annotation(annotation: str) -> str:
    """Return the annotation of a method as that of a function."""
    return re.sub(r"\bSelf\b", "Tensor", annotation)


def function_methods(cls: type) -> list[FunctionType]:
    """Return the methods of a class that are functions too."""
    methods = [method for name, method in vars(cls).items() if isinstance(method, FunctionType) and name[0] != "_"]
    return [method for method in methods if not method.__name__.endswith("_") and not hasattr(method, "method_only")]
