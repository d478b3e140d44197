"""How one definition becomes a method, an in-place method and a function.

A public primitive, such as `exp`, is defined once, in `minigrad.ops`; `PrimitiveMethods` makes it the method ``x.exp()``.
A method that is more than a primitive, such as `sum`, is defined once, in one of the classes of this package that `FAMILIES`
lists. Of both, `InPlaceForms` has the in-place forms, ``x.exp_()``, and `minigrad.functions` the functions,
``minigrad.exp(x)``. All this is made at import; for type checkers and editors, ``python -m minigrad.stubs`` writes it down.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from types import FunctionType
from typing import Any, TypeVar

from minigrad.autodiff import TensorBase

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
    in_place_method.__qualname__ = f"Tensor.{in_place_method.__name__}"
    in_place_method.__doc__ = f"In-place version of `{name}`: the result goes into the memory of self, which is returned."
    return in_place_method


def in_place_forms(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the in-place forms, by name, of those methods of a class that are marked to have one."""
    forms = [in_place(method) for method in vars(cls).values() if getattr(method, "has_in_place", False)]
    return {form.__name__: form for form in forms}
