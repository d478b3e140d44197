"""Containers: modules in a sequence, a list or a dictionary."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self, overload

from minigrad.nn.formatting import format_module
from minigrad.nn.module import Module


class _IndexedContainer(Module):
    """Modules named 0, 1, ..., reached by position: the common part of `ModuleList` and `Sequential`."""

    def _name_at(self, index: int) -> str:
        """Return the name of the module at a position, which may count from the end."""
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range")
        return list(self._members("module"))[position]

    def _reset_modules(self, modules: Iterable[Module]) -> None:
        """Replace all modules."""
        for name in self._members("module"):
            delattr(self, name)
        for k, module in enumerate(modules):
            self.add_module(str(k), module)

    def __len__(self) -> int:
        return len(self._members("module"))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._members("module").values())

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    @overload
    def __getitem__(self, index: int) -> Any: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._slice(index) if isinstance(index, slice) else getattr(self, self._name_at(index))

    def _slice(self, positions: slice) -> Self:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        if not isinstance(index, slice):
            self._name_at(index)  # raises IndexError in torch's words
        del modules[index]
        self._reset_modules(modules)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def append(self, module: Module) -> Self:
        """Add a module at the end; return self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end; return self.

        Raises:
            TypeError: They are not iterable.
        """
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Insert a module before a position; return self.

        Raises:
            TypeError: It is not a Module.
        """
        if not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        modules = list(self)
        modules.insert(index, module)
        self._reset_modules(modules)
        return self

    def pop(self, index: int = -1) -> Any:
        """Remove the module at a position and return it."""
        module = self[index]
        del self[index]
        return module


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
        if modules is not None:
            self.extend(modules)

    def _slice(self, positions: slice) -> Self:
        return type(self)(list(self)[positions])

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

    def forward(self, x: Any) -> Any:
        """Return the result of the last module."""
        for module in self:
            x = module(x)
        return x


class ModuleDict(Module):
    """A dictionary of modules that are registered as submodules, in insertion order. Equals ``torch.nn.ModuleDict``.

    >>> from minigrad.nn import ReLU, Tanh
    >>> list(ModuleDict({"relu": ReLU(), "tanh": Tanh()}))
    ['relu', 'tanh']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __len__(self) -> int:
        return len(self._members("module"))

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self._members("module")

    def __getitem__(self, key: str) -> Any:
        return self._members("module")[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        delattr(self, key)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._members("module"))

    def values(self) -> list[Any]:
        """Return the modules."""
        return list(self._members("module").values())

    def items(self) -> list[tuple[str, Any]]:
        """Return the pairs of name and module."""
        return list(self._members("module").items())

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add several modules, in their order."""
        for name, module in dict(modules).items():
            self[name] = module

    def pop(self, key: str) -> Any:
        """Remove a module and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Remove all modules."""
        for name in self.keys():
            del self[name]
