"""Containers: modules in a row, in a list, in a dictionary."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self, overload

from minigrad.nn.module import Module, described


class Row(Module):
    """Modules in an order, reached by position: what `ModuleList` and `Sequential` have in common."""

    def _name(self, index: int) -> str:
        """Return the name of the module at a position, which may count from the back."""
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"index {position} is out of range")
        return list(self._names["module"])[position]

    def _renew(self, modules: Iterable[Module]) -> None:
        """Make these the modules, named 0, 1, ..."""
        for name in list(self._names["module"]):
            delattr(self, name)
        for k, module in enumerate(modules):
            self.add_module(str(k), module)

    def __len__(self) -> int:
        return len(self._names["module"])

    def __iter__(self) -> Iterator[Any]:
        return iter([self.__dict__[name] for name in self._names["module"]])

    @overload
    def __getitem__(self, index: slice) -> Self: ...

    @overload
    def __getitem__(self, index: int) -> Any: ...

    def __getitem__(self, index: int | slice) -> Any:
        return self._part(index) if isinstance(index, slice) else self.__dict__[self._name(index)]

    def _part(self, part: slice) -> Self:
        raise NotImplementedError

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        if not isinstance(index, slice):
            self._name(index)
        del modules[index]
        self._renew(modules)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def append(self, module: Module) -> Self:
        """Add a module at the end, and return self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add several modules at the end, and return self.

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
        """Put a module before the one at the position, and return self.

        Raises:
            TypeError: It is not a Module.
        """
        if not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        modules = list(self)
        modules.insert(index, module)
        self._renew(modules)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take out the module at the position, and return it."""
        module = self[index]
        del self[index]
        return module


class ModuleList(Row):
    """A list of modules, which are found as members. What is done with them is up to its owner.

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

    def _part(self, part: slice) -> Self:
        return type(self)(list(self)[part])

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)([*self, *other])

    def __repr__(self) -> str:
        runs = [(text, [k for k, _ in run]) for text, run in groupby(enumerate(map(repr, self)), operator.itemgetter(1))]
        lines = [(f"({at[0]}-{at[-1]})", f"{len(at)} x {text}") if len(at) > 1 else (f"({at[0]})", text) for text, at in runs]
        return described(self._get_name(), self.extra_repr(), lines)


class Sequential(Row):
    """Modules applied one after the other, each to the result of the one before.

    ``Sequential(a, b)`` names them 0 and 1; ``Sequential({"first": a, "second": b})`` as the dictionary does. A slice is a
    shorter Sequential of the same modules.

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
        one = modules[0] if len(modules) == 1 else None
        for name, module in one.items() if isinstance(one, Mapping) else enumerate(modules):
            self.add_module(str(name), module)

    def _part(self, part: slice) -> Self:
        return type(self)({name: self.__dict__[name] for name in list(self._names["module"])[part]})

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)(*self, *other)

    def forward(self, x: Any) -> Any:
        """Return the result of the last module."""
        members = self.__dict__
        for name in self._names["module"]:
            x = members[name](x)
        return x


class ModuleDict(Module):
    """A dictionary of modules, which are found as members, in the order of insertion.

    >>> from minigrad.nn import ReLU, Tanh
    >>> list(ModuleDict({"relu": ReLU(), "tanh": Tanh()}))
    ['relu', 'tanh']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __len__(self) -> int:
        return len(self._names["module"])

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: object) -> bool:
        return key in self._names["module"]

    def __getitem__(self, key: str) -> Any:
        if key not in self:
            raise KeyError(key)
        return self.__dict__[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        delattr(self, key)

    def keys(self) -> list[str]:
        """Return the names."""
        return list(self._names["module"])

    def values(self) -> list[Any]:
        """Return the modules."""
        return [self.__dict__[name] for name in self._names["module"]]

    def items(self) -> list[tuple[str, Any]]:
        """Return the pairs of name and module."""
        return list(zip(self.keys(), self.values(), strict=True))

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add several modules, in their order."""
        for name, module in dict(modules).items():
            self[name] = module

    def pop(self, key: str) -> Any:
        """Take out a module and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take out all modules."""
        for name in self.keys():
            del self[name]
