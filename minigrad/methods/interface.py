"""How one definition becomes a method, an in-place method and a function.

A public primitive, such as `exp`, is defined once, in `minigrad.ops`. `PrimitiveMethods` gives tensors the method ``x.exp()``.
A method that is more than a primitive, such as `Reductions.sum`, is defined once, in a class of this package. Of both,
`with_in_place` makes the in-place forms, ``x.exp_()``, and `minigrad.functions` the functions, ``minigrad.exp(x)``. What type
checkers see of all this is written to ``*.pyi`` files by ``python -m minigrad.stubs``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, TypeVar

from minigrad.autodiff import TensorBase

F = TypeVar("F", bound=Callable[..., Any])


def has_in_place(method: F) -> F:
    """Mark a method that has an in-place form."""
    method.has_in_place = True  # type: ignore[attr-defined]
    return method


def method_only(method: F) -> F:
    """Mark a method that is not a function too."""
    method.method_only = True  # type: ignore[attr-defined]
    return method


def scalar_input(method: F) -> F:
    """Mark a method whose function takes a scalar as the first argument, if the other is a tensor."""
    method.scalar_input = True  # type: ignore[attr-defined]
    return method


def require_tensor(operand: Any, caller: str, name: str = "other") -> Any:
    """Return an operand that must be a tensor, as in torch.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(operand, TensorBase):
        raise TypeError(f"{caller}(): argument '{name}' must be Tensor, not {type(operand).__name__}")
    return operand


def public_methods(cls: type) -> list[FunctionType]:
    """Return the methods that a class defines under public names."""
    return [m for name, m in vars(cls).items() if isinstance(m, FunctionType) and name[0] != "_"]


def in_place(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the form of a method that puts the result into the memory of self, and returns self.

    It raises what the method raises, and RuntimeError if the result does not fit in shape or dtype, or if self is a leaf that
    requires a gradient and recording is on. Self is unchanged then.
    """

    def in_place_method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        return self.apply_in_place(method, *args, **kwargs)

    update_wrapper(in_place_method, method)
    name = method.__name__.strip("_")
    in_place_method.__name__ = f"__i{name}__" if method.__name__.startswith("__") else f"{name}_"
    in_place_method.__doc__ = f"In-place version of `{name}`: the result goes into the memory of self, which is returned."
    in_place_method.__dict__.pop("has_in_place", None)
    return in_place_method


def with_in_place(cls: type[Any]) -> type[Any]:
    """Add to a class the in-place forms of those of its methods that are marked to have one."""
    for method in [m for m in vars(cls).values() if getattr(m, "has_in_place", False)]:
        form = in_place(method)
        setattr(cls, form.__name__, form)
    return cls
