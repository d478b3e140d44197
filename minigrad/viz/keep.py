"""Keeping what a picture shows: the values, the gradient and the module of each operation that is recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from weakref import WeakKeyDictionary

import numpy as np

from minigrad.autodiff import Cotangent, Node, PrimitiveNode, TensorBase
from minigrad.autograd import Observer
from minigrad.hooks import RemovableHandle
from minigrad.nn import Module
from minigrad.primitive import Array


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a module.

    Attributes:
        path: The name of the module, such as ``layers.0``; that of the model itself is empty.
        title: Its name within the module that called it, and its class.
        parameters: How many elements its parameters have.
    """

    path: str
    title: str
    parameters: int


@dataclass(eq=False)
class Record:
    """What was kept of an operation.

    Attributes:
        calls: The calls of modules that it was part of, the outermost first.
        names: The names of those inputs that are parameters of the model; None for the others.
        inputs: The arrays that it was given; `copies` has their values at that time.
        out: A copy of the result.
        grad: A copy of the gradient by the result that the last backward pass found.
        saved: What the operation had saved for backward, by name.
    """

    calls: tuple[Call, ...] = ()
    names: Sequence[str | None] = ()
    inputs: Sequence[Array] = ()
    copies: Sequence[Array] = ()
    out: Array | None = None
    grad: Array | None = None
    saved: Mapping[str, Any] = field(default_factory=dict)


records: WeakKeyDictionary[Node, Record] = WeakKeyDictionary()
"""What was kept of each operation, for as long as its node exists."""


class keep(Observer):
    """Keep the values, the gradients and the modules of what is computed in a ``with`` block, for `graph` and `tree`.

    It stands around the forward pass, the backward pass or both. What is kept is copied, and freed with the graph. Outside of
    the block nothing is kept, and nothing is slower: values are known because this is an `Observer`, modules by forward hooks
    that the block registers and removes again.

    Args:
        model: The module whose calls, and those of its submodules, are shown as such; its parameters get their names.

    >>> import minigrad
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(2, 1), nn.Tanh())
    >>> with viz.keep(model):
    ...     loss = (model(minigrad.ones(1, 2)) + 2).sum()
    ...     loss.backward()
    >>> "leaf 0.weight" in viz.tree(loss)
    True
    """

    def __init__(self, model: Module | None = None) -> None:
        self.model = model
        self._calls: list[Call] = []
        self._names: dict[int, str] = {}
        self._handles: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        if self.model is not None:
            self._names = {id(p): name for name, p in self.model.named_parameters()}
            for path, module in self.model.named_modules():
                self._watch(path, module)
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__()
        for handle in self._handles:
            handle.remove()

    def _watch(self, path: str, module: Module) -> None:
        """Note when calls of a module begin and end."""
        parameters = sum(p.numel() for p in module.parameters())

        def begin(module: Module, args: Any) -> None:
            outer = f"{self._calls[-1].path}." if self._calls else ""
            name = path.removeprefix(outer)
            self._calls.append(Call(path, f"{name}: {type(module).__name__}".removeprefix(": "), parameters))

        def end(module: Module, args: Any, result: Any) -> None:
            self._calls.pop()

        self._handles.append(module.register_forward_pre_hook(begin))
        self._handles.append(module.register_forward_hook(end, always_call=True))

    def recorded(self, node: Node, inputs: Sequence[Array], out: Array) -> None:
        """Keep the inputs and the result of an operation."""
        record = Record(tuple(self._calls), [self._names.get(id(parent)) for parent in node.parents], inputs)
        record.copies = [np.array(x) for x in inputs]
        record.out = np.array(out)
        records[node] = record

    def before_vjp(self, node: Node, cotangent: Cotangent) -> None:
        """Keep the gradient by a result, and what is about to be freed."""
        record = records.setdefault(node, Record())
        record.saved = saved(node)
        array = cotangent.array if isinstance(cotangent, TensorBase) else cotangent
        if isinstance(array, np.ndarray | np.generic):
            record.grad = np.array(array)


def calls_of(node: Node) -> tuple[Call, ...]:
    """Return the calls of modules that an operation was part of."""
    operation: Node = getattr(node, "operation", node)  # of one of several results
    return records.get(operation, Record()).calls


def saved(node: Node) -> Mapping[str, Any]:
    """Return what an operation has saved, by name of the residual; after it was freed, what was kept of it.

    If a saved array was modified in place, no arrays are returned: they are not the values that the operation used.
    """
    if not isinstance(node, PrimitiveNode) or node.residuals is None:
        return records[node].saved if node in records else {}
    residuals = dict(zip(node.linearization.residuals, node.residuals, strict=True))
    if modified(node):
        residuals.update(dict.fromkeys((*node.linearization.op.inputs, "out")))
    return residuals


def modified(node: Node) -> bool:
    """Return whether an array that the operation has saved was modified in place."""
    return isinstance(node, PrimitiveNode) and any(version.last_write > node.sequence_nr for version in node.versions)
