"""The Python state that a function depends on: what its closure, its globals and the modules there hold."""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter, getitem
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from minigrad.fastpath.replay.guards import Guards
from minigrad.nn import Module
from minigrad.optim import Optimizer
from minigrad.tensor import Tensor

MANY = 1000
"""Containers with more elements are data: only their length is watched."""

IMPURE = ("random", "time", "datetime", "secrets", "uuid", "numpy.random")
"""Modules whose functions give something else at each call."""

PLAIN = (bool, int, float, complex, str, bytes, type(None))
contents = attrgetter("cell_contents")


class Watch:
    """What a function can reach, and whether it is as it was.

    Args:
        root: The function, or a module.
        objects: What it is given besides tensors and plain values.

    Attributes:
        modules: The modules among it.
        tensors: The tensors among it.
        impure: Modules of which it may call functions that give something else at each call.
        state: Its values at the beginning, to be compared with those of another time.
    """

    def __init__(self, root: Any, objects: Sequence[Any] = ()) -> None:
        self._root = root
        self.ids = list(map(id, objects))
        self.modules: list[Module] = []
        self.tensors: list[Tensor] = []
        self.impure: list[str] = []
        self._cells: list[CellType] = []
        self._dicts: list[Any] = []  # and lists
        self._keys: list[Any] = []
        self._containers: list[Any] = []
        self._seen: dict[int, Any] = {}
        self._visit((root, *objects))
        self._lengths = list(map(len, self._containers))
        self._values = list(map(getitem, self._dicts, self._keys))
        self._held = list(map(contents, self._cells))
        values = [x if isinstance(x, PLAIN) else id(x) for x in (*self._values, *self._held)]
        self.state = [self._lengths, values]
        self._unchanged: Callable[..., bool] | None = None  # compiled when it is asked for again

    def change(self) -> str | None:
        """Return the name of something that has changed since, or None."""
        if self._lengths != list(map(len, self._containers)):
            return "the length of a list or dict"
        pairs = zip(map(getitem, self._dicts, self._keys), self._values, self._keys, strict=True)
        cells = zip(
            map(contents, self._cells), self._held, ["a variable of the function around it"] * len(self._cells), strict=True
        )
        for now, before, name in (*pairs, *cells):
            if now is not before and not (type(now) in PLAIN and type(now) is type(before) and now == before):
                return str(name)
        return None

    def is_current(self) -> bool:
        """Return whether everything is as it was. False also where a key has gone."""
        if self._unchanged is not None and self._unchanged():
            return True
        try:
            current = self.change() is None
        except (LookupError, ValueError):
            return False
        if current and self._unchanged is None:
            self._unchanged = self._guards().compile()
        return current

    def _guards(self) -> Guards:
        guards = Guards()
        for container, length in zip(self._containers, self._lengths, strict=True):
            guards.require("len({0}) == {1}", container, length)
        for attributes, key, value in zip(self._dicts, self._keys, self._values, strict=True):
            guards.require("{0}[{1}] is {2}", attributes, key, value)
        for cell, held in zip(self._cells, self._held, strict=True):
            guards.require("{0}.cell_contents is {1}", cell, held)
        return guards

    def _visit(self, value: Any) -> None:
        if isinstance(value, (type, *PLAIN)) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        self._visit_class(type(value))
        if isinstance(value, Tensor):
            self.tensors.append(value)
        elif isinstance(value, Optimizer):
            self._containers.append(value.param_groups)
            self._visit([group["params"] for group in value.param_groups])
        elif isinstance(value, Module):
            self.modules.append(value)
            self._visit_dict(vars(value))
        elif isinstance(value, MethodType):
            self._visit(value.__self__)
            self._visit(value.__func__)
        elif isinstance(value, functools.partial):
            self._visit((value.func, value.args, value.keywords))
        elif isinstance(value, FunctionType):
            self._visit_function(value)
        elif isinstance(value, dict):
            self._visit_dict(value)
        elif isinstance(value, list | tuple | set):
            if not isinstance(value, tuple):
                self._containers.append(value)
            for k, item in enumerate(value if len(value) <= MANY else ()):
                if isinstance(value, list):
                    self._add(value, k)
                self._visit(item)
        elif hasattr(value, "__wrapped__"):  # another compiled function, for example
            self._visit(value.__wrapped__)
        elif hasattr(value, "__dict__") and not inspect.ismodule(value):
            self._visit_dict(vars(value))

    def _visit_class(self, cls: type) -> None:
        """Visit the methods of a user's class."""
        for base in cls.__mro__ if id(cls) not in self._seen else ():
            self._seen[id(base)] = base
            if is_users(base.__module__):
                for member in vars(base).values():
                    if isinstance(member, FunctionType):
                        self._visit(member)

    def _visit_dict(self, attributes: dict[Any, Any]) -> None:
        self._containers.append(attributes)
        for name, value in attributes.items() if len(attributes) <= MANY else ():
            self._add(attributes, name)
            self._visit(value)

    def _add(self, attributes: Any, name: Any) -> None:
        self._dicts.append(attributes)
        self._keys.append(name)

    def _visit_function(self, function: FunctionType) -> None:
        if function is not self._root and not is_users(function.__module__):
            return
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # not yet assigned
                continue
            self._cells.append(cell)
            self._visit(value)
        self._visit(function.__defaults__ or ())
        for name in global_names(function.__code__):
            if name in function.__globals__:
                value = function.__globals__[name]
                self._note_impure(function, value)
                if not inspect.ismodule(value) and not isinstance(value, type):
                    self._add(function.__globals__, name)
                    self._visit(value)

    def _note_impure(self, function: FunctionType, value: Any) -> None:
        module = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        if module in IMPURE or (module == "numpy" and "random" in function.__code__.co_names):
            self.impure.append(f"{module}.random" if module == "numpy" else str(module))


def is_users(module: str | None) -> bool:
    """Return whether a module is neither minigrad's nor of a library that it knows."""
    return (module or "").partition(".")[0] not in ("minigrad", "numpy", "builtins", "abc", "typing")


@lru_cache(256)
def global_names(code: CodeType) -> list[str]:
    """Return the names of the globals that code reads, that of functions within it included."""
    names = [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in global_names(constant)]
    return list(dict.fromkeys([*names, *inner]))


def stores_state(function: Callable[..., Any]) -> tuple[str, int] | None:
    """Return the name and the line where a function keeps a value for its next call: in a global or outer variable."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return None
    for instruction in dis.get_instructions(code):
        if instruction.opname == "STORE_GLOBAL" or (
            instruction.opname == "STORE_DEREF" and instruction.argval in code.co_freevars
        ):
            line = instruction.positions and instruction.positions.lineno
            return str(instruction.argval), line or code.co_firstlineno
    return None
