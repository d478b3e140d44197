"""FunctionModule: a module that applies a function of `minigrad.nn.functional`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

from minigrad.nn.module import Module
from minigrad.tensor import Tensor

M = TypeVar("M", bound="FunctionModule")


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

    def __post_init__(self) -> None:
        """Make a module of the object; a subclass may check and complete the attributes."""
        super().__init__()

    def forward(self, input: Tensor) -> Any:
        """Return the function of the input."""
        return self.function(input, **{name: getattr(self, name) for name in self.arguments})

    def extra_repr(self) -> str:
        """Return the settings."""
        names = self.arguments if self.shown is None else self.shown
        values = {name: getattr(self, name) for name in names}
        return ", ".join(f"{k}={v!r}" for k, v in values.items() if not (k == "inplace" and v is False))


@dataclass_transform(eq_default=False)
def stores_arguments(cls: type[M]) -> type[M]:
    """Give a FunctionModule a constructor that stores its arguments: the annotated attributes, as in a dataclass.

    They are the `arguments` of the function too, unless the class names these.
    """
    made = dataclass(eq=False, repr=False)(cls)
    if "arguments" not in vars(cls):
        made.arguments = tuple(field.name for field in fields(made))  # type: ignore[arg-type]
    return made
