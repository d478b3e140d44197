"""Reverse-mode differentiation, whole: how a computation is recorded, and how derivatives are found from the record.

Take c = a b, and let L be a scalar computed from c. If we know dL/dc, the chain rule gives the rest:

    dL/da = dL/dc * b           dL/db = dL/dc * a

dL/dc is called the *cotangent* of c: what L changes by, for each unit that c changes by. It has the shape of c. The two
formulas are the *vector-Jacobian products* (vjps) of the product: they turn the cotangent of a result into the cotangents of
its inputs. What they need besides, here the values of a and b, are their *residuals*, saved when c was computed.

1. `apply` computes c and `record` leaves a `Node` behind, with the residuals and with edges to the nodes of a and b, its
   parents. A tensor that was not computed has no node; it is a *leaf*, and stands for itself in the graph.
2. `backward_pass` visits the nodes from the last to the first. When the turn of a node comes, all uses of its value have been
   visited, so that its cotangent, a sum over these uses, is complete. Its vjp is applied, and the results are added to the
   cotangents of its parents.
3. `accumulate` adds the cotangents that arrive at the leaves to their `grad`.

>>> import minigrad
>>> x = minigrad.tensor([1.0, 2.0])
>>> w, b = minigrad.tensor(3.0, requires_grad=True), minigrad.tensor(0.5, requires_grad=True)
>>> y = x * w + b                            # two nodes: one for *, whose parent is w, and one for +
>>> y.node  # doctest: +ELLIPSIS
<add node ...>
>>> y.node.parents[0]  # doctest: +ELLIPSIS
<mul node ...>
>>> y.backward(minigrad.tensor([1.0, 10.0]))  # the cotangent of y; it needs none if y is a scalar, then it is 1
>>> w.grad, b.grad                           # sum of cotangent times x, and sum of cotangent: w and b were broadcast
(tensor(21.), tensor(11.))
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Set
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np

from minigrad import errors
from minigrad.grad_mode import accumulating, call_numpy, set_recording, tell, thread
from minigrad.hooks import Hook, run_hooks
from minigrad.primitive import NUMPY_ERRORS, Array, Linearization, Primitive

Vertex = Hashable  # of the graph: a Node, or a leaf, which is a tensor without a node
Cotangent = Any  # an array, or a tensor where the backward pass is recorded in turn; anything that has +
Parents = tuple[Vertex | None, ...]
Targets = Iterable[Vertex] | None
Tensors = Sequence["TensorBase"]
Roots = Iterable[tuple[Vertex, Cotangent]]
Traversal = Callable[[Roots, Targets, bool], dict[Vertex, Cotangent]]

next_sequence_nr = itertools.count(1).__next__
"""The clock of the graph: nodes and writes to memory draw their sequence numbers from it."""


class Version:
    """The version counter of some memory. All tensors that share the memory share this object.

    Attributes:
        last_write: The sequence number of the last write; a node with a smaller one was made before it.
    """

    last_write: int = 0


# --------------------------------------------------------------------------------------------------------------- the graph


class Node:
    """One recorded operation.

    Attributes:
        sequence_nr: Greater than that of every parent, so that the order of numbers is a topological order.
        parents: The vertex of each input, None where no gradient is required.
        hooks: Functions that are called with the complete cotangent; one that returns something replaces it.
    """

    __slots__ = ("__weakref__", "hooks", "parents", "sequence_nr")

    user_defined = False

    def __init__(self, parents: Parents) -> None:
        self.sequence_nr = next_sequence_nr()
        self.parents = parents
        self.hooks: list[Hook] | None = None

    @property
    def op_name(self) -> str:
        """The name of the operation."""
        return type(self).__name__

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:
        """Return one cotangent for each parent; None for those absent or, unless `needed` is None, not in it."""
        raise NotImplementedError

    def release_saved(self) -> None:
        """Free the residuals. The edges to the parents stay."""

    def __repr__(self) -> str:
        return f"<{self.op_name} node {self.sequence_nr}>"


class PrimitiveNode(Node):
    """The application of a primitive. It keeps arrays and vertices, never a tensor that has a node: no reference cycles.

    Attributes:
        linearization: The derivative of the primitive by those inputs that require a gradient.
        residuals: What its vjp needs; None once released.
        versions: The version counter of each array among them, to notice a write to it.
    """

    __slots__ = ("linearization", "residuals", "versions")

    def __init__(self, parents: Parents, linearization: Linearization, residuals: Any, versions: Sequence[Version]) -> None:
        super().__init__(parents)
        self.linearization, self.residuals, self.versions = linearization, residuals, versions

    @property
    def op_name(self) -> str:
        """The name of the primitive."""
        return self.linearization.op.name

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        linearization, residuals = self.linearization, self.checked_residuals()
        if isinstance(cotangent, TensorBase):
            residuals = self._unpack_saved(residuals)
        if linearization.op.variadic:  # its one rule computes the cotangents of all inputs
            wanted = [p is not None and (needed is None or p in needed) for p in self.parents]
            return [g if flag else None for g, flag in zip(linearization.vjp(cotangent, *residuals), wanted)]
        if needed is None:
            return linearization.vjp(cotangent, *residuals)
        return linearization.narrow(tuple([p in needed for p in self.parents]))(cotangent, *residuals)

    def checked_residuals(self) -> Any:
        """Return the residuals, if they are there and have the values that they had."""
        if self.residuals is None:
            raise errors.graph_freed(self.op_name)
        for k, version in enumerate(self.versions):
            if version.last_write > self.sequence_nr:
                arrays = [*self.residuals[0], *self.residuals[1:]] if self.linearization.op.variadic else self.residuals
                raise errors.saved_tensor_modified(self.op_name, getattr(arrays[k], "shape", None))
        return self.residuals

    def _unpack_saved(self, residuals: Sequence[Any]) -> Sequence[Any]:
        """Return the residuals with each array made the tensor that it was, so that what a rule does is recorded."""
        op, versions = self.linearization.op, iter(self.versions)
        vertices = {"out": self, **({} if op.variadic else dict(zip(op.inputs, self.parents)))}
        tensors = []
        for name, value in zip(self.linearization.residuals, residuals):
            if name in vertices:
                value = unpack(value, vertices[name], next(versions))
            elif name == op.inputs[0]:
                value = [unpack(x, vertex, next(versions)) for x, vertex in zip(value, self.parents)]
            tensors.append(value)
        return tensors

    def release_saved(self) -> None:  # noqa: D102
        if self.versions:
            self.residuals = None


def make_node(
    inputs: Tensors, parents: Parents, linearization: Linearization, out: Any, attributes: Mapping[str, Any]
) -> Node:
    """Return the node of a result of a primitive."""
    return PrimitiveNode(parents, linearization, *linearization.save(inputs, out, attributes))


def toposort(roots: Iterable[Vertex]) -> list[Node]:
    """Return every node that the roots depend on, the roots included, the last recorded first."""
    seen: set[Vertex | None] = {root for root in roots if isinstance(root, Node)}
    nodes: list[Any] = list(seen)
    for node in nodes:  # `nodes` grows while iterated
        for parent in node.parents:
            if parent not in seen:
                seen.add(parent)
                if isinstance(parent, Node):
                    nodes.append(parent)
    nodes.sort(key=attrgetter("sequence_nr"), reverse=True)
    return nodes


def nodes_reaching(targets: Set[Vertex], nodes: Sequence[Node]) -> set[Vertex]:
    """Return those of `nodes`, given in the order of `toposort`, that depend on a target other than themselves."""
    on_path: set[Vertex] = set()
    for node in reversed(nodes):
        if any(parent in targets or parent in on_path for parent in node.parents):
            on_path.add(node)
    return on_path


def backward_pass(roots: Roots, targets: Targets = None, retain_graph: bool = False) -> dict[Vertex, Cotangent]:
    """Return the cotangents of the targets, given those of the roots.

    Args:
        roots: Pairs of a vertex and its cotangent. A root that comes twice counts twice.
        targets: Leaves or nodes; None stands for every leaf.
        retain_graph: Keep the residuals of the visited nodes, so that they can be visited again.

    Returns:
        A cotangent for each target; one that the roots do not depend on is missing.
    """
    cotangents: dict[Vertex, Cotangent] = {}
    for root, cotangent in roots:
        cotangents[root] = cotangents[root] + cotangent if root in cotangents else cotangent
    nodes = toposort(cotangents)
    target_set = on_path = needed = None
    if targets is not None:
        target_set = set(targets)
        on_path = nodes_reaching(target_set, nodes)
        needed = target_set | on_path
    grads: dict[Vertex, Cotangent] = {}
    observer = thread.state.observer
    for node in nodes:
        cotangent = cotangents.pop(node, None)
        if cotangent is None:
            continue
        if node.hooks:
            cotangent = run_hooks(cotangent, node.hooks)
        if target_set is not None and on_path is not None:
            if node in target_set:
                grads[node] = cotangent
            if node not in on_path:
                continue
        in_cotangents = node.vjp(cotangent, needed) if observer is None else observer.vjp(node, cotangent, needed)
        for parent, in_cotangent in zip(node.parents, in_cotangents):
            if in_cotangent is not None:
                accumulated = cotangents.get(parent)
                cotangents[parent] = in_cotangent if accumulated is None else accumulated + in_cotangent
        if not retain_graph:
            node.release_saved()
    for leaf, cotangent in cotangents.items():  # every node was visited, so that leaves are left
        if target_set is None or leaf in target_set:
            hooks = getattr(leaf, "hooks", None)
            grads[leaf] = cotangent if hooks is None else run_hooks(cotangent, hooks)
    tell("after_backward", grads)
    return grads


# -------------------------------------------------------------------------------------------------------------- the tensor


class TensorBase:
    """The part of a tensor that reverse mode knows.

    Attributes:
        array: The NumPy array that holds the values.
        node: The node that computed it; None for a leaf.
        version: The version counter of its memory.
        grad: For a leaf that requires a gradient: the sum of the gradients that `backward` has found so far.
        hooks: For a leaf: functions that are called with its complete cotangent, as `Node.hooks`.
        result_class: The class of results, which is `minigrad.Tensor`, the subclass with all the methods.
    """

    result_class: ClassVar[type[TensorBase]]
    array: Array
    node: Node | None = None
    version: Version
    hooks: list[Hook] | None = None
    _requires_grad: bool = False
    _grad: Any = None
    _post_accumulate_hooks: Sequence[Callable[[Any], None]] = ()

    def vertex(self) -> Vertex | None:
        """Return the place in the graph: the node, the leaf itself, or None where no gradient is required."""
        return self.node or (self if self._requires_grad else None)

    def become_view_of(self, source: TensorBase, op: Primitive, attributes: Mapping[str, Any]) -> None:
        """Share the version counter of the source, whose memory this is; see `minigrad.views` for the rest."""
        self.version = source.version

    def accumulate_grad(self, cotangent: Cotangent, borrowed: set[int]) -> None:
        """Add a cotangent to `grad`, which shares memory with nothing else. `borrowed` are the ids of arrays of others."""
        recorded = isinstance(cotangent, TensorBase)
        with accumulating:
            if recorded:
                with set_recording(True):
                    self._grad = cotangent.clone() if self._grad is None else self._grad + cotangent
            elif self._grad is None:
                self._grad = wrap(own(np.asarray(cotangent), borrowed))
            else:
                self._grad.write(call_numpy(np.add, self._grad.array, cotangent))
        for hook in tuple(self._post_accumulate_hooks):
            hook(self)


TensorBase.result_class = TensorBase


def wrap(array: Array, node: Node | None = None) -> Any:
    """Return a tensor around an array, without copy or checks."""
    result_class = TensorBase.result_class
    tensor = result_class.__new__(result_class)
    tensor.array = array
    tensor.node = node
    tensor.version = Version()
    return tensor


def own(array: Array, borrowed: set[int]) -> Array:
    """Return an array that shares memory with no other: itself, unless it is a view or borrowed, else a copy."""
    if array.base is not None or id(array) in borrowed:
        array = call_numpy(np.ndarray.copy, array)
    borrowed.add(id(array))
    return array


def unpack(array: Array, vertex: Vertex | None, version: Version) -> TensorBase:
    """Return the tensor that a saved array was, with its place in the graph and its version counter."""
    if isinstance(vertex, TensorBase):
        if vertex.array is not array:
            raise errors.data_replaced(array.shape)
        return vertex
    tensor: TensorBase = wrap(array, vertex if isinstance(vertex, Node) else None)
    tensor.version = version
    return tensor


# --------------------------------------------------------------------------------------------------------- forward, recorded


def apply(op: Primitive, inputs: Tensors, attributes: Mapping[str, Any], make: Callable[..., Node] = make_node) -> Any:
    """Apply a primitive to tensors of suitable dtypes, and record it if a gradient is required. All attributes are given."""
    arrays = [x.array for x in inputs]
    try:
        out = np.asarray(thread.state.in_operation(op.forward, *arrays, **attributes), None, op.order)
    except NUMPY_ERRORS as error:
        raise errors.from_numpy_error(op.name, arrays, error) from error
    except RuntimeError as error:
        with thread.state.reentrant(error):
            return apply(op, inputs, attributes, make)
    result = wrap(out)
    if op.is_view:
        result.become_view_of(inputs[0], op, attributes)
    record(op, inputs, result, attributes, make)
    return result


def record(
    op: Primitive, inputs: Tensors, result: Any, attributes: Mapping[str, Any], make: Callable[..., Node] = make_node
) -> None:
    """Give the result of a primitive a node, if recording is on and an input requires a gradient."""
    state = thread.state
    if state.grad_enabled and op.differentiable:
        parents = tuple([x.vertex() for x in inputs])
        wanted = tuple([parent is not None for parent in parents])
        if True in wanted:
            linearization = op.linearizations[(True,) if op.variadic else wanted]
            result.node = make(inputs, parents, linearization, result, attributes)
            if state.observer is not None:
                state.observer.tell("recorded", result.node, [x.array for x in inputs], result.array)


# -------------------------------------------------------------------------------------------------------------- backward


def run_backward(
    roots: Roots, retain_graph: bool, create_graph: bool, targets: Targets = None, traverse: Traversal = backward_pass
) -> dict[Vertex, Cotangent]:
    """Return the cotangents of the targets, or of all leaves, given those of the roots; see `backward_pass`.

    With create_graph, cotangents are tensors, and their computation is recorded, so that it can be differentiated in turn.
    Else they are arrays.
    """
    if create_graph:
        with set_recording(True):
            return backward_pass(roots, targets, retain_graph)
    return thread.state.without_warnings_backward(traverse, roots, targets, retain_graph)


def accumulate(grads: Mapping[Vertex, Cotangent], borrowed: Iterable[Array] = ()) -> None:
    """Add to the `grad` of every leaf its cotangent, as `run_backward` returns it.

    The arrays `borrowed` belong to the caller: no `grad` shares memory with them.
    """
    leaves = [leaf for leaf in grads if isinstance(leaf, TensorBase)]
    errors.check_leaves(leaves)
    taken = {id(array) for array in borrowed}
    for leaf in leaves:
        if leaf._requires_grad:  # it may have been frozen since
            leaf.accumulate_grad(grads[leaf], taken)
    tell("after_accumulation", leaves)
