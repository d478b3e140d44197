"""A user's own differentiable operation, written with both of its directions."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence, Set
from functools import wraps
from inspect import signature
from typing import Any, NamedTuple, ParamSpec

import numpy as np

from minigrad.autodiff import Cotangent, Node, Version, Vertex, unpack
from minigrad.errors import graph_freed, saved_tensor_modified
from minigrad.grad_mode import set_recording, thread
from minigrad.multi_output import OutputCotangents, OutputNode
from minigrad.primitive import Array, unbroadcast
from minigrad.tensor import Tensor, wrap

P = ParamSpec("P")


class Saved(NamedTuple):
    """A tensor given to `Context.save_for_backward`.

    Attributes:
        array: Its values.
        vertex: Its place in the graph; for a result of the function itself its index, to avoid a reference cycle.
        version: Its version counter.
        last_write: What that showed when the tensor was saved.
    """

    array: Array
    vertex: Vertex | int | None
    version: Version
    last_write: int


class Context:
    """What `Function.forward` leaves for `Function.backward`; other values may be set as attributes.

    Attributes:
        needs_input_grad: For each argument of forward, whether a gradient is required.
        saved_tensors: What was given to `save_for_backward`.
        materialize_grads: Whether backward is given zeros for a result without gradient.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self, function_name: str = "Function") -> None:
        self._function_name = function_name
        self._to_save: tuple[Tensor | None, ...] = ()
        self._saved: list[Saved | None] | None = []
        self._non_differentiable: set[int] = set()
        self._dirty: set[int] = set()
        self.materialize_grads = True
        self._node: Callable[[], FunctionNode | None] = lambda: None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep arguments or results for backward. A write to one of them before backward is then an error."""
        self._to_save = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that results, such as indices, have no gradient."""
        self._non_differentiable = {id(t) for t in tensors}

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say that forward has written to arguments in place; it must return them too."""
        self._dirty = {id(t) for t in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether backward is given zeros, as by default, or None for a result that has no gradient."""
        self.materialize_grads = value

    def _pack(self, node: FunctionNode, arguments: Sequence[Any], results: Sequence[Any]) -> None:
        """Replace the tensors to be saved by their arrays and vertices.

        Raises:
            TypeError: One is not a Tensor.
        """
        self._node, self._saved = weakref.ref(node), []
        # An argument that is returned unchanged was saved as the argument.
        unchanged = {id(x) for x in arguments} - self._dirty
        indices = {id(y): k for k, y in enumerate(results) if id(y) not in unchanged}
        for k, t in enumerate(self._to_save):
            if not isinstance(t, Tensor | None):
                raise TypeError(f"save_for_backward can only save variables, but argument {k} is of type {type(t).__name__}")
            vertex = None if t is None else indices[id(t)] if id(t) in indices else t.vertex()
            self._saved.append(None if t is None else Saved(t.array, vertex, t.version, t.version.last_write))
        self._to_save = ()

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to `save_for_backward`.

        Raises:
            RuntimeError: They were freed by an earlier backward, or written to since.
        """
        if self._saved is None:
            raise graph_freed(self._function_name)
        return tuple([None if saved is None else self._unpack(saved) for saved in self._saved])

    def _unpack(self, saved: Saved) -> Any:
        if saved.version.last_write != saved.last_write:
            raise saved_tensor_modified(self._function_name, saved.array.shape)
        vertex, node = saved.vertex, self._node()
        if isinstance(vertex, int) and node is not None:
            vertex = node.vertex_of_result(vertex)
        return unpack(saved.array, vertex, saved.version)


class FunctionNode(Node):
    """The application of a user's `Function`.

    Attributes:
        inputs: For each argument the shape and dtype, None if it is not a tensor.
        outputs: The same for each result.
        several: Whether forward returned a tuple, so that each result has an `OutputNode`.
    """

    __slots__ = ("context", "function", "inputs", "outputs", "several")

    user_defined = True

    def __init__(
        self, function: type[Function], context: Context, arguments: Sequence[Any], results: Sequence[Any], several: bool
    ) -> None:
        super().__init__(tuple(x.vertex() if isinstance(x, Tensor) else None for x in arguments))
        self.function, self.context, self.several = function, context, several
        self.inputs, self.outputs = (
            [(x.array.shape, x.array.dtype) if isinstance(x, Tensor) else None for x in xs] for xs in (arguments, results)
        )

    @property
    def op_name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    @property
    def tensor_parents(self) -> Sequence[Vertex | None]:
        """The parents of those arguments that are tensors."""
        return [parent for parent, like in zip(self.parents, self.inputs, strict=True) if like is not None]

    def vertex_of_result(self, index: int) -> Node:
        """Return a vertex for a result: any `OutputNode` with its index stands for it."""
        return OutputNode(self, index) if self.several else self

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        arrived = cotangent.values if isinstance(cotangent, OutputCotangents) else {0: cotangent}
        create_graph = any(isinstance(g, Tensor) for g in arrived.values())
        grad_outputs: list[Any] = []
        for k, like in enumerate(self.outputs):
            g = arrived.get(k)  # given as a copy: backward may write to it
            if g is None:
                materialized = like if self.context.materialize_grads else None
                grad_outputs.append(None if materialized is None else wrap(np.zeros(*materialized)))
            else:
                grad_outputs.append(g.clone() if isinstance(g, Tensor) else wrap(np.array(g)))
        with set_recording(create_graph):
            returned = self.function.backward(self.context, *grad_outputs)
            grads = returned if isinstance(returned, tuple) else (returned,)
            count = len(self.parents)
            if len(grads) < count or any(g is not None for g in grads[count:]):
                raise RuntimeError(
                    f"function {self.op_name}Backward returned an incorrect number of gradients (expected {count}, got "
                    f"{len(grads)})"
                )
            return [self._checked(k, g, create_graph) for k, g in enumerate(grads[:count])]

    def _checked(self, k: int, g: Any, create_graph: bool) -> Cotangent | None:
        """Return what backward returned for one argument as its cotangent, of its shape and dtype."""
        if g is None:
            return None
        name, like = f"{self.op_name}Backward", self.inputs[k]
        if not isinstance(g, Tensor):
            raise RuntimeError(f"{name}: expected a Tensor or None as gradient {k}, but got {type(g).__name__}")
        if like is None:
            raise RuntimeError(
                f"function {name} returned a gradient different than None at position {k + 1}, but the corresponding forward "
                "input was not a Tensor"
            )
        if self.parents[k] is None:
            return None
        shape, dtype = like
        aligned = zip(reversed(shape), reversed(g.array.shape), strict=False)
        if g.ndim < len(shape) or any(n not in (1, m) for n, m in aligned):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {k} - got {list(g.shape)} but expected shape "
                f"compatible with {list(shape)}"
            )
        g = unbroadcast(g, shape).to(dtype)
        # As a view, because the array may be the user's own: whoever wants to keep it will copy it.
        return g if create_graph else g.array.view()

    def release_saved(self) -> None:  # noqa: D102
        self.context._saved = None


class Function:
    """Base of a user's own differentiable operation (``torch.autograd.Function``).

    A subclass writes two static methods: ``forward(ctx, *args)``, which computes tensors from tensors unrecorded, and
    ``backward(ctx, *grads)``, which returns for each argument of forward the gradient, given that of each result; None for
    an argument that has none. Backward may be differentiated in turn if it is written in differentiable operations.

    >>> import minigrad
    >>> class Exp(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         y = x.exp()
    ...         ctx.save_for_backward(y)
    ...         return y
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (y,) = ctx.saved_tensors
    ...         return g * y
    >>> x = minigrad.tensor(0.0, requires_grad=True)
    >>> Exp.apply(x).backward()
    >>> x.grad
    tensor(1.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the results. The first argument is the `Context`, unless the subclass has `setup_context`."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Context, inputs: tuple[Any, ...], output: Any) -> None:
        """Save what backward needs, in a subclass whose forward takes no context."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Context, *grad_outputs: Any) -> Any:
        """Compute the gradients of the arguments."""
        raise NotImplementedError("You must implement the backward function for custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward, and record that backward is its derivative.

        Keyword arguments are passed by position; with `setup_context`, defaults are passed too.

        Raises:
            TypeError: The arguments are not those of forward, or one cannot be passed by position.
            RuntimeError: An argument that is marked dirty is a leaf that requires a gradient, or is not returned.
        """
        context = Context(cls.__name__)
        has_setup_context = cls.setup_context is not Function.setup_context
        ctx_args = () if has_setup_context else (context,)
        if kwargs or has_setup_context:
            bound = signature(cls.forward).bind(*ctx_args, *args, **kwargs)
            if has_setup_context:
                bound.apply_defaults()
            if bound.kwargs:
                raise TypeError(
                    f"{cls.__name__}.apply() cannot pass forward its argument {next(iter(bound.kwargs))!r} by position"
                )
            args = bound.args[len(ctx_args) :]
        context.needs_input_grad = tuple(isinstance(x, Tensor) and x.requires_grad for x in args)
        with set_recording(False):
            returned = cls.forward(*ctx_args, *args)
            if has_setup_context:
                cls.setup_context(context, args, returned)
        several = isinstance(returned, tuple)
        results = returned if several else (returned,)
        recorded = thread.state.grad_enabled and any(context.needs_input_grad)
        node = FunctionNode(cls, context, args, results, several) if recorded else None
        outputs = tuple(cls._output(context, node, k, y, args) for k, y in enumerate(results))
        if context._dirty - {id(y) for y in results}:
            raise RuntimeError(f"{cls.__name__}: a tensor that is marked dirty was not returned by forward")
        if node is not None:
            context._pack(node, args, results)
            if thread.state.observer is not None:
                arrays = [x.array for x in args if isinstance(x, Tensor)]
                for y in outputs:
                    if isinstance(y, Tensor):
                        thread.state.observer.tell("recorded", node, arrays, y.array)
        return outputs if several else outputs[0]

    @classmethod
    def _output(cls, context: Context, node: FunctionNode | None, k: int, result: Any, args: Sequence[Any]) -> Any:
        """Return what is given out for a result of forward: a tensor with its place in the graph."""
        if not isinstance(result, Tensor):
            return result
        differentiable = node is not None and result.is_floating_point() and id(result) not in context._non_differentiable
        if id(result) in context._dirty:
            if node is not None and differentiable and result._check_in_place(cls.__name__, args):
                result.rebase_history(wrap(result.array, node.vertex_of_result(k)))
            return result
        # A result that is an argument itself is given out as another tensor, which can have another place in the graph.
        output = result.detach() if any(result is x for x in args) else result
        # Before its node is set: a view of what forward wrote to catches up with the write when it is asked.
        on_its_own = output.vertex() is not None  # forward has recorded it itself
        if node is not None and differentiable:
            output.node = node.vertex_of_result(k)
            for x in args:
                if isinstance(x, Tensor) and x.version is output.version:
                    output.become_view_of_function(x, cls.__name__)
        elif on_its_own:
            output = output.detach()
        return output


class OnceDifferentiableNode(Node):
    """The vertex of a gradient that cannot be differentiated again."""

    __slots__ = ()

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(backward: Callable[P, Any]) -> Callable[P, Any]:
    """Mark a `Function.backward` that is not written in differentiable operations: its results refuse a second derivative."""

    @wraps(backward)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
        with set_recording(False):
            grads = backward(*args, **kwargs)
        parents = tuple(g.vertex() for g in args[1:] if isinstance(g, Tensor))
        if not thread.state.grad_enabled or not any(parent is not None for parent in parents):
            return grads
        node = OnceDifferentiableNode(parents)
        as_tuple = grads if isinstance(grads, tuple) else (grads,)
        closed = tuple(None if g is None else wrap(g.array, node) for g in as_tuple)
        return closed if isinstance(grads, tuple) else closed[0]

    return wrapper
