"""The Python state that a function depends on: what its closure, its globals and the objects there hold.

Of objects and modules, those attributes count that the code of the function, and of the user's functions that it can reach,
names. What it can reach, but what has state that nobody sees change, is a reason not to compile: an iterator, an array of
NumPy, a random generator of another library. Libraries are taken to do the same at each call, but for those in `IMPURE`.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from types import BuiltinFunctionType, CodeType, FunctionType, MemberDescriptorType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import numpy as np

from minigrad.fastpath.guards import Guards
from minigrad.nn import Module
from minigrad.optim import Optimizer
from minigrad.tensor import Tensor

MANY = 1000
"""Containers with more elements are not watched."""

IMPURE = ("random", "time", "datetime", "secrets", "uuid", "numpy.random", "os", "sys", "io", "queue")
"""Modules whose functions give something else at each call, or depend on more than their arguments."""

IMPURE_BUILTINS = ("input", "open")

NOT_CALLED = {"__init__", "__new__", "__post_init__", "__repr__", "__str__"}
"""Methods that Python does not call to compute with an object that is there."""

DYNAMIC = {"getattr", "setattr", "vars", "globals", "locals", "eval", "exec", "__dict__", "attrgetter", "methodcaller"}
"""With one of these names in it, code may use attributes that it does not name."""

WATCHED = ("minigrad", "types", "argparse", "collections")
"""Libraries whose objects have all their state in attributes."""

VALUES = ("minigrad", "operator", "re", "decimal", "fractions", "pathlib")
"""Libraries whose objects without attributes do not change, or, of minigrad, are a part of each program."""

PLAIN = (bool, int, float, complex, str, bytes, type(None))
UNDERSTOOD = (Tensor, Module, Optimizer, dict, list, tuple, set, FunctionType, MethodType, functools.partial)
IMMUTABLE = (*PLAIN, range, slice, frozenset, type(...), np.dtype, np.ufunc, np.generic, MemberDescriptorType)


class Watch:
    """What a function can reach, and whether it is as it was.

    Args:
        root: The function, or a module.
        objects: What it is given besides tensors and plain values.

    Attributes:
        modules: The modules of `nn` among it.
        tensors: The tensors among it.
        refusals: Why the function must not be compiled.
        state: Values at the beginning, to be compared with those of another time.
    """

    def __init__(self, root: Any, objects: Sequence[Any] = ()) -> None:
        self._root = root
        self.ids = list(map(id, objects))
        self.modules: list[Module] = []
        self.tensors: list[Tensor] = []
        self.refusals: list[str] = []
        self.state: list[Any] = []
        self._guards = Guards()
        self._seen: dict[int, Any] = {}
        self._classes: set[int] = set()
        self._names: set[str] = set()
        self._unused: defaultdict[str, list[tuple[Any, Any]]] = defaultdict(list)
        self._unchanged: Callable[..., bool] | None = None
        self._pending: list[tuple[Any, str]] = []
        for value in (root, *objects):
            self._visit(value, "an argument")
        while self._pending:
            self._inspect(*self._pending.pop())

    def change(self) -> str | None:
        """Return the name of something that has changed since, or None."""
        return self._guards.broken()

    def is_current(self) -> bool:
        """Return whether everything is as it was."""
        self._unchanged = self._unchanged or self._guards.compile()
        return self._unchanged()

    # -------------------------------------------------------------------------------------------------------- guards

    def _item(self, holder: Any, key: Any, value: Any) -> None:
        """Watch an item of a dict or list."""
        self._hold("{0}[{1}]", (holder, key), value, str(key))
        self._visit(value, str(key))

    def _hold(self, expression: str, operands: tuple[Any, ...], value: Any, label: str) -> None:
        is_same = f"{expression} is {{{len(operands)}}}"
        if isinstance(value, PLAIN):  # an equal value will do
            is_equal = f"{{{len(operands) + 1}}}({expression}, {{{len(operands)}}})"
            self._guards.require(f"({is_same} or {is_equal})", *operands, value, same_plain, label=label)
        else:
            self._guards.require(is_same, *operands, value, label=label)
        self.state.append(value if isinstance(value, PLAIN) else id(value))

    def _length(self, container: Any) -> None:
        self._guards.require("len({0}) == {1}", container, len(container), label="the length of a list or dict")
        self.state.append(len(container))

    def _refuse(self, name: str, value: Any) -> None:
        self.refusals.append(f"it can reach {name}, of type {type(value).__name__}, of which no change can be seen")

    # ------------------------------------------------------------------------------------------------------- visits

    def _visit(self, value: Any, name: str) -> None:
        """Let a value be inspected, once."""
        if not isinstance(value, IMMUTABLE) and id(value) not in self._seen:
            self._seen[id(value)] = value
            self._pending.append((value, name))

    def _inspect(self, value: Any, name: str) -> None:
        if not isinstance(value, type):
            self._visit_class(type(value))
        if isinstance(value, Tensor):
            self.tensors.append(value)
            for key, attribute in vars(value).items():
                if key not in ("array", "node", "version", "hooks") and key[0] != "_":  # but a user's
                    self._attribute(vars(value), key, attribute)
        elif isinstance(value, Optimizer):
            self._length(value.param_groups)
            self._visit([group["params"] for group in value.param_groups], name)
        elif isinstance(value, Module):
            self.modules.append(value)
            self._visit_dict(vars(value))
        elif isinstance(value, type):
            self._visit_class(value)
            self._visit(vars(value).get("__init__"), name)  # code may make objects of it
        elif isinstance(value, MethodType):
            self._visit(value.__self__, name)
            self._visit(value.__func__, name)
        elif isinstance(value, functools.partial):
            self._visit((value.func, value.args, value.keywords), name)
        elif isinstance(value, FunctionType):
            self._visit_function(value)
        elif isinstance(value, ModuleType):
            self._note_impure(value.__name__)
            for key, attribute in list(vars(value).items()) if is_users(value.__name__) else ():
                self._attribute(vars(value), key, attribute)
        elif isinstance(value, BuiltinFunctionType | MethodWrapperType):
            self._note_impure(getattr(value, "__module__", None))
            if not isinstance(value.__self__, ModuleType):
                self._visit(value.__self__, name)
        elif isinstance(value, staticmethod | classmethod):
            self._visit(value.__func__, name)
        elif isinstance(value, property | functools.cached_property):
            self._visit(value.fget if isinstance(value, property) else value.func, name)
        elif hasattr(value, "__wrapped__"):  # another compiled function, for example
            self._visit(value.__wrapped__, name)
        elif isinstance(value, dict | list | tuple | set):
            self._visit_container(value, name)
        else:
            self._visit_object(value, name)

    def _visit_container(self, value: Any, name: str) -> None:
        if len(value) > MANY:
            self.refusals.append(f"it can reach {name}, with {len(value)} elements, too many to be watched")
        elif isinstance(value, dict):
            self._visit_dict(value)
        elif isinstance(value, set):
            self._guards.require("{0} == {1}", value, frozenset(value), label=name)
            self.state.append(frozenset(value))
        elif isinstance(value, list):
            self._length(value)
            for k, item in enumerate(value):
                self._item(value, k, item)
        else:
            for item in value:
                self._visit(item, name)
        if hasattr(value, "__dict__"):
            self._visit_attributes(value)

    def _visit_dict(self, attributes: dict[Any, Any]) -> None:
        self._length(attributes)
        for name, value in list(attributes.items()):
            self._item(attributes, name, value)

    def _visit_object(self, value: Any, name: str) -> None:
        """Visit an object of another class."""
        library = library_of(value)
        if is_users(type(value).__module__):
            if not isinstance(value, Enum):
                self._visit_attributes(value)
        elif library in WATCHED and hasattr(value, "__dict__"):
            self._length(vars(value))
            for key, attribute in vars(value).items():
                self._hold("{0}[{1}]", (vars(value), key), attribute, key)
                if isinstance(attribute, UNDERSTOOD) or library_of(attribute) in WATCHED or is_users(library_of(attribute)):
                    self._visit(attribute, key)
        elif library not in VALUES and not (library == "builtins" and callable(value)):
            self._note_impure(type(value).__module__)
            self._refuse(name, value)

    def _visit_attributes(self, value: Any) -> None:
        """Visit the attributes of a user's object that code names."""
        if hasattr(value, "__dict__"):
            self._length(vars(value))
            for name, attribute in vars(value).items():
                self._attribute(vars(value), name, attribute)
        for base in type(value).__mro__:
            for name in getattr(base, "__slots__", ()) if is_users(base.__module__) else ():
                if hasattr(value, name):
                    self._attribute(Slots(value), name, getattr(value, name))

    def _visit_class(self, cls: type) -> None:
        """Visit what the user's class, and those that it is derived from, give to their objects."""
        called = any(base.__module__.startswith("minigrad.") for base in cls.__mro__)  # by minigrad, as `forward`
        for base in cls.__mro__:
            if is_users(base.__module__) and id(base) not in self._classes:
                self._classes.add(id(base))
                for name, member in list(vars(base).items()):
                    if isinstance(member, FunctionType) and (called or name.startswith("__")) and name not in NOT_CALLED:
                        self._visit(member, name)
                    elif not name.startswith("__"):
                        self._attribute(vars(base), name, member)

    def _attribute(self, holder: Any, name: str, value: Any) -> None:
        """Watch an attribute if code names it, or as soon as it does."""
        if name in self._names or not DYNAMIC.isdisjoint(self._names):
            self._item(holder, name, value)
        else:
            self._unused[name].append((holder, value))

    def _use(self, names: set[str]) -> None:
        self._names |= names
        for name in list(self._unused) if not DYNAMIC.isdisjoint(names) else names & self._unused.keys():
            for holder, value in self._unused.pop(name):
                self._item(holder, name, value)

    def _visit_function(self, function: FunctionType) -> None:
        if function is not inspect.unwrap(self._root) and not is_users(function.__module__):
            return
        code, defaults = function.__code__, function.__defaults__
        changed = "{0}.__code__ is {1} and {0}.__defaults__ is {2}"
        self._guards.require(changed, function, code, defaults, label=function.__name__)
        self.state += [id(code), id(defaults)]
        self._use(names_in(code))
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not yet assigned
                continue
            self._hold("{0}.cell_contents", (cell,), value, name)
            self._visit(value, name)
        self._visit(defaults or (), "a default")
        for attributes in (function.__kwdefaults__, vars(function)):
            if attributes:
                self._visit_dict(attributes)
        for name in global_names(code):
            value = function.__globals__.get(name, sys.modules.get(name) if name in imported_names(code) else None)
            if isinstance(value, ModuleType):
                self._note_impure("numpy.random" if value is np and "random" in names_in(code) else None)
                self._visit(value, name)
            elif name in function.__globals__:
                self._note_impure(getattr(value, "__module__", None))
                self._item(function.__globals__, name, value)
            elif name in IMPURE_BUILTINS:
                self._note_impure(name)

    def _note_impure(self, name: str | None) -> None:
        if name in IMPURE + IMPURE_BUILTINS:
            self.refusals.append(f"it calls {name}, which gives something else at each call")


class Slots:
    """The attributes of an object as items."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __getitem__(self, name: str) -> Any:
        return getattr(self._owner, name)


def library_of(value: Any) -> str:
    """Return the name of the package that the class of a value is from."""
    return type(value).__module__.partition(".")[0]


def same_plain(a: Any, b: Any) -> bool:
    """Return whether two plain values are equal and of one type."""
    return type(a) is type(b) and a == b


@lru_cache(1024)
def is_users(module: str | None) -> bool:
    """Return whether a module is the user's: neither of Python nor installed."""
    root = (module or "").partition(".")[0]
    if root in ("minigrad", "numpy", "builtins") or root in sys.stdlib_module_names - {"__main__"}:
        return False
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return "site-packages" not in file and "dist-packages" not in file


@lru_cache(256)
def names_in(code: CodeType) -> set[str]:
    """Return the names that code, and that of functions within it, uses: of globals, attributes, constant keys."""
    names = {*code.co_names, *(x for x in code.co_consts if isinstance(x, str))}
    return names.union(*(names_in(x) for x in code.co_consts if isinstance(x, CodeType)))


@lru_cache(256)
def imported_names(code: CodeType) -> set[str]:
    """Return the names of the modules that code imports, with that of functions within it."""
    names = {i.argval.partition(".")[0] for i in dis.get_instructions(code) if i.opname == "IMPORT_NAME"}
    return names.union(*(imported_names(x) for x in code.co_consts if isinstance(x, CodeType)))


@lru_cache(256)
def global_names(code: CodeType) -> list[str]:
    """Return the names of the globals that code reads or imports, that of functions within it included."""
    names = [i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    inner = [name for constant in code.co_consts if isinstance(constant, CodeType) for name in global_names(constant)]
    return list(dict.fromkeys([*names, *inner, *imported_names(code)]))


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
