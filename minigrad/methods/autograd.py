"""requires_grad, grad, grad_fn, backward and hooks: the graph as a user of torch sees it."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from minigrad.autodiff import Cotangent, Node, TensorBase, Vertex, accumulate, run_backward, wrap
from minigrad.backend import current
from minigrad.compat.graph import GradFn
from minigrad.compat.numpy_kwargs import methods_explain_errors
from minigrad.errors import check_root, input_without_gradient
from minigrad.grad_mode import set_recording, tell, thread
from minigrad.hooks import Hook, RemovableHandle
from minigrad.methods.attributes import ArrayAttributes
from minigrad.ops.shape import clone


def root_cotangent(output: Any, gradient: Any, create_graph: bool, position: int = 0) -> tuple[Vertex | None, Cotangent]:
    """Return the vertex of an output and its cotangent, by default 1: a tensor with create_graph, else an array or scalar.

    Raises:
        RuntimeError: The output requires no gradient, or has several elements and no gradient, or one of another shape.
    """
    vertex, array = output.vertex(), output.array
    if thread.state.observer is not None:
        thread.state.observer.tell("before_root", output)
    if vertex is None or gradient is not None or array.size != 1:
        check_root(output, gradient, position)
    if gradient is not None:
        gradient = gradient.to(array.dtype)
        return vertex, gradient if create_graph else gradient.array
    if create_graph:
        ones = np.ones_like(array)
        tell("after_creation", ones)
        return vertex, wrap(ones)
    return vertex, np.ones_like(array) if array.shape else array.dtype.type(1)  # computes faster than a 0-d array


def call_after_backward() -> None:
    """Call the functions that wait for the end of backward, each once."""
    waiting, thread.state.after_backward = thread.state.after_backward, []
    for function in waiting:
        function()


def gradient_targets(inputs: Sequence[Any], caller: str = "backward") -> list[Vertex]:
    """Return the vertices of the tensors by which is differentiated; those that are not leaves retain their gradients.

    Raises:
        RuntimeError: There is none, or one requires no gradient.
    """
    if not isinstance(inputs, Sequence) or not all(isinstance(t, TensorBase) for t in inputs):
        raise TypeError(f"{caller}(): argument 'inputs' must be a Tensor or a sequence of Tensors")
    if not inputs:
        raise RuntimeError(f"`inputs` argument to `{caller}()` cannot be empty.")
    for k, t in enumerate(inputs):
        if t.vertex() is None:
            raise input_without_gradient(k, t.array.shape)
        if caller == "backward":
            t.retain_grad()
    return [t.vertex() for t in inputs]


class RetainGrad:
    """The hook of `retain_grad`: adds a cotangent to the `grad` of a tensor, as long as there is the tensor."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = weakref.ref(tensor)

    def __call__(self, cotangent: Cotangent) -> None:  # noqa: D102
        tensor = self._tensor()
        if tensor is not None:
            tensor.accumulate_grad(cotangent if isinstance(cotangent, TensorBase) else np.array(cotangent), set())


@methods_explain_errors
class AutogradMethods(ArrayAttributes):
    """requires_grad, backward, hooks and related methods."""

    _grad: Self | None
    _retain_grad_handle: RemovableHandle | None = None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are computed for this tensor. It can be set on leaves.

        Setting raises RuntimeError for a tensor that is not a leaf, and for integers and booleans.
        """
        return self.vertex() is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if wanted and self.array.dtype.kind != "f":
            raise RuntimeError(
                f"only Tensors of floating point dtype can require gradients, but this one is {self.array.dtype}"
            )
        if wanted:  # a view that is a leaf has views of its own
            self._base, self._view_ops = None, ()
        self._requires_grad = wanted

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad`, which is True already for the result of an operation, and return the tensor.

        Raises:
            RuntimeError: The tensor is not a leaf and the argument is False, or it is not floating-point.
        """
        if not requires_grad or self.is_leaf:
            self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor is not the result of a recorded operation."""
        return not isinstance(self.vertex(), Node)

    @property
    def grad_fn(self) -> GradFn | None:
        """The node that computed this tensor, as torch shows it; None for a leaf."""
        vertex = self.vertex()
        return GradFn(vertex) if isinstance(vertex, Node) else None

    @property
    def grad(self) -> Self | None:
        """The gradient that `backward` has accumulated; no other tensor shares its memory. None before the first one."""
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
                "populated during autograd.backward(). Read the gradient of a leaf, call retain_grad(), or autograd.grad.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Self | None) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value.array.shape != self.array.shape:
                raise RuntimeError(
                    f"assigned grad has shape {list(value.array.shape)}, but the tensor has shape {list(self.array.shape)}"
                )
            if value.array.dtype != self.array.dtype:
                raise RuntimeError(
                    f"assigned grad has data of type {value.array.dtype}, but the tensor is {self.array.dtype}"
                )
        self._grad = value

    def backward(
        self,
        gradient: Self | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Self | Sequence[Self] | None = None,
    ) -> None:
        """Add to the `grad` of every leaf the derivative of this tensor by it.

        Args:
            gradient: The cotangent of this tensor, of its shape; may be left out for a scalar, where it is 1.
            retain_graph: Keep the saved residuals, so that backward can be called again. Default: create_graph.
            create_graph: Record the computation of the gradients, so that they can be differentiated in turn.
            inputs: The tensors that get a gradient, leaves or not; default all leaves.

        Raises:
            RuntimeError: The tensor does not require a gradient; has several elements and no gradient was given; the graph
                was freed by an earlier backward; or a saved tensor was overwritten. No `grad` is changed then.
        """
        targets = None if inputs is None else gradient_targets([inputs] if isinstance(inputs, TensorBase) else inputs)
        roots = [root_cotangent(self, gradient, create_graph)]
        retain_graph = create_graph if retain_graph is None else retain_graph
        grads = run_backward(roots, retain_graph, create_graph, targets, current.backend.backward_pass)
        accumulate(grads, () if gradient is None else (gradient.array,))
        if thread.state.after_backward:
            call_after_backward()

    def detach(self) -> Self:
        """Return a tensor that shares memory with this one and requires no gradient."""
        alias: Self = wrap(self.array)
        alias.version = self.version
        return alias

    def detach_(self) -> Self:
        """Forget how this tensor was computed: it becomes a leaf that requires no gradient.

        Raises:
            RuntimeError: It is a view.
        """
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self.node, self._requires_grad = None, False
        return self

    @property
    def data(self) -> Self:
        """The values, as by `detach`. A write through it is not recorded, but noticed if the value was saved for backward.

        Assigning another tensor makes this one use the other's memory.
        """
        return self.detach()

    @data.setter
    def data(self, value: Self) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self.array, self.version = value.array, value.version

    def clone(self) -> Self:
        """Return a copy in memory of its own, through which gradients flow."""
        return clone(self)

    def register_hook(self, hook: Callable[[Self], Self | None]) -> RemovableHandle:
        """Have a function called with the gradient of this tensor whenever one is computed.

        What it returns, or else its changes to the gradient in place, are used from there on.

        >>> import minigrad
        >>> x = minigrad.tensor(1.0, requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: 2 * gradient)
        >>> (3 * x).backward()
        >>> handle.remove()
        >>> x.grad
        tensor(6.)

        Raises:
            RuntimeError: The tensor requires no gradient; or, in backward, the other gradient has another shape or dtype.
            TypeError: In backward, the hook returned something that is not a tensor.
        """

        def on_cotangent(cotangent: Cotangent) -> Cotangent | None:
            create_graph = isinstance(cotangent, TensorBase)
            given = clone(cotangent) if create_graph else wrap(np.array(cotangent))
            with set_recording(create_graph):
                replacement = checked_hook_result(hook(given), given.array)
            if replacement is None:
                if not given.version.last_write:
                    return None
                replacement = given
            return replacement if create_graph else replacement.array.copy()  # the user may hold it

        return self._add_hook(on_cotangent)

    def _add_hook(self, hook: Hook) -> RemovableHandle:
        vertex: Any = self.vertex()
        if vertex is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        vertex.hooks = vertex.hooks or []
        # What is retained is what the others have made of it.
        return RemovableHandle(vertex.hooks, hook, len(vertex.hooks) - self.retains_grad)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Self], None]) -> RemovableHandle:
        """Have a function called with this leaf whenever `backward` has added to its `grad`.

        Raises:
            RuntimeError: The tensor is not a leaf that requires a gradient.
        """
        if not self._requires_grad or not self.is_leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        hooks = self._post_accumulate_hooks if isinstance(self._post_accumulate_hooks, list) else []
        self._post_accumulate_hooks = hooks
        return RemovableHandle(hooks, hook)

    def retain_grad(self) -> None:
        """Have `backward` set the `grad` of this tensor also if it is not a leaf.

        Raises:
            RuntimeError: It requires no gradient.
        """
        if self.is_leaf or self.retains_grad:
            if not self.requires_grad:
                raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
            return
        self._retain_grad_handle = self._add_hook(RetainGrad(self))

    @property
    def retains_grad(self) -> bool:
        """Whether this tensor, which is not a leaf, gets a `grad`, because `retain_grad` was called."""
        return self._retain_grad_handle is not None

    def rebase_history(self, result: Self) -> None:
        """Become the result of an operation whose values were just written here, and retain the gradient of that."""
        super().rebase_history(result)
        if self._retain_grad_handle is not None:
            self.vertex()  # a view regenerates its node now, lest the gradient of its old value be retained

    def _set_node(self, node: Node | None) -> None:
        """Go on as the result of another node, and retain the gradient there."""
        super()._set_node(node)
        if self._retain_grad_handle is not None:
            self._retain_grad_handle.remove()
            self._retain_grad_handle = None
            if node is not None:
                self.retain_grad()


def checked_hook_result(replacement: Any, before: Any) -> Any:
    """Return what a hook returned, if it may replace the gradient before."""
    if replacement is None:
        return None
    if not isinstance(replacement, TensorBase):
        raise TypeError(f"expected Variable, but hook returned {type(replacement).__name__!r}")
    array = replacement.array
    if array.dtype != before.dtype:
        raise RuntimeError(f"hook has changed the type of value (was {before.dtype.name} got {array.dtype.name})")
    if array.shape != before.shape:
        raise RuntimeError(f"hook has changed the size of value: {list(before.shape)} became {list(array.shape)}")
    return replacement
