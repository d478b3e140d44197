"""Containers: modules in a sequence, modules or parameters in a list or a dictionary."""

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar, Self, overload

from minigrad.nn.formatting import format_module
from minigrad.nn.module import Module, Parameter
from minigrad.nn.registration import Kind
from minigrad.tensor import Tensor

__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]


MAX_LAYERS = 10_000
"""More layers of one kind are a mistake, such as a size in the wrong place, for which one would wait for minutes."""


def check_num_layers(num_layers: int) -> None:
    """Raise ValueError if there are too many layers."""
    if num_layers > MAX_LAYERS:
        raise ValueError(f"num_layers must be at most {MAX_LAYERS:,}, but got {num_layers}")


class _Container(Module):
    """What is registered as one kind of member, and nothing else."""

    _kind: ClassVar[Kind] = "module"

    def _contents(self) -> dict[str, Any]:
        return self._members(self._kind)

    def _checked(self, value: Any) -> Any:
        """Return what is registered for a value.

        Raises:
            TypeError: It is not a Module.
        """
        if not isinstance(value, Module):
            raise TypeError(f"{type(value).__name__} is not a Module subclass")
        return value

    def _put(self, name: str, value: Any) -> None:
        (self.register_module if self._kind == "module" else self.register_parameter)(name, self._checked(value))

    def __len__(self) -> int:
        return len(self._contents())


class _IndexedContainer(_Container):
    """Members named 0, 1, ..., reached by position: the common part of `ModuleList`, `Sequential` and `ParameterList`."""

    def _name_at(self, index: int) -> str:
        """Return the name of the module at a position, which may count from the end."""
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range")
        return list(self._contents())[position]

    def _reset(self, values: Iterable[Any]) -> None:
        """Replace all members."""
        for name in self._contents():
            delattr(self, name)
        for k, value in enumerate(values):
            self._put(str(k), value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._contents().values())

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    @overload
    def __getitem__(self, index: int) -> Any: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._slice(index) if isinstance(index, slice) else getattr(self, self._name_at(index))

    def _slice(self, positions: slice) -> Self:
        return type(self)(list(self)[positions])  # type: ignore[call-arg]

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name_at(index), self._checked(value))

    def __delitem__(self, index: int | slice) -> None:
        values = list(self)
        if not isinstance(index, slice):
            self._name_at(index)  # raises IndexError in torch's words
        del values[index]
        self._reset(values)

    def __iadd__(self, other: Iterable[Any]) -> Self:
        return self.extend(other)

    def append(self, value: Any) -> Self:
        """Add a member at the end; return self."""
        self._put(str(len(self)), value)
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add several members at the end; return self.

        Raises:
            TypeError: They are not iterable.
        """
        if not isinstance(values, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(values).__name__}"
            )
        for value in list(values):
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> Self:
        """Insert a member before a position; return self.

        Raises:
            TypeError: It is not a Module.
        """
        values = list(self)
        values.insert(index, self._checked(value))
        self._reset(values)
        return self

    def pop(self, index: int = -1) -> Any:
        """Remove the member at a position and return it."""
        value = self[index]
        del self[index]
        return value


class ModuleList(_IndexedContainer):
    """A list of modules that are registered as submodules; their owner calls them. Equals ``torch.nn.ModuleList``.

    >>> from minigrad.nn import Linear
    >>> ModuleList([Linear(2, 2), Linear(2, 2)])
    ModuleList(
      (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)([*self, *other])

    def __repr__(self) -> str:
        lines = []
        for text, group in groupby(enumerate(map(repr, self)), key=operator.itemgetter(1)):
            repeats = [k for k, _ in group]
            first, last, count = repeats[0], repeats[-1], len(repeats)
            lines.append((f"({first}-{last})", f"{count} x {text}") if count > 1 else (f"({first})", text))
        return format_module(self._get_name(), self.extra_repr(), lines)


class Sequential(_IndexedContainer):
    """Modules called one after another, each with the result of the previous one. Equals ``torch.nn.Sequential``.

    ``Sequential(a, b)`` names them 0 and 1, ``Sequential({"first": a, "second": b})`` first and second. A slice is a shorter
    Sequential of the same modules.

    >>> from minigrad.nn import Linear, Tanh
    >>> Sequential(Linear(2, 3), Tanh(), Linear(3, 1))[:2]
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Tanh()
    )
    """

    @overload
    def __init__(self, named: Mapping[str, Module], /) -> None: ...

    @overload
    def __init__(self, *modules: Module) -> None: ...

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        single = modules[0] if len(modules) == 1 else None
        for name, module in single.items() if isinstance(single, Mapping) else enumerate(modules):
            self.add_module(str(name), module)

    def _slice(self, positions: slice) -> Self:
        return type(self)(dict(list(self._members("module").items())[positions]))

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)(*self, *other)

    def forward(self, input: Any) -> Any:
        """Return the result of the last module."""
        x = input
        for module in self:
            x = module(x)
        return x


class _NamedContainer(_Container):
    """Members in a dictionary: the common part of `ModuleDict` and `ParameterDict`."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self._contents()

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(f"{type(self).__name__} has no key {key!r}: its keys are {self.keys()}")
        return self._contents()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        self[key]  # raises KeyError
        delattr(self, key)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._contents())

    def values(self) -> list[Any]:
        """Return the members."""
        return list(self._contents().values())

    def items(self) -> list[tuple[str, Any]]:
        """Return the pairs of name and member."""
        return list(self._contents().items())

    def get(self, key: str, default: Any = None) -> Any:
        """Return a member, or the default if there is none of that name."""
        return self._contents().get(key, default)

    def update(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add several members, in their order."""
        for name, value in dict(values).items():
            self[name] = value

    def pop(self, key: str) -> Any:
        """Remove a member and return it."""
        value = self[key]
        del self[key]
        return value

    def clear(self) -> None:
        """Remove all members."""
        for name in self.keys():
            del self[name]


class ModuleDict(_NamedContainer):
    """A dictionary of modules that are registered as submodules, in insertion order. Equals ``torch.nn.ModuleDict``.

    >>> from minigrad.nn import ReLU, Tanh
    >>> list(ModuleDict({"relu": ReLU(), "tanh": Tanh()}))
    ['relu', 'tanh']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(() if modules is None else modules)


class _ParameterContainer(_Container):
    """Registers tensors as parameters."""

    _kind = "parameter"

    def _checked(self, value: Any) -> Parameter:
        """Return a tensor as a parameter, which shares its memory.

        Raises:
            TypeError: It is not a Tensor.
        """
        if not isinstance(value, Tensor):
            raise TypeError(f"{type(self).__name__} holds tensors, but got {type(value).__name__}")
        return value if isinstance(value, Parameter) else Parameter(value, requires_grad=value.is_floating_point())

    def extra_repr(self) -> str:
        """Return a line for each parameter."""
        contents = self._contents().items()
        return "\n".join(f"  ({name}): Parameter containing: [{p.type()} of size {size_text(p)}]" for name, p in contents)


class ParameterList(_ParameterContainer, _IndexedContainer):
    """A list of tensors that are registered as parameters. Equals ``torch.nn.ParameterList``, of tensors only.

    >>> from minigrad import zeros
    >>> len(list(ParameterList([zeros(2), zeros(3, 1)]).parameters()))
    2
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(() if values is None else values)


class ParameterDict(_ParameterContainer, _NamedContainer):
    """A dictionary of tensors that are registered as parameters. Equals ``torch.nn.ParameterDict``, of tensors only."""

    def __init__(self, parameters: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None) -> None:
        super().__init__()
        self.update(() if parameters is None else parameters)


def size_text(p: Tensor) -> str:
    """Return the shape as in 3x1."""
    return "x".join(map(str, p.shape))
