"""Operations with several results: the node of the operation, and for each result a node of its own.

    x -> SplitNode -> OutputNode 0 -> first part
                   -> OutputNode 1 -> second part

An `OutputNode` passes its cotangent on under its index. The node of the operation receives those of all results in use.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

from minigrad.autodiff import Cotangent, Node, TensorBase, Vertex, wrap
from minigrad.grad_mode import thread
from minigrad.ops.indexing import Index, assemble, getitem
from minigrad.primitive import Shape


class OutputCotangents:
    """The cotangents of the results of one operation, by index; that of a result that was not used is missing."""

    def __init__(self, values: dict[int, Cotangent]) -> None:
        self.values = values

    def __add__(self, other: OutputCotangents) -> OutputCotangents:
        # In place: a sum that copied would take quadratic time in the number of results.
        for index, cotangent in other.values.items():
            self.values[index] = self.values[index] + cotangent if index in self.values else cotangent
        return self


class OutputNode(Node):
    """The vertex of one of several results."""

    __slots__ = ("index", "operation")

    def __init__(self, operation: Node, index: int) -> None:
        super().__init__((operation,))
        self.operation, self.index = operation, index

    @property
    def op_name(self) -> str:
        """The name of the operation."""
        return self.operation.op_name

    @property
    def user_defined(self) -> bool:  # type: ignore[override]
        """Whether the operation is a user's `Function`."""
        return self.operation.user_defined

    @property
    def tensor_parents(self) -> Sequence[Vertex | None]:
        """The inputs of the operation: torch shows it as one node with several results."""
        return getattr(self.operation, "tensor_parents", self.operation.parents)

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        return [OutputCotangents({self.index: cotangent})]


class SplitNode(Node):
    """A tensor taken apart into views that do not overlap."""

    __slots__ = ("indices", "shape")

    def __init__(self, parent: Vertex, shape: Shape, indices: Sequence[Index]) -> None:
        super().__init__((parent,))
        self.shape, self.indices = shape, indices

    @property
    def op_name(self) -> str:
        """The name of the operation."""
        return "split"

    def vjp(self, cotangent: OutputCotangents, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        used = tuple(cotangent.values)
        return [assemble(*cotangent.values.values(), indices=[self.indices[k] for k in used], shape=self.shape)]


def split_into_views(x: Any, indices: Sequence[Index]) -> tuple[Any, ...]:
    """Return the views of a tensor at basic indices that do not overlap.

    One node takes all their cotangents at once: one for each view would add up arrays of the size of x.
    """
    state, vertex = thread.state, x.vertex()
    node = SplitNode(vertex, x.array.shape, indices) if state.grad_enabled and vertex is not None else None
    views = []
    for k, index in enumerate(indices):
        view: TensorBase = wrap(x.array[index], None if node is None else OutputNode(node, k))
        view.become_view_of(x, getitem, {"index": index})
        views.append(view)
    if node is not None and state.observer is not None:
        state.observer.tell("recorded", node, [x.array], x.array)
    return tuple(views)
