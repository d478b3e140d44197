"""torch's functions that are also methods: ``exp(x)`` is ``x.exp()``, and the method does it.

There is one for each public method of `FAMILIES` that is not marked as a method only. Type checkers read
``functions.pyi``, which `minigrad.stubs` writes.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

from minigrad.methods.families import FAMILIES
from minigrad.methods.interface import public_methods
from minigrad.promotion import as_operand
from minigrad.tensor import Tensor


def function_methods() -> Iterator[Callable[..., Any]]:
    """Yield the methods that are functions too."""
    for family in FAMILIES:
        for method in public_methods(family):
            if not method.__name__.endswith("_") and not hasattr(method, "method_only"):
                yield method
    yield from (Tensor.clone, Tensor.is_floating_point, Tensor.numel)


def function_of(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method as a function, whose first argument is called `input`.

    Anything else than a tensor is a TypeError, unless the method is marked as one that takes a scalar beside a tensor.
    """
    name, scalar_input = method.__name__, getattr(method, "scalar_input", False)
    signature = inspect.signature(method)
    call: Callable[..., Any]

    def refusal(given: Any) -> TypeError:
        return TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(given).__name__}")

    if len(signature.parameters) == 1:

        def call(input: Any) -> Any:
            if not isinstance(input, Tensor):
                raise refusal(input)
            return method(input)
    else:

        def call(input: Any, *args: Any, **kwargs: Any) -> Any:
            if not isinstance(input, Tensor):
                tensors = [x for x in (*args, *kwargs.values()) if isinstance(x, Tensor)]
                if not (scalar_input and tensors and isinstance(input, int | float)):
                    raise refusal(input)
                input = as_operand(input, tensors[0])
            return method(input, *args, **kwargs)

    this, *others = signature.parameters.values()
    input = this.replace(name="input", annotation="Tensor | float" if scalar_input else "Tensor")
    parameters = [input, *(p.replace(annotation=in_function(p.annotation)) for p in others)]
    call.__name__, call.__qualname__, call.__doc__ = name, name, method.__doc__
    call.__dict__["__signature__"] = inspect.Signature(parameters, return_annotation=in_function(signature.return_annotation))
    return call


def in_function(annotation: str) -> str:
    """Return the annotation of a method as that of a function."""
    return re.sub(r"\bSelf\b", "Tensor", annotation)


_functions = {method.__name__: function_of(method) for method in function_methods()}
globals().update(_functions)
__all__ = sorted(_functions)
