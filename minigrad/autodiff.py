"""The tape: how a derivative is carried back through a recorded computation.

This file knows neither NumPy nor Tensor. A *vertex* of the graph is either a `Node`, which remembers how one value was
computed, or a leaf, which is any other hashable object. Reverse-mode differentiation is then three sentences:

1. Every node is younger than its parents, so creation order is a topological order.
2. Visit the nodes from the youngest to the oldest; when a node's turn comes, its cotangent is complete.
3. A node turns its own cotangent into one for each parent; several for one parent are added.

A *cotangent* of a vertex v is d(root)/dv, contracted with the cotangent of the root. It may be anything that has `+`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Sequence, Set
from operator import attrgetter
from typing import Any, Self

from minigrad.grad_mode import thread

Vertex = Hashable
Cotangent = Any
Hook = Callable[[Cotangent], Cotangent | None]

next_sequence_nr = itertools.count().__next__
"""The creation number of the next node; each constructor of a `Node` subclass takes one."""


class Version:
    """When some memory was last written to. All tensors that share the memory share this object.

    Attributes:
        last_write: The sequence number drawn at the last write. A node with a smaller one was made before it.
    """

    last_write: int = 0


class Node:
    """One recorded operation: the vertex of its result.

    A subclass sets the first two slots in its constructor and says how to `pull`.

    Attributes:
        number: Creation number, greater than that of every parent.
        parents: One vertex for each input, None where nothing upstream asks for a gradient.
        hooks: Functions of the complete cotangent; one that returns something replaces it.
    """

    __slots__ = ("__weakref__", "hooks", "number", "parents")

    number: int
    parents: tuple[Vertex | None, ...]
    hooks: list[Hook] | None

    def pull(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:
        """Return one cotangent for each parent; None for those absent or, unless `needed` is None, not in it."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget what `pull` needs. The edges to the parents stay."""

    def name(self) -> str:
        """Return torch's kind of name, such as ``MulBackward0``."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name()}>"

    @property
    def next_functions(self) -> tuple[tuple[Node | AccumulateGrad | None, int], ...]:
        """The parents, each with a 0, as torch lists them: a leaf as the `AccumulateGrad` where its gradient arrives."""
        return tuple((p if p is None or isinstance(p, Node) else AccumulateGrad(p), 0) for p in self.parents)


class AccumulateGrad:
    """A leaf, where a walk along `Node.next_functions` ends.

    Attributes:
        variable: The leaf.
    """

    next_functions = ()

    def __init__(self, variable: Vertex) -> None:
        self.variable = variable

    def name(self) -> str:
        """Return torch's name for it."""
        return f"torch::autograd::{type(self).__name__}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccumulateGrad) and other.variable is self.variable

    def __hash__(self) -> int:
        return id(self.variable)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class RemovableHandle:
    """What registering a hook returns: the means to take it away again."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def hooked(cotangent: Cotangent, hooks: Iterable[Hook]) -> Cotangent:
    """Return what hooks make of a cotangent, one after the other."""
    for hook in tuple(hooks):  # a hook may remove itself, or add others for the next time
        replacement = hook(cotangent)
        cotangent = cotangent if replacement is None else replacement
    return cotangent


def ancestors(roots: Iterable[Vertex]) -> list[Node]:
    """Return every node that the roots depend on, the roots included, youngest first."""
    nodes = list({root for root in roots if isinstance(root, Node)})
    seen: set[Vertex | None] = set(nodes)
    for node in nodes:  # which grow meanwhile
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                if isinstance(parent, Node):
                    nodes.append(parent)
    nodes.sort(key=attrgetter("number"), reverse=True)
    return nodes


def leading_to(targets: Set[Vertex], nodes: Sequence[Node]) -> set[Vertex]:
    """Return those of `nodes` (youngest first) that depend on a target other than themselves."""
    found: set[Vertex] = set()
    for node in reversed(nodes):
        if any(parent in targets or parent in found for parent in node.parents):
            found.add(node)
    return found


def pull_back(
    seeds: Iterable[tuple[Vertex, Cotangent]],
    targets: Iterable[Vertex] | None = None,
    retain_graph: bool = False,
) -> dict[Vertex, Cotangent]:
    """Carry cotangents from the roots back through the graph.

    Args:
        seeds: Pairs of a root and its cotangent. A root that comes twice counts twice.
        targets: The vertices asked for, leaves or nodes; None asks for every leaf.
        retain_graph: Keep what the visited nodes have saved, so that they can be pulled again.

    Returns:
        The cotangent of each vertex asked for. One that the roots do not depend on is missing.
    """
    pending: dict[Vertex, Cotangent] = {}
    for root, cotangent in seeds:
        pending[root] = pending[root] + cotangent if root in pending else cotangent
    nodes = ancestors(pending)
    wanted: Set[Vertex] = frozenset()
    leading = needed = None
    if targets is not None:
        wanted = set(targets)
        leading = leading_to(wanted, nodes)
        needed = wanted | leading
    found: dict[Vertex, Cotangent] = {}
    watch = thread.state.observer
    for node in nodes:
        cotangent = pending.pop(node, None)
        if cotangent is None:
            continue
        if node.hooks:
            cotangent = hooked(cotangent, node.hooks)
        if leading is not None:
            if node in wanted:
                found[node] = cotangent
            if node not in leading:
                continue
        shares = node.pull(cotangent, needed)
        if watch is not None:
            watch.backward(node, cotangent, shares)
        for parent, share in zip(node.parents, shares):
            if share is not None:
                held = pending.get(parent)
                pending[parent] = share if held is None else held + share
        if not retain_graph:
            node.release()
    if targets is None:
        return pending  # every node was visited, so that leaves are left
    found.update((leaf, share) for leaf, share in pending.items() if leaf in wanted)
    return found
