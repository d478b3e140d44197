"""Who asks for the gradient of a tensor, and who is told of it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from minigrad.autodiff import Cotangent, Hook, Node, RemovableHandle
from minigrad.grad_mode import set_recording, thread
from minigrad.methods.memory import Memory


class Gradients(Memory):
    """requires_grad, grad_fn and hooks."""

    _hooks: list[Hook] | None = None
    _retaining: RemovableHandle | None = None

    def _accumulate(self, cotangent: Cotangent, taken: set[int]) -> None:
        """Add a cotangent to `grad`; `taken` are the ids of arrays that belong to others."""
        raise NotImplementedError

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are carried to this tensor. It can be set on leaves."""
        return self.vertex() is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.node is not None:
            if wanted:
                return
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if wanted and self.array.dtype.kind != "f":
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, but this one is {self.dtype}")
        if wanted:  # a view that is a leaf has views of its own
            self._base, self._path = None, ()
        self._requires_grad = wanted

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` and return the tensor.

        Raises:
            RuntimeError: The tensor is not a leaf, or not of floating point.
        """
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether nobody computed this tensor, as far as the graph knows."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that computed this tensor; None for a leaf."""
        vertex = self.vertex()
        return vertex if isinstance(vertex, Node) else None

    def detach_(self) -> Self:
        """Forget how this tensor was computed: it becomes a leaf that requires no gradient.

        Raises:
            RuntimeError: It is a view.
        """
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node, self._requires_grad = None, False
        return self

    def register_hook(self, hook: Callable[[Self], Self | None]) -> RemovableHandle:
        """Have a function called with the gradient of this tensor whenever one is computed; it may return another instead.

        >>> import minigrad
        >>> x = minigrad.tensor(1.0, requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: 2 * gradient)
        >>> (3 * x).backward()
        >>> handle.remove()
        >>> x.grad
        tensor(6.)

        Raises:
            RuntimeError: The tensor requires no gradient; or, in backward, the other gradient has another shape or dtype.
            TypeError: In backward, the hook returned something that is no tensor.
        """

        def on_cotangent(cotangent: Cotangent) -> Cotangent | None:
            if not isinstance(cotangent, np.ndarray | np.generic):
                return checked(hook(cotangent), cotangent.array)
            with set_recording(False), thread.state.reentrant():
                replacement = checked(hook(self._constant(np.array(cotangent))), cotangent)
            return None if replacement is None else replacement.array.copy()  # the tensor may be the user's own

        return self._hook(on_cotangent)

    def _hook(self, hook: Hook) -> RemovableHandle:
        vertex = self.vertex()
        if vertex is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if isinstance(vertex, Node):
            vertex.hooks = hooks = vertex.hooks or []
        else:
            self._hooks = hooks = self._hooks or []
        hooks.insert(len(hooks) - self.retains_grad, hook)  # what is retained is what the others have made of it
        return RemovableHandle(hooks, hook)

    def retain_grad(self) -> None:
        """Have `backward` set the `grad` of this tensor also if it is not a leaf."""
        if self.is_leaf or self.retains_grad:
            if not self.requires_grad:
                raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
            return
        itself = weakref.ref(self)

        def keep(cotangent: Cotangent) -> None:
            tensor = itself()
            if tensor is not None:
                tensor._accumulate(cotangent if isinstance(cotangent, Gradients) else np.array(cotangent), set())

        self._retaining = self._hook(keep)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called, so that this tensor, which is no leaf, gets a `grad`."""
        return self._retaining is not None

    def _become(self, result: Self) -> None:
        """Go on, after a write, with the gradient of the new values."""
        super()._become(result)
        if self._retaining is not None:
            self._retaining.remove()
            self._retaining = None
            self.retain_grad()


def checked(replacement: Any, before: Any) -> Any:
    """Return what a hook returned, if it may replace the gradient before."""
    if replacement is None:
        return None
    if not isinstance(replacement, Gradients):
        raise TypeError(f"expected Variable, but hook returned {type(replacement).__name__!r}")
    array = replacement.array
    if array.dtype != before.dtype:
        raise RuntimeError(f"hook has changed the type of value (was {before.dtype.name} got {array.dtype.name})")
    if array.shape != before.shape:
        raise RuntimeError(f"hook has changed the size of value: {list(before.shape)} became {list(array.shape)}")
    return replacement
