"""A user's own differentiable operation, written with both of its directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

import numpy as np

from minigrad.autodiff import AccumulateGrad, Cotangent, Node, Version, Vertex, next_sequence_nr
from minigrad.grad_mode import set_recording, thread
from minigrad.ops.broadcasting import match_shape
from minigrad.tensor import Tensor, restored, wrap

P = ParamSpec("P")


class Context:
    """What `Function.forward` leaves for `Function.backward`; numbers and the like may be set as attributes.

    Attributes:
        needs_input_grad: For each argument of forward, whether a gradient is asked for.
        saved_tensors: What was given to `save_for_backward`.
    """

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._given: tuple[Tensor | None, ...] = ()
        self._saved: list[tuple[Any, Vertex | None, Version, int] | None] | None = []
        self._constant: set[int] = set()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep arguments or results for backward. In this way a change of theirs in between is found out."""
        self._given = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say that results, such as positions, have no gradient."""
        self._constant = {id(t) for t in tensors}

    def _keep(self, vertices: dict[int, Vertex]) -> None:
        """Replace the tensors given by their arrays and vertices, so that the graph holds no cycle.

        Raises:
            TypeError: One is no Tensor.
        """
        for k, t in enumerate(self._given):
            if not isinstance(t, Tensor | None):
                raise TypeError(f"save_for_backward can only save variables, but argument {k} is of type {type(t).__name__}")
        self._saved = [
            None if t is None else (t.array, vertices.get(id(t), t.vertex()), t.version, t.version.last_write)
            for t in self._given
        ]
        self._given = ()

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to `save_for_backward`.

        Raises:
            RuntimeError: They were freed by an earlier backward, or written to since.
        """
        if self._saved is None:
            raise RuntimeError(
                "Trying to backward through the graph a second time: the saved tensors were freed by the first backward. "
                "Specify retain_graph=True there, or compute the loss again."
            )
        tensors: list[Tensor | None] = []
        for kept in self._saved:
            if kept is None:
                tensors.append(None)
                continue
            array, vertex, written, before = kept
            if written.last_write != before:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: a saved "
                    f"tensor of shape {list(array.shape)} was written to before backward reached it"
                )
            tensors.append(restored(array, vertex))
        return tuple(tensors)


class Cotangents:
    """The cotangents of several results of one operation, of which only some may have arrived; they add one by one."""

    def __init__(self, *values: Cotangent | None) -> None:
        self.values = values

    def __add__(self, other: Cotangents) -> Cotangents:
        pairs = zip(self.values, other.values, strict=True)
        return Cotangents(*(b if a is None else a if b is None else a + b for a, b in pairs))


class Result(Node):
    """The vertex of one of several results: it hands its cotangent on in its place among the others."""

    __slots__ = ("applied", "count", "place")

    def __init__(self, applied: Applied, place: int, count: int) -> None:
        self.number = next_sequence_nr()
        self.hooks = None
        self.parents = (applied,)
        self.applied, self.place, self.count = applied, place, count

    def pull(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        return [Cotangents(*(cotangent if k == self.place else None for k in range(self.count)))]

    @property
    def next_functions(self) -> tuple[tuple[Node | AccumulateGrad | None, int], ...]:
        """Those of the application: for torch it is one node with several results."""
        return self.applied.next_functions

    def name(self) -> str:  # noqa: D102
        return self.applied.name()


class Applied(Node):
    """The application of a user's `Function`."""

    __slots__ = ("context", "function", "inputs", "outputs")

    def __init__(self, function: type[Function], context: Context, arguments: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.number = next_sequence_nr()
        self.hooks = None
        self.parents = tuple(x.vertex() if isinstance(x, Tensor) else None for x in arguments)
        self.function, self.context = function, context
        self.inputs = [(x.array.shape, x.dtype) if isinstance(x, Tensor) else None for x in arguments]
        self.outputs = [(y.array.shape, y.array.dtype) if isinstance(y, Tensor) else None for y in outputs]

    @property
    def next_functions(self) -> tuple[tuple[Node | AccumulateGrad | None, int], ...]:
        """The parents of those arguments that are tensors."""
        edges = zip(super().next_functions, self.inputs, strict=True)
        return tuple(edge for edge, like in edges if like is not None)

    def pull(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        arrived = cotangent.values if isinstance(cotangent, Cotangents) else (cotangent,)
        lifted = any(isinstance(g, Tensor) for g in arrived)
        grads: list[Tensor | None] = []
        for g, like in zip(arrived, self.outputs, strict=True):
            if g is None:
                grads.append(None if like is None else wrap(np.zeros(*like)))
            else:
                grads.append(g if isinstance(g, Tensor) else wrap(np.asarray(g)))
        with set_recording(lifted), thread.state.reentrant():
            returned = self.function.backward(self.context, *grads)
            shares = returned if isinstance(returned, tuple) else (returned,)
            count = len(self.parents)
            if len(shares) < count or any(share is not None for share in shares[count:]):
                raise RuntimeError(
                    f"function {self} returned an incorrect number of gradients (expected {count}, got {len(shares)})"
                )
            return [self._checked(k, share, lifted) for k, share in enumerate(shares[:count])]

    def _checked(self, k: int, share: Any, lifted: bool) -> Cotangent | None:
        if share is None:
            return None
        if not isinstance(share, Tensor):
            raise RuntimeError(f"{self}: expected a Tensor or None as gradient {k}, but got {type(share).__name__}")
        like = self.inputs[k]
        if like is None:
            raise RuntimeError(
                f"function {self} returned a gradient different than None at position {k + 1}, but the corresponding forward "
                "input was not a Tensor"
            )
        if self.parents[k] is None:
            return None
        shape, dtype = like
        aligned = zip(reversed(shape), reversed(share.shape), strict=False)
        if share.ndim < len(shape) or any(n not in (1, m) for n, m in aligned):
            raise RuntimeError(
                f"Function {self} returned an invalid gradient at index {k} - got {list(share.shape)} but expected shape "
                f"compatible with {list(shape)}"
            )
        share = match_shape(share, shape).to(dtype)
        # As a view, because the array may be the user's own: whoever wants to keep it will copy it.
        return share if lifted else share.array.view()

    def release(self) -> None:  # noqa: D102
        self.context._saved = None

    def name(self) -> str:  # noqa: D102
        return f"{self.function.__name__}Backward"


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

        Keyword arguments are brought to their places; with `setup_context`, defaults too have theirs.

        Raises:
            TypeError: The arguments are not those of forward, or one has no place, as keyword-only arguments have none.
        """
        context = Context()
        alone = cls.setup_context is not Function.setup_context
        first = () if alone else (context,)
        if kwargs or alone:
            bound = signature(cls.forward).bind(*first, *args, **kwargs)
            if alone:
                bound.apply_defaults()
            if bound.kwargs:
                raise TypeError(
                    f"{cls.__name__}.apply() cannot give forward its argument {next(iter(bound.kwargs))!r} by place"
                )
            args = bound.args[len(first) :]
        context.needs_input_grad = tuple(isinstance(x, Tensor) and x.requires_grad for x in args)
        with set_recording(False):
            computed = cls.forward(*first, *args)
            if alone:
                cls.setup_context(context, args, computed)
        several = isinstance(computed, tuple)
        made = computed if several else (computed,)
        # A result that is an argument itself is given out as another tensor, which can have another place in the graph.
        outputs = [y.detach() if isinstance(y, Tensor) and any(y is x for x in args) else y for y in made]
        recorded = thread.state.grad_enabled and any(context.needs_input_grad)
        applied = Applied(cls, context, args, outputs) if recorded else None
        vertices: dict[int, Vertex] = {}
        for k, (y, original) in enumerate(zip(outputs, made, strict=True)):
            if not isinstance(y, Tensor):
                continue
            inner = y.vertex()  # a view asks its base now, and not later
            if applied is not None and y.is_floating_point() and id(original) not in context._constant:
                y.node = Result(applied, k, len(outputs)) if several else applied
                vertices[id(y)] = y.node
                for x in args:
                    if isinstance(x, Tensor) and x.version is y.version:
                        y._base, y._maker, y._seen = x if x._base is None else x._base, cls.__name__, y.version.last_write
            elif inner is not None:  # forward has recorded it, on its own account
                outputs[k] = y.detach()
        if applied is not None:
            context._keep(vertices)
            if thread.state.observer is not None:
                given = [x.array for x in args if isinstance(x, Tensor)]
                for y in outputs:
                    if isinstance(y, Tensor):
                        thread.state.observer.forward(applied, given, y.array)
        return tuple(outputs) if several else outputs[0]


class Barrier(Node):
    """The vertex of a gradient that must not be differentiated again."""

    __slots__ = ()

    def __init__(self, parents: tuple[Vertex | None, ...]) -> None:
        self.number = next_sequence_nr()
        self.hooks = None
        self.parents = parents

    def pull(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(backward: Callable[P, Any]) -> Callable[P, Any]:
    """Mark a `Function.backward` that is not written in differentiable operations: its results refuse a second derivative."""

    @wraps(backward)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        with set_recording(False):
            shares = backward(*args, **kwargs)
        parents = tuple(g.vertex() for g in args[1:] if isinstance(g, Tensor))
        if not thread.state.grad_enabled or not any(parent is not None for parent in parents):
            return shares
        barrier = Barrier(parents)
        several = shares if isinstance(shares, tuple) else (shares,)
        closed = tuple(None if share is None else wrap(share.array, barrier) for share in several)
        return closed if isinstance(shares, tuple) else closed[0]

    return guarded
