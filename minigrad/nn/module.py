"""Parameter, Module and Linear: what a model is made of.

A *module* is a function with parameters: ``y = layer(x)`` depends on ``layer.weight`` too. It may be composed of other
modules, its *submodules*, so that a model is a tree. The optimizer needs every parameter of the tree, a checkpoint needs
their names, and no model should have to list them. So **what is assigned as an attribute is registered**:

* a `Parameter` as a parameter: ``self.weight = Parameter(...)``;
* a `Module` as a submodule: ``self.layer = Linear(3, 1)``;
* a tensor only if it is given to `register_buffer`: a *buffer*, state that is saved with the model but not trained, such as
  the running mean of batch normalization.

The values stay in the instance's dictionary like all attributes, so that reading ``self.weight`` costs nothing extra; the
module only notes what each registered name is. `Linear`, at the end of this file, is the worked example.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from minigrad import dtypes
from minigrad.creation import empty
from minigrad.hooks import RemovableHandle
from minigrad.nn import init
from minigrad.nn.conversion import ConversionMethods
from minigrad.nn.formatting import format_module
from minigrad.nn.functional.linear import linear
from minigrad.nn.hooks import ForwardHook, Hooks
from minigrad.nn.registration import Kind, assigned_before_init, check_registration, missing_attribute, wrong_assignment
from minigrad.nn.state import StateMethods, join
from minigrad.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that is registered when it is assigned to an attribute of a `Module`. Equals ``torch.nn.Parameter``.

    It shares memory with `data`, and requires a gradient by default, also when it is made under ``no_grad()``.

    Raises:
        TypeError: The data is not a tensor.
        RuntimeError: It requires a gradient, but its dtype is not floating-point.
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is not None and not isinstance(data, Tensor):
            raise TypeError(f"Parameter data has to be a Tensor, but got {type(data).__name__}: make one with tensor(...)")
        source = empty(0) if data is None else data
        self.array = source.array
        self.version = source.version
        self.requires_grad = requires_grad

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return a copy in memory of its own, without the gradient."""
        copied = super().__deepcopy__(memo)
        copied.grad = None
        return copied

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Module(StateMethods, ConversionMethods):
    """The base class of every layer and model. Equals ``torch.nn.Module``.

    A subclass calls ``super().__init__()`` before it assigns parameters and submodules, and defines `forward`.

    Attributes:
        training: True in training mode, which is the default, False in evaluation mode. Layers such as Dropout read it.

    >>> import minigrad
    >>> class Line(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = Parameter(minigrad.tensor([2.0]))
    ...
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> line = Line()
    >>> [name for name, _ in line.named_parameters()]
    ['slope']
    >>> line(minigrad.tensor([1.0, 2.0]))
    tensor([2., 4.], grad_fn=<MulBackward0>)
    """

    def __init__(self) -> None:
        self.training = True
        self._kinds: dict[str, Kind] = {}  # what each registered name is, in the order of registration
        self._non_persistent_buffers: set[str] = set()  # names of those that state_dict leaves out
        self._hooks: Hooks | None = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result. Subclasses define it; users call the module itself, which runs the hooks too.

        Raises:
            NotImplementedError: The subclass does not define it.
        """
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result of `forward`."""
        if self._hooks is not None:
            return self._hooks.call(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # ------------------------------------------------------------------------------------------------- registration

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self._kind_of(name)
        if isinstance(value, Parameter):
            kind = "parameter"
        elif isinstance(value, Module) and kind != "parameter":
            kind = "module"
        elif kind is not None and value is not None and not (kind == "buffer" and isinstance(value, Tensor)):
            raise wrong_assignment(name, kind, value)
        if kind is None:
            object.__setattr__(self, name, value)
        else:
            self._set_member(name, kind, value)

    if not TYPE_CHECKING:  # or else type checkers would find no wrong name

        def __getattr__(self, name: str) -> Any:  # where Python has found no attribute
            raise missing_attribute(self, name)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._drop_member(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Register a parameter. None reserves the name for a parameter that is absent, such as the bias with ``bias=False``.

        Raises:
            KeyError: The name is empty, contains a dot, or is that of another attribute.
            TypeError: It is not a Parameter.
            ValueError: It is the result of an operation, and so not a leaf.
        """
        self._register(name, "parameter", param, Parameter)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Register a tensor that is part of the module's state but not trained, such as a running mean.

        Args:
            name: The attribute's name.
            tensor: The buffer; None reserves the name.
            persistent: Whether it is part of `state_dict`.

        Raises:
            KeyError: The name is empty, contains a dot, or is that of another attribute.
            TypeError: It is not a Tensor.
        """
        self._register(name, "buffer", tensor, Tensor)
        self._non_persistent_buffers.discard(name)
        if not persistent:
            self._non_persistent_buffers.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Register a submodule under a name that is no identifier, or computed: ``add_module(f"layer{k}", ...)``.

        Raises:
            KeyError: The name is empty, contains a dot, or is that of another attribute.
            TypeError: It is not a Module.
        """
        self._register(name, "module", module, Module)

    add_module = register_module

    def _register(self, name: str, kind: Kind, value: Any, expected: type) -> None:
        check_registration(self, name, kind, value, expected, self._kind_of(name))
        self._set_member(name, kind, value)

    def _kind_of(self, name: str) -> Kind | None:
        kind: Kind | None = self.__dict__.get("_kinds", {}).get(name)
        return kind

    def _set_member(self, name: str, kind: Kind, value: Any) -> None:
        if "_kinds" not in self.__dict__:
            raise assigned_before_init(kind)
        if self._kinds.get(name) != kind:
            self._drop_member(name)
        self._kinds[name] = kind
        self.__dict__[name] = value

    def _drop_member(self, name: str) -> None:
        self._kinds.pop(name, None)
        self._non_persistent_buffers.discard(name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a copied or unpickled state. A shallow copy shares the members, but what it registers is its own."""
        self.__dict__.update(state)
        self._kinds = dict(self._kinds)
        self._non_persistent_buffers = set(self._non_persistent_buffers)

    # ---------------------------------------------------------------------------------------------------- traversal

    def _members(self, kind: Kind) -> dict[str, Any]:
        """Return what is registered as a kind in this module itself, by name; absent ones are None."""
        return {name: self.__dict__[name] for name, registered_as in self._kinds.items() if registered_as == kind}

    @property
    def _modules(self) -> Mapping[str, Any]:
        """The submodules by name, for programs that read them there as in torch; `register_module` adds one."""
        return MappingProxyType(self._members("module"))

    def _named(self, kind: Kind, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        """Yield the full name and the value of each member of a kind: those of this module, then of each submodule."""
        seen = set()
        for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for name, member in module._members(kind).items():
                if member is not None and not (remove_duplicate and id(member) in seen):
                    seen.add(id(member))
                    yield join(path, name), member

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """Yield this module, whose name is the prefix, and all modules below it, parents before children."""
        seen = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            children = [(join(path, name), child) for name, child in module._members("module").items() if child is not None]
            stack.extend(reversed(children))

    def modules(self) -> Iterator[Module]:
        """Yield this module and all modules below it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the submodules of this module itself with their names, each once."""
        return self._named("module", "", recurse=False, remove_duplicate=True)

    def children(self) -> Iterator[Module]:
        """Yield the submodules of this module itself, each once."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield each parameter with its name, such as ``layer.weight``."""
        return self._named("parameter", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield each parameter once, first the module's own, then (with recurse) those of the submodules."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield each buffer with its name."""
        return self._named("buffer", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield each buffer once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    # ----------------------------------------------------------------------- operations on the module and all below it

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call a function with every module below this one, then with this one; return self.

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
        """Switch to training mode, or with False to evaluation mode, by the `train` of each submodule.

        Raises:
            ValueError: The mode is not a boolean.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of every parameter; False freezes the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient of every parameter to None, or with ``set_to_none=False`` to zeros."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else p.grad.detach().zero_()

    def _add_hook(self, kind: str, hook: Callable[..., Any], prepend: bool) -> RemovableHandle:
        if self._hooks is None:
            self._hooks = Hooks()
        return RemovableHandle(getattr(self._hooks, kind), hook, 0 if prepend else None)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before `forward`; what it returns, unless None, replaces the arguments.

        Args:
            hook: The function; with_kwargs it is called as ``hook(module, args, kwargs)`` and returns both or None.
            prepend: Whether it is called before the hooks that are registered so far, not after them.
            with_kwargs: Whether it is passed the keyword arguments too.
        """
        return self._add_hook("before", ForwardHook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, result)`` after `forward`; what it returns, unless None, replaces the result.

        Args:
            hook: The function; with_kwargs it is called as ``hook(module, args, kwargs, result)``.
            prepend: Whether it is called before the hooks that are registered so far, not after them.
            with_kwargs: Whether it is passed the keyword arguments too.
            always_call: Whether it is called even if `forward` or another hook raises an exception; the result is None if
                there is none. An exception of its own is chained to that one, where torch only warns of it.

        >>> from minigrad import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> handles = [m.register_forward_hook(lambda m, args, y: print(type(m).__name__, y.shape)) for m in model]
        >>> _ = model(empty(5, 2).zero_())
        Linear minigrad.Size([5, 3])
        ReLU minigrad.Size([5, 3])
        """
        return self._add_hook("after", ForwardHook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients by the result are known, before those by the arguments.

        What it returns, unless None, replaces grad_output, a tuple with None for what is no tensor.
        """
        return self._add_hook("before_backward", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients by the positional arguments are known.

        Both are tuples, with None for what is no tensor, and zeros for one that requires no gradient. What it returns,
        unless None, replaces grad_input. It is not called if the result is neither a tensor nor a tuple.
        """
        return self._add_hook("backward", hook, prepend)

    def extra_repr(self) -> str:
        """Return the settings that `repr` shows in parentheses; a subclass may define it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        children = [(f"({name})", repr(child)) for name, child in self._members("module").items()]
        return format_module(self._get_name(), self.extra_repr(), children)


class Linear(Module):
    """The affine layer y = x Wᵀ + b. Equals ``torch.nn.Linear``.

    Shape:
        ``(*, in_features) -> (*, out_features)``

    Attributes:
        weight: W, of shape ``(out_features, in_features)``, drawn from U(-k, k) with k = 1 / sqrt(in_features).
        bias: b, of shape ``(out_features,)``, from the same distribution; None with ``bias=False``.

    >>> layer = Linear(3, 1)
    >>> layer
    Linear(in_features=3, out_features=1, bias=True)
    >>> layer(empty(5, 3)).shape
    minigrad.Size([5, 1])
    """

    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: dtypes.dtype | None = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Re-initialize the parameters."""
        k = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        init.uniform_(self.weight, -k, k)
        if self.bias is not None:
            init.uniform_(self.bias, -k, k)

    def forward(self, input: Tensor) -> Tensor:
        """Return x Wᵀ + b."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"
