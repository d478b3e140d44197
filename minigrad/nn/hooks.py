"""The hooks of a module: functions that are called before and after `forward`, and in the backward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minigrad.autograd.function import Function
from minigrad.tensor import Tensor

Hook = Callable[..., Any]


@dataclass(eq=False)
class ForwardHook:
    """A function to call before or after `forward`.

    Attributes:
        function: Called as ``function(module, args)`` before it, as ``function(module, args, result)`` after it.
        with_kwargs: Whether the keyword arguments are passed too, after args.
        always_call: Whether it is called even if an exception is raised.
    """

    function: Hook
    with_kwargs: bool
    always_call: bool = False

    def __call__(self, module: Any, args: Any, kwargs: Any, *result: Any) -> Any:
        """Return what the function returns."""
        keywords = (kwargs,) if self.with_kwargs else ()
        return self.function(module, args, *keywords, *result)


class Hooks:
    """The hooks of one module.

    Attributes:
        before: What they return replaces the positional arguments, or with_kwargs all arguments.
        after: What they return replaces the result.
        before_backward: Called as ``hook(module, grad_output)``; what they return replaces grad_output.
        backward: Called as ``hook(module, grad_input, grad_output)``; what they return replaces grad_input.
    """

    def __init__(self) -> None:
        self.before: list[ForwardHook] = []
        self.after: list[ForwardHook] = []
        self.before_backward: list[Hook] = []
        self.backward: list[Hook] = []

    def call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of ``module.forward``."""
        result: Any = None
        called: list[ForwardHook] = []
        try:
            for hook in tuple(self.before):
                replacement = hook(module, args, kwargs)
                if hook.with_kwargs:
                    args, kwargs = _replaced((args, kwargs), replacement, "values for (args, kwargs)")
                elif replacement is not None:
                    args = replacement if isinstance(replacement, tuple) else (replacement,)
            watch = BackwardWatch(module, self) if self.before_backward or self.backward else None
            if watch:
                args = watch.inputs(args)
            result = module.forward(*args, **kwargs)
            for hook in tuple(self.after):
                called.append(hook)
                replacement = hook(module, args, kwargs, result)
                result = result if replacement is None else replacement
            return watch.outputs(result) if watch else result
        except Exception:
            for hook in self.after:
                if hook.always_call and hook not in called:
                    hook(module, args, kwargs, result)
            raise


def _replaced(values: tuple[Any, ...], replacement: Any, kind: str) -> tuple[Any, ...]:
    """Return what a hook put in place of values, if anything.

    Raises:
        RuntimeError: These are not as many.
    """
    if replacement is None:
        return values
    replaced = replacement if isinstance(replacement, tuple | list) else (replacement,)
    if len(replaced) != len(values):
        raise RuntimeError(f"a hook returned an invalid number of {kind}, got {len(replaced)}, but expected {len(values)}")
    return tuple(replaced)


class BackwardWatch:
    """Calls the backward hooks of one call of a module, between two identities around it that see the gradients."""

    def __init__(self, module: Any, hooks: Hooks) -> None:
        self.module = module
        self.before, self.after = tuple(hooks.before_backward), tuple(hooks.backward)
        self.grad_output: tuple[Any, ...] | None = None  # until it is known
        self.no_gradients: tuple[None, ...] | None = None  # grad_input, if no input requires a gradient

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments with their tensors behind an identity, whose gradients are grad_input."""
        if not any(isinstance(x, Tensor) and x.requires_grad for x in args):
            self.no_gradients = (None,) * len(args)
            return args
        return self._behind_identity(args, self._on_grad_input)

    def outputs(self, result: Any) -> Any:
        """Return the result with its tensors behind an identity, whose gradients are grad_output."""
        if isinstance(result, tuple):
            return self._behind_identity(result, self._on_grad_output)
        return self._behind_identity((result,), self._on_grad_output)[0]

    def _behind_identity(self, values: tuple[Any, ...], on_gradients: Hook) -> tuple[Any, ...]:
        tensors = [x for x in values if isinstance(x, Tensor)]
        if not any(t.requires_grad for t in tensors):
            return values

        def on_backward(gradients: tuple[Any, ...]) -> Any:
            given = iter(gradients)
            replaced = on_gradients(tuple(next(given) if isinstance(x, Tensor) else None for x in values))
            return tuple(g for g, x in zip(replaced, values, strict=True) if isinstance(x, Tensor))

        passed = iter(_Identity.apply(on_backward, *tensors))
        replaced = [next(passed) if isinstance(x, Tensor) else x for x in values]
        return type(values)(*replaced) if hasattr(values, "_fields") else tuple(replaced)

    def _on_grad_output(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.before:
            gradients = _replaced(gradients, hook(self.module, gradients), "grad_output")
        self.grad_output = gradients
        if self.no_gradients is not None:
            self._on_grad_input(self.no_gradients)
        return gradients

    def _on_grad_input(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in () if self.grad_output is None else self.after:
            gradients = _replaced(gradients, hook(self.module, gradients, self.grad_output), "grad_input")
        self.grad_output = None
        return gradients


class _Identity(Function):
    """Views of tensors; in the backward pass a function is called with all their gradients, and may replace them."""

    @staticmethod
    def forward(ctx: Any, on_backward: Hook, *tensors: Tensor) -> Any:
        ctx.on_backward = on_backward
        views = tuple(t.view_as(t) for t in tensors)
        ctx.mark_non_differentiable(*(y for t, y in zip(tensors, views, strict=True) if not t.requires_grad))
        return views

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, *ctx.on_backward(gradients)
