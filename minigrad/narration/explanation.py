"""`explain`: the backward pass, told node by node with formulas and numbers."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.autodiff import Cotangent, Node, PrimitiveNode, Vertex, run_backward, toposort
from minigrad.autograd.observer import LineRecorder, Observer, location_of, user_frame
from minigrad.methods.autograd import RetainGrad, root_cotangent
from minigrad.multi_output import OutputCotangents
from minigrad.narration.formula import Expression, show, traced
from minigrad.narration.page import page
from minigrad.narration.steps import Operand, Part, Step
from minigrad.narration.update import Update
from minigrad.primitive import Array, sum_to
from minigrad.tensor import Tensor

Operands = Sequence[Array | None]


class Explanation:
    """A backward pass, told; see `explain`. Iterate over it for the visits of the nodes.

    Attributes:
        of: The name of what was differentiated.
        steps: The visits, in the order of the backward pass; those of the forward pass are the same, reversed.
        gradients: The gradient of each leaf, by name.
        updates: What the optimizer makes of each leaf, by name, if an optimizer was given.
    """

    def __init__(self, of: str, steps: list[Step], gradients: dict[str, Array], updates: dict[str, Update]) -> None:
        self.of, self.steps, self.gradients, self.updates = of, steps, gradients, updates

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        lines = [step.text() for step in self.steps]
        lines += [f"∂{self.of}/∂{name} = {show(value)}" for name, value in self.gradients.items()]
        lines += [update.text() for update in self.updates.values()]
        return "\n".join(lines)

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Return it as Markdown with formulas in LaTeX, as notebooks display it."""
        gradients = [f"* gradient of `{name}`: {show(value)}" for name, value in self.gradients.items()]
        updates = [update.markdown() for update in self.updates.values()]
        return "\n\n".join([*(step.markdown() for step in self.steps), "\n".join(gradients), *updates])

    _repr_markdown_ = to_markdown

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write a page that shows it step by step: the operations forward, the visits backward, the optimizer's updates.

        The page is one file that needs no network: the graph, in which each step lights what it works on, with buttons, keys
        and a slider.

        Raises:
            DotNotFound: The program `dot`, which lays the graph out, is not installed.
            ValueError: There are more than 500 operations.
        """
        Path(path).write_text(page(self.of, self.steps, self.gradients, self.updates), encoding="utf-8")


def explain(
    target: Tensor | Callable[[], Tensor],
    gradient: Tensor | None = None,
    *,
    names: Mapping[str, Tensor] | Any = None,
    optimizer: Any = None,
) -> Explanation:
    """Tell the backward pass of a result, node by node, with formulas and numbers. Nothing is changed: no `grad` is added to.

    Args:
        target: The result, or a function of no arguments that computes it. The function is observed while it runs, so that
            the line of each operation is known, and all values. Of a result that is there already, the lines are known if
            `minigrad.autograd.LineRecorder` observed, and the values that its nodes have saved.
        gradient: The cotangent of the result; 1 by default, for a scalar.
        names: Names for tensors: a mapping, or a Module. By default the variables of the caller give the names.
        optimizer: An optimizer whose update of the leaves, with these gradients, is told too.

    Returns:
        An `Explanation`: ``print`` it, iterate over its steps, or call its methods `to_markdown` and `to_html`.

    Raises:
        TypeError: The target is no Tensor, and does not return one.
        RuntimeError: The result requires no gradient, is no scalar and has no gradient, or its graph was freed by backward.

    A gradient that was computed with create_graph is a result like others: ``explain(grad)`` tells the second derivative.

    >>> import minigrad
    >>> w, x = minigrad.tensor(3.0, requires_grad=True), minigrad.tensor(2.0)
    >>> loss = (w * x - 4) ** 2
    >>> print(minigrad.explain(loss))
    1. loss = pow(v2, exponent=2) = 4
         g = ∂loss/∂loss = 1
         ∂loss/∂v2 = x * 2     where x = v2
         ∂loss/∂v2 = g * (x ** 1 * 2) = 1 * (2 ** 1 * 2) = 4
    2. v2 = sub(v1, constant) = 2
         g = ∂loss/∂v2 = 4
         ∂v2/∂v1 = 1
         ∂loss/∂v1 = g = 4
    3. v1 = mul(w, x) = 6
         g = ∂loss/∂v1 = 4
         ∂v1/∂w = b     where b = x
         ∂loss/∂w = g * b = 4 * 2 = 8
    ∂loss/∂w = 8
    """
    values = _Values()
    scopes = [sys._getframe(1).f_locals]
    if callable(target):
        with values:
            target = target()
        scopes += [frame.f_locals for frame in values.frames if frame is not None]
    if not isinstance(target, Tensor):
        raise TypeError(f"explain(): argument 'target' must be Tensor or return one, not {type(target).__name__}")
    vertex, cotangent = root_cotangent(target, gradient, create_graph=False)
    nodes = toposort([vertex])
    visits = _Visits()
    with visits, _without_retained_gradients(nodes):
        gradients = run_backward([(vertex, cotangent)], retain_graph=True, create_graph=False)
    values.complete(nodes[::-1])
    tensors = chain.from_iterable(map(named_tensors, scopes if names is None else [{"": names}]))
    known = _Names(tensors, vertex, nodes, values.operands)
    of = known.of(vertex)
    leaves = {known.of(leaf): (leaf, np.asarray(g)) for leaf, g in gradients.items()}
    updates = {}
    if optimizer is not None:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        updates = {name: optimizer.explain(leaf, g) for name, (leaf, g) in leaves.items() if id(leaf) in held}
    return Explanation(of, _steps(of, known, visits, values), {name: g for name, (_, g) in leaves.items()}, updates)


# ----------------------------------------------------------------------------------------------------------- what is observed


class _Values(LineRecorder):
    """The operands of each node, their values, and its result: as observed or, as far as they can be had, as saved.

    The values are copies, the operands the arrays themselves, by which constants are recognized.
    """

    def __init__(self) -> None:
        self.operands: dict[Node, Operands] = {}
        self.values: dict[Node, Operands] = {}
        self.results: dict[Vertex, Array] = {}
        self.frames: dict[Any, None] = {}

    def recorded(self, node: Node, inputs: Sequence[Array], out: Array) -> None:
        """Remember them."""
        super().recorded(node, inputs, out)
        self.operands[node] = list(inputs)
        self.values[node], self.results[node] = [x.copy() for x in inputs], out.copy()  # they may be written to later
        self.frames[user_frame()] = None  # it has its variables still when the function has returned

    def complete(self, nodes: Iterable[Node]) -> None:
        """Find what was not observed, in what the nodes have saved; they come in the order in which they were made."""
        for node in nodes:
            if node in self.operands or not isinstance(node, PrimitiveNode):
                continue
            op, saved = node.linearization.op, dict(zip(node.linearization.residuals, node.residuals or (), strict=False))
            known = saved.get(op.inputs[0], [None] * len(node.parents)) if op.variadic else [saved.get(x) for x in op.inputs]
            self.operands[node] = self.values[node] = [
                self.value(parent, node) if x is None and parent is not None else x
                for x, parent in zip(known, node.parents, strict=True)
            ]
            self.results.update(
                (parent, x)
                for parent, x in zip(node.parents, known, strict=True)
                if isinstance(parent, Node) and x is not None
            )
            if "out" in saved:
                self.results[node] = saved["out"]
            elif all(x is not None for x in self.operands[node]) and saved.keys() >= op.defaults.keys():
                attributes = {name: saved[name] for name in op.defaults}
                self.results[node] = np.asarray(op.forward(*self.operands[node], **attributes))

    def attributes(self, node: Node) -> dict[str, Any]:
        """Return the keyword arguments of an operation that were saved and are not the default."""
        if not isinstance(node, PrimitiveNode):
            return {}
        defaults = node.linearization.op.defaults
        saved = zip(node.linearization.residuals, node.residuals or (), strict=False)
        return {name: x for name, x in saved if name in defaults and x is not defaults[name]}

    def value(self, vertex: Vertex, user: Node) -> Array | None:
        """Return the value of a vertex when `user` was made from it, if it is known."""
        if isinstance(vertex, Tensor) and vertex.version.last_write <= user.sequence_nr:
            return vertex.array
        return self.results.get(vertex)


class _Visits(Observer):
    """The visits of a backward pass: the node, its cotangent, and what it made of that."""

    def __init__(self) -> None:
        self.visits: list[tuple[Node, Cotangent, Sequence[Cotangent | None]]] = []

    def after_vjp(self, node: Node, cotangent: Cotangent, in_cotangents: Sequence[Cotangent | None]) -> None:
        """Remember a visit."""
        self.visits.append((node, _snapshot(cotangent), tuple(map(_snapshot, in_cotangents))))


def _snapshot(cotangent: Cotangent | None) -> Cotangent | None:
    """Return a cotangent as it is now: those of several results are collected in place."""
    return OutputCotangents(dict(cotangent.values)) if isinstance(cotangent, OutputCotangents) else cotangent


@contextmanager
def _without_retained_gradients(nodes: Iterable[Node]) -> Iterator[None]:
    """Let no tensor retain its gradient in this block."""
    hooked = [(node, node.hooks) for node in nodes if node.hooks]
    for node, hooks in hooked:
        node.hooks = [hook for hook in hooks if not isinstance(hook, RetainGrad)]
    try:
        yield
    finally:
        for node, hooks in hooked:
            node.hooks = hooks


# ---------------------------------------------------------------------------------------------------------------------- names


def named_tensors(variables: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors among some variables, those in lists, and the parameters of modules, with their names."""
    for name, value in variables.items():
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, Mapping) and name == "":
            yield from named_tensors(value)
        elif isinstance(value, list | tuple):
            yield from ((f"{name}[{k}]", x) for k, x in enumerate(value) if isinstance(x, Tensor))
        elif hasattr(value, "named_parameters") and not isinstance(value, type):
            yield from ((f"{name}.{path}".lstrip("."), p) for path, p in value.named_parameters())


class _Names:
    """Names of vertices and constants: those of the program, else L for the last result, v1, ... and leaf1, ...

    Each tensor has one of its own: the second that the program calls w, in another function, is w_2.
    """

    def __init__(
        self, tensors: Iterable[tuple[str, Tensor]], root: Vertex, nodes: Sequence[Node], operands: Mapping[Node, Operands]
    ) -> None:
        self.vertices: dict[Vertex, str] = {}
        self.arrays: dict[int, str] = {}
        self._uses: Counter[str] = Counter()
        arrays = {id(x) for node in nodes for x in operands.get(node, ())}
        used = {root, *nodes, *(x for node in nodes for x in node.parents)}
        for name, tensor in tensors:
            vertex = tensor.vertex()
            key = tensor if vertex is None else vertex
            if key in used or id(tensor.array) in arrays:
                self._add(key, name)
                self.arrays.setdefault(id(tensor.array), self.vertices[key])
        self._add(root, "L")
        leaves = dict.fromkeys(x for node in nodes for x in node.parents if isinstance(x, Tensor) and x not in self.vertices)
        unnamed = [node for node in nodes[::-1] if node not in self.vertices]
        for letter, vertices in (("leaf", leaves), ("v", unnamed)):
            for k, vertex in enumerate(vertices, 1):
                self._add(vertex, f"{letter}{k}")

    def _add(self, vertex: Vertex, name: str) -> None:
        """Give a vertex a name that no other has, if it has none."""
        if vertex not in self.vertices:
            own = name
            while self._uses[own]:
                self._uses[name] += 1
                own = f"{name}_{self._uses[name]}"
            self._uses[own] += 1
            self.vertices[vertex] = own

    def of(self, vertex: Vertex, array: Array | None = None) -> str:
        """Return the name of a vertex or, if it is None, of a constant."""
        if vertex in self.vertices:
            return self.vertices[vertex]
        if isinstance(vertex, Tensor):
            array = vertex.array
        if array is None:
            return "constant"
        return self.arrays.get(id(array)) or show(array)


# ---------------------------------------------------------------------------------------------------------------- the telling


def _steps(of: str, names: _Names, visits: _Visits, values: _Values) -> list[Step]:
    """Return the visits, told."""
    steps: list[Step] = []
    arrived: dict[Vertex, Any] = {}
    for number, (node, cotangent, in_cotangents) in enumerate(visits.visits, 1):
        unknown = [None] * len(node.parents)
        inputs = zip(node.parents, values.operands.get(node, unknown), values.values.get(node, unknown), strict=False)
        operands = tuple(Operand(names.of(vertex, array), vertex, value) for vertex, array, value in inputs)
        parts = []
        for (name, vertex, _), g, rule in zip(operands, in_cotangents, _rules(node, cotangent), strict=True):
            if g is not None and vertex is not None:
                parts.append(Part(vertex, name, rule, g, arrived.get(vertex)))
                arrived[vertex] = parts[-1].total
        steps.append(
            Step(
                of, number, node, names.of(node), operands, values.attributes(node), values.results.get(node),
                location_of(node), cotangent, tuple(parts),
            )
        )  # fmt: skip
    return steps


def _rules(node: Node, cotangent: Cotangent) -> Sequence[Expression | None]:
    """Return the rule for each input, traced; without the sum to the shape of an input that was broadcast."""
    if not isinstance(node, PrimitiveNode):
        return [None] * len(node.parents)
    saved = dict(zip(node.linearization.residuals, node.checked_residuals(), strict=True))
    rules = traced(node.linearization.vjp, {"g": np.asarray(cotangent), **saved})
    if not node.linearization.op.broadcasts:
        return rules
    return [rule.operands[0] if rule is not None and rule.op is sum_to else rule for rule in rules]
