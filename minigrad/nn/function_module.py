"""FunctionModule: a module that applies a function of `minigrad.nn.functional`."""

from collections.abc import Callable
from typing import Any, ClassVar

from minigrad.nn.module import Module
from minigrad.tensor import Tensor


class FunctionModule(Module):
    """Base class of modules that apply a function to their input, with arguments that are attributes of the module.

    Attributes:
        function: The function, whose first parameter is the input.
        arguments: The names of its other arguments and of the attributes that hold them.
        shown: The attributes that `repr` shows, by default the arguments; `inplace` only where it is set.
    """

    function: ClassVar[Callable[..., Any]]
    arguments: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[tuple[str, ...] | None] = None

    def forward(self, input: Tensor) -> Any:
        """Return the function of the input."""
        return self.function(input, **{name: getattr(self, name) for name in self.arguments})

    def extra_repr(self) -> str:
        """Return the settings."""
        names = self.arguments if self.shown is None else self.shown
        values = {name: getattr(self, name) for name in names}
        return ", ".join(f"{k}={v!r}" for k, v in values.items() if not (k == "inplace" and v is False))
