"""Module: a function with parameters, built of other modules.

What is assigned as an attribute is found again: a `Parameter`, a `Module`, and a tensor given to `register_buffer` are
members, in the order of their assignment. A member lives in the instance's own dictionary like any other attribute, so
that reading ``self.weight`` costs nothing extra; the module only notes by name what kind of member it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, Self, cast

import numpy as np

from minigrad.creation import empty
from minigrad.hooks import RemovableHandle
from minigrad.methods.shape import Size
from minigrad.nn.parameter import Parameter
from minigrad.tensor import Tensor

Kind = Literal["parameter", "buffer", "module"]


class IncompatibleKeys(NamedTuple):
    """What did not fit when a state was loaded."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not any(self):
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Module:
    """The base class of every layer and model.

    A subclass calls ``super().__init__()`` before it assigns members, and defines `forward`.

    Attributes:
        training: Whether the module is in training mode, which is on at first; it matters to layers such as Dropout.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = Parameter(empty(1).fill_(2))
    ...
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> [name for name, _ in Line().named_parameters()]
    ['slope']
    """

    training: bool
    _names: dict[Kind, dict[str, None]]  # of the members of each kind, in the order of assignment
    _transient: set[str]  # names of the buffers that state_dict leaves out
    _before: list[Any] | None = None  # hooks
    _after: list[Any] | None = None

    def __init__(self) -> None:
        self.__dict__.update(training=True, _names={"parameter": {}, "buffer": {}, "module": {}}, _transient=set())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of `forward`, between the hooks."""
        if not self._before and not self._after:
            return self.forward(*args, **kwargs)
        for before in self._before or ():
            replacement = before(self, args)
            if replacement is not None:
                args = replacement if isinstance(replacement, tuple) else (replacement,)
        result = self.forward(*args, **kwargs)
        for after in self._after or ():
            replacement = after(self, args, result)
            result = result if replacement is None else replacement
        return result

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Have ``hook(module, args)`` called before `forward`; what it returns, if anything, replaces the arguments."""
        self._before = self._before or []
        self._before.append(hook)
        return RemovableHandle(self._before, hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Have ``hook(module, args, result)`` called after `forward`; what it returns, if anything, takes the result's place.

        >>> from minigrad import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> handles = [m.register_forward_hook(lambda m, args, y: print(type(m).__name__, y.shape)) for m in model]
        >>> _ = model(empty(5, 2).zero_())
        Linear minigrad.Size([5, 3])
        ReLU minigrad.Size([5, 3])
        """
        self._after = self._after or []
        self._after.append(hook)
        return RemovableHandle(self._after, hook)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; every subclass defines it, and users call the module itself.

        Raises:
            NotImplementedError: The subclass does not.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # Members: how they come and go.

    def __setattr__(self, name: str, value: Any) -> None:
        held = self._kind(name)
        if isinstance(value, Parameter) or (isinstance(value, Module) and held != "parameter"):
            kind: Kind = "parameter" if isinstance(value, Parameter) else "module"
            if "_names" not in self.__dict__:
                raise AttributeError(f"cannot assign {kind}{'s' * (kind == 'parameter')} before Module.__init__() call")
            self._enter(name, kind, value)
        elif held and value is not None and not (held == "buffer" and isinstance(value, Tensor)):
            raise TypeError(f"cannot assign '{_typename(value)}' as {_EXPECTED[held].format(name)}")
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._forget(name)

    def _kind(self, name: str) -> Kind | None:
        """Return what kind of member has the name, None if it is no member."""
        return next((kind for kind, names in self.__dict__.get("_names", {}).items() if name in names), None)

    def _forget(self, name: str) -> None:
        self._transient.discard(name)
        for names in self._names.values():
            names.pop(name, None)

    def _enter(self, name: str, kind: Kind, value: Any) -> None:
        if self._kind(name) != kind:
            self._forget(name)
        self._names[kind][name] = None
        self.__dict__[name] = value

    def _check_name(self, name: str, kind: Kind) -> None:
        """Raise unless a new member of this kind may have the name."""
        if "_names" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if "." in name:
            raise KeyError(
                f'{kind} name can\'t contain ".", got: {name}' if kind == "module" else f'{kind} name can\'t contain "."'
            )
        if not name:
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and self._kind(name) != kind:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or with None the name of one that is absent.

        Raises:
            KeyError: The name is empty, has a dot in it, or belongs to something else.
            TypeError: It is not a Parameter.
            ValueError: It was computed, so that it would not be a leaf.
        """
        self._check_name(name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_typename(param)}' object to parameter '{name}' (minigrad.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._enter(name, "parameter", param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module but is not learned, such as a running mean.

        Args:
            name: The attribute's name.
            tensor: The buffer; None keeps the name for later.
            persistent: Whether it is part of `state_dict`.

        Raises:
            KeyError: The name is empty, has a dot in it, or belongs to something else.
            TypeError: It is not a Tensor.
        """
        self._check_name(name, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (minigrad.Tensor or None required)"
            )
        self._enter(name, "buffer", tensor)
        (self._transient.discard if persistent else self._transient.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child, which can be reached as an attribute of that name.

        Raises:
            KeyError: The name is empty, has a dot in it, or belongs to something else.
            TypeError: It is not a Module.
        """
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name(name, "module")
        self._enter(name, "module", module)

    register_module = add_module

    # Members: how they are found.

    def _own(self, kind: Kind) -> Iterator[tuple[str, Any]]:
        """Yield the name and value of each member of a kind that is present."""
        for name in list(self._names[kind]):
            if self.__dict__[name] is not None:
                yield name, self.__dict__[name]

    def _named(self, kind: Kind, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        """Yield the full name and value of each member of a kind, here and, with recurse, below."""
        seen = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name, member in module._own(kind):
                if not remove_duplicate or id(member) not in seen:
                    seen.add(id(member))
                    yield f"{path}.{name}" if path else name, member

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield each parameter once, those of the children (with recurse) after the module's own."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter with its name, such as ``0.weight``."""
        return self._named("parameter", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield each buffer once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield each buffer with its name."""
        return self._named("buffer", prefix, recurse, remove_duplicate)

    def children(self) -> Iterator[Module]:
        """Yield the modules right below this one, each once."""
        return (module for _, module in self.named_children())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules right below this one with their names, each once."""
        return self._named("module", "", recurse=False, remove_duplicate=True)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once, parents before children."""
        return (module for _, module in self.named_modules())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """Yield this module, whose name is the prefix, and all below it with their names, parents before children."""
        seen = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            below = [(f"{path}.{name}" if path else name, child) for name, child in module._own("module")]
            stack.extend(reversed(below))

    # Things done to the whole tree.

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every module below this one and then with itself; return self.

        >>> from minigrad import nn
        >>> model = nn.Sequential(nn.Linear(2, 1)).apply(lambda m: isinstance(m, nn.Linear) and nn.init.zeros_(m.bias))
        >>> model[0].bias.item()
        0.0
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Put the module and all below it in training mode, or with False in evaluation mode.

        Raises:
            ValueError: The mode is not a boolean.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Put the module and all below it in evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say of every parameter whether it requires a gradient; False freezes the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with False fill them with zeros."""
        for p in self.parameters():
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                p.grad = p.grad.detach().zero_()

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert every floating-point parameter, its gradient, and every floating-point buffer, in place.

        Args:
            args: What `Tensor.to` takes: a dtype, a tensor whose dtype is meant, or a device.
            kwargs: The same by name.

        Raises:
            TypeError: The dtype is not of floating point.
        """
        if not (wanted := empty(0).to(*args, **kwargs).dtype).is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={wanted}")
        for t in (*self.parameters(), *self.buffers()):
            if t.is_floating_point():
                grad, t.grad = t.grad, None
                t.data = t.data.to(*args, **kwargs)
                t.grad = None if grad is None else grad.to(*args, **kwargs)
        return self

    def float(self) -> Self:
        """Convert the parameters and buffers to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert the parameters and buffers to float64."""
        return self.to(np.float64)

    # State.

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Return every parameter and persistent buffer by name, in torch's order.

        The tensors share memory with the module, as in torch: what training changes, changes here too. To keep the best
        state of a run, take ``copy.deepcopy(model.state_dict())``.

        Args:
            prefix: Put before each name.
            keep_vars: Return the parameters themselves, not detached from the graph.
        """
        state: dict[str, Tensor] = {}
        for path, module in self.named_modules(remove_duplicate=False):
            for kind in cast(tuple[Kind, ...], ("parameter", "buffer")):
                for name, member in module._own(kind):
                    if name not in module._transient:
                        full = f"{path}.{name}" if path else name
                        state[prefix + full] = member if keep_vars else member.detach()
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values, by name, into the parameters and persistent buffers.

        Args:
            state_dict: Tensors or anything that NumPy makes an array of, so a state of torch as well.
            strict: Whether it is an error that a name is missing or unknown.

        Returns:
            The names that were missing and those that were unknown.

        Raises:
            RuntimeError: A name is missing or unknown (if strict), or a shape differs. Nothing is changed then; torch
                changes what fits.
            TypeError: It is not a mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own = self.state_dict()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        arrays = {name: _values(state_dict[name]) for name in own if name in state_dict}
        complaints = []
        if strict and missing:
            complaints.append(f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        if strict and unexpected:
            complaints.append(f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
        complaints += [
            f"size mismatch for {name}: copying a param with shape {Size(array.shape)} from checkpoint, the shape in current "
            f"model is {own[name].shape}."
            for name, array in arrays.items()
            if array.shape != own[name].shape
        ]
        if complaints:
            details = "\n\t".join(complaints)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{details}")
        for name, array in arrays.items():
            own[name].write(array.astype(own[name].dtype.numpy, copy=False))
        return IncompatibleKeys(missing, unexpected)

    # Text.

    def extra_repr(self) -> str:
        """Return what `repr` shows between the brackets; a subclass may define it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        children = [(f"({name})", repr(self.__dict__[name])) for name in self._names["module"]]
        return described(self._get_name(), self.extra_repr(), children)


def described(name: str, extra: str, children: list[tuple[str, str]]) -> str:
    """Return the text of a module: its name and, in brackets, its settings and its children line by line."""
    settings = extra.split("\n") if extra else []
    if not children and len(settings) <= 1:
        return f"{name}({extra})"
    lines = [*settings, *(f"{label}: {text}" for label, text in children)]
    inner = "\n".join(lines).replace("\n", "\n  ")
    return f"{name}(\n  {inner}\n)"


_EXPECTED: dict[Kind, str] = {
    "parameter": "parameter '{}' (minigrad.nn.Parameter or None expected)",
    "module": "child module '{}' (minigrad.nn.Module or None expected)",
    "buffer": "buffer '{}' (minigrad.Tensor or None expected)",
}


def _typename(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _values(state: Any) -> np.ndarray[Any, Any]:
    return state.array if isinstance(state, Tensor) else np.asarray(state)
