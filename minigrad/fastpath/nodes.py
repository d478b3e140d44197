"""Nodes compiled from linearizations, and a backward pass over them.

Python's cyclic garbage collector visits every object that could be part of a cycle, again and again while a graph grows. A
`PrimitiveNode` with its tuples is up to four such objects; a `FastNode` is one, with a slot for each thing that it keeps. And
where the cotangent is a NumPy scalar, it computes with NumPy scalars: in a tenth of the time of 0-d arrays.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from heapq import heappop, heappush
from typing import Any, ClassVar

from numpy import generic

from minigrad import autodiff
from minigrad.autodiff import (
    Cotangent,
    Node,
    PrimitiveNode,
    Roots,
    Targets,
    TensorBase,
    Vertex,
    next_sequence_nr,
    unpack,
)
from minigrad.grad_mode import thread
from minigrad.hooks import run_hooks
from minigrad.primitive import Linearization, compile_functions, residual_names

MakeNode = Callable[..., Node]


class FastNode(PrimitiveNode):
    """The application of a primitive. Each linearization has a subclass of its own, whose source `node_source` returns.

    Attributes:
        pull: Takes the cotangent; returns the parents that have a rule, each with its cotangent.
        pull_scalar: The same for a cotangent that is a NumPy scalar: nothing was broadcast then.
        vjp_recorded: What `vjp` does for a cotangent that is a tensor.
    """

    __slots__ = ()
    __init__ = object.__init__

    pull: ClassVar[Callable[[Any, Cotangent], Iterable[tuple[Vertex | None, Cotangent]]]]
    pull_scalar: ClassVar[Callable[[Any, Cotangent], Iterable[tuple[Vertex | None, Cotangent]]]]
    vjp_recorded: ClassVar[Callable[[Any, Cotangent, Set[Vertex] | None], Sequence[Cotangent | None]]]

    def vjp(self, cotangent: Cotangent, needed: Set[Vertex] | None) -> Sequence[Cotangent | None]:  # noqa: D102
        if isinstance(cotangent, TensorBase):
            return self.vjp_recorded(cotangent, needed)
        return super().vjp(cotangent, needed)


def compile_node(linearization: Linearization) -> MakeNode:
    """Return a function that makes a node, given each input, the vertex of each, the result, and all keyword arguments."""
    label = f"node {''.join('01'[flag] for flag in linearization.wanted)}"
    names = {"FastNode": FastNode, "next_sequence_nr": next_sequence_nr, "unpack": unpack}
    compiled = compile_functions(linearization.op, node_source(linearization), label, names)
    compiled["Compiled"].linearization = linearization
    make: MakeNode = compiled["make_node"]
    linearization.make_node = make
    return make


def node_source(linearization: Linearization) -> str:
    """Return the source of the node class of a linearization, and of the function that makes a node.

    For `mul`, by the first input, the class is

        class Compiled(FastNode):
            __slots__ = ['vertex_a', 'saved_b', 'version_b', 'saved_a_shape']
            parents = property(lambda node: (node.vertex_a, None, ))
            residuals = property(lambda node: None if node.saved_b is None else (node.saved_b, node.saved_a_shape, ))
            versions = property(lambda node: (node.version_b, ))

            def pull(node, g):
                if node.saved_b is None or node.version_b.last_write > node.sequence_nr: node.checked_residuals()
                return ((node.vertex_a, unbroadcast(vjp_a(g, node.saved_b), node.saved_a_shape)), )

    and three more methods. A shape of an array that is saved anyway has no slot.
    """
    op, residuals = linearization.op, linearization.residuals
    wanted = dict(zip(op.inputs, linearization.wanted, strict=True))
    arrays = [name for name in residuals if name in (*op.inputs, "out")]
    versions = [f"node.version_{name}" for name in arrays]
    values = {name: f"node.saved_{name}" for name in residuals}
    stores = [f"node.vertex_{name} = vertex_{name}" for name in op.inputs if wanted[name]]
    stores += [f"node.saved_{name}, node.version_{name} = {name}.array, {name}.version" for name in arrays]
    for name in residuals:
        base, _, suffix = name.rpartition("_")
        if name in op.defaults:
            stores.append(f"node.saved_{name} = attributes[{name!r}]")
        elif name not in arrays and base in arrays:
            values[name] = f"node.saved_{base}.{suffix}"
        elif name not in arrays:
            stores.append(f"node.saved_{name} = {base}.array.{suffix}")
    saved = [value for name, value in values.items() if value == f"node.saved_{name}"]
    slots = [*(f"node.vertex_{name}" for name in op.inputs if wanted[name]), *saved, *versions]
    parents = [f"node.vertex_{name}" if wanted[name] else "None" for name in op.inputs]
    freed = f"node.saved_{arrays[0]} is None" if arrays else "False"
    invalid = " or ".join([freed, *(f"{version}.last_write > node.sequence_nr" for version in versions)])
    vertices = {**dict(zip(op.inputs, parents, strict=True)), "out": "node"}
    tensors = {
        name: f"unpack({value}, {vertices[name]}, node.version_{name})" if name in arrays else value
        for name, value in values.items()
    }
    scalars = {name: f"{value}[()]" if name in arrays else value for name, value in values.items()}
    of_tensors = cotangent_sources(linearization, tensors, op.broadcasts)
    needed = [
        f"{of_tensors[name]} if needed is None or {vertices[name]} in needed else None" if name in of_tensors else "None"
        for name in op.inputs
    ]
    return f"""\
class Compiled(FastNode):
    __slots__ = {[slot.removeprefix("node.") for slot in slots]}
    parents = property(lambda node: {tuple_source(parents)})
    residuals = property(lambda node: None if {freed} else {tuple_source(values.values())})
    versions = property(lambda node: {tuple_source(versions)})

    def pull(node, g):
        if {invalid}: node.checked_residuals()
        return {pairs_source(cotangent_sources(linearization, values, op.broadcasts))}

    def pull_scalar(node, g):
        if {invalid}: node.checked_residuals()
        return {pairs_source(cotangent_sources(linearization, scalars, broadcasts=False))}

    def vjp_recorded(node, g, needed):
        if {invalid}: node.checked_residuals()
        return {tuple_source(needed)}

    def release_saved(node):
        {" = ".join([*saved, "None"]) if arrays else "pass"}

def make_node({", ".join([*op.inputs, *(f"vertex_{name}" for name in op.inputs)])}, out, attributes):
    node = Compiled()
    node.sequence_nr, node.hooks = next_sequence_nr(), None
    {"; ".join(stores)}
    return node
"""


def tuple_source(parts: Iterable[str]) -> str:
    """Return the source of a tuple."""
    return f"({''.join(f'{part}, ' for part in parts)})"


def pairs_source(cotangents: Mapping[str, str]) -> str:
    """Return the source of what `FastNode.pull` returns, given that of each cotangent."""
    return tuple_source(f"(node.vertex_{name}, {cotangent})" for name, cotangent in cotangents.items())


def cotangent_sources(linearization: Linearization, values: Mapping[str, str], broadcasts: bool) -> dict[str, str]:
    """Return the source of each cotangent that is wanted and has a rule, given those of the residuals."""
    sources = {}
    for (name, rule), flag in zip(linearization.op.rules.items(), linearization.wanted, strict=True):
        if rule is not None and flag:
            cotangent = f"vjp_{name}({', '.join(['g', *(values[x] for x in residual_names(rule))])})"
            sources[name] = f"unbroadcast({cotangent}, {values[f'{name}_shape']})" if broadcasts else cotangent
    return sources


def backward_pass(roots: Roots, targets: Targets = None, retain_graph: bool = False) -> dict[Vertex, Cotangent]:
    """Return what `minigrad.autodiff.backward_pass` does, for one root and all leaves, unless somebody observes.

    A node is found when it is first given a cotangent, and waits in a heap for its turn.
    """
    cotangents = dict(roots := list(roots))
    if len(roots) != 1 or targets is not None or thread.state.observer is not None:
        return autodiff.backward_pass(roots, targets, retain_graph)
    waiting = [(-root.sequence_nr, root) for root in cotangents if isinstance(root, Node)]
    while waiting:
        node = heappop(waiting)[1]
        cotangent = cotangents.pop(node)
        if node.hooks:
            cotangent = run_hooks(cotangent, node.hooks)
        pairs: Iterable[tuple[Vertex | None, Cotangent]]
        if not isinstance(node, FastNode):
            pairs = zip(node.parents, node.vjp(cotangent, None))  # noqa: B905 - as the plain pass
        elif isinstance(cotangent, generic):
            pairs = node.pull_scalar(cotangent)
        else:
            pairs = node.pull(cotangent)
        for parent, in_cotangent in pairs:
            if in_cotangent is None:
                continue
            if parent in cotangents:
                cotangents[parent] = cotangents[parent] + in_cotangent
            else:
                cotangents[parent] = in_cotangent
                if isinstance(parent, Node):
                    heappush(waiting, (-parent.sequence_nr, parent))
        if not retain_graph:
            node.release_saved()
    for leaf, cotangent in cotangents.items():
        hooks = getattr(leaf, "hooks", None)
        if hooks is not None:
            cotangents[leaf] = run_hooks(cotangent, hooks)
    return cotangents
