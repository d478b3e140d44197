"""The hooks of a module: functions that are called before and after `forward`, and in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from minigrad.autograd.function import Function
from minigrad.tensor import Tensor

Hook = Callable[..., Any]


class Hooks:
    """The hooks of one module.

    Attributes:
        before: Called as ``hook(module, args)`` before `forward`; what they return replaces the positional arguments.
        after: Called as ``hook(module, args, result)`` after it; what they return replaces the result.
        backward: Called as ``hook(module, grad_input, grad_output)``; what they return replaces grad_input.
    """

    def __init__(self) -> None:
        self.before: list[Hook] = []
        self.after: list[Hook] = []
        self.backward: list[Hook] = []

    def call(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the result of ``module.forward``; hooks do not see keyword arguments."""
        for hook in tuple(self.before):
            replacement = hook(module, args)
            if replacement is not None:
                args = replacement if isinstance(replacement, tuple) else (replacement,)
        watch = BackwardWatch(module, tuple(self.backward)) if self.backward else None
        if watch:
            args = watch.inputs(args)
        result = module.forward(*args, **kwargs)
        for hook in tuple(self.after):
            replacement = hook(module, args, result)
            result = result if replacement is None else replacement
        return watch.outputs(result) if watch else result


class BackwardWatch:
    """Calls the backward hooks of one call of a module, between two identities around it that see the gradients."""

    def __init__(self, module: Any, hooks: tuple[Hook, ...]) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Any, ...] = ()
        self.watches_inputs = False

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments with their tensors behind an identity, whose gradients are grad_input."""
        self.watches_inputs = any(isinstance(x, Tensor) and x.requires_grad for x in args)
        return self._behind_identity(args, self._on_grad_input) if self.watches_inputs else args

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
        return tuple(next(passed) if isinstance(x, Tensor) else x for x in values)

    def _on_grad_output(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        self.grad_output = gradients
        if not self.watches_inputs:
            self._on_grad_input((None,))
        return gradients

    def _on_grad_input(self, gradients: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.hooks:
            replacement = hook(self.module, gradients, self.grad_output)
            if replacement is not None:
                gradients = replacement if isinstance(replacement, tuple) else (replacement,)
        return gradients


class _Identity(Function):
    """Views of tensors; in the backward pass a function is called with all their gradients, and may replace them."""

    @staticmethod
    def forward(ctx: Any, on_backward: Hook, *tensors: Tensor) -> Any:
        ctx.on_backward = on_backward
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return None, *ctx.on_backward(gradients)
