"""Pictures of the recorded graph: what was computed from what, and what the tape keeps of it.

    graph(loss, params=model)

gives a `graphviz.Digraph`. Jupyter shows it; ``.render("loss", format="png")`` writes a file; ``.source`` is its text in the
DOT language, which needs no program. An ellipse is an operation; a box is a tensor.

The tape keeps arrays only where a gradient rule asks for them. So the picture shows shapes and values as far as they are
known: of leaves, of the tensor drawn, of tensors given by name, and of what the operations have saved. After a backward that
did not retain the graph, the saved ones are gone, and the operations stand next to each other without boxes between them.
"""

from __future__ import annotations

import html
import reprlib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import graphviz
import numpy as np

from minigrad.autodiff import Node, PrimitiveNode, Vertex, toposort
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor

MISSING = (
    "The program `dot` that draws the picture was not found: install Graphviz, with `apt install graphviz` on Debian and "
    "Ubuntu, `brew install graphviz` on macOS, or `winget install graphviz` on Windows."
)

PARAMETER = "leaf that requires a gradient"
CONSTANT = "constant"
RESULT = "intermediate result"
ROOT = "the tensor drawn"
OPERATION = "operation"
COLORS = {PARAMETER: "#cfe3f7", CONSTANT: "#e6e6e6", RESULT: "#ffffff", ROOT: "#cfeccf", OPERATION: "#ffe3b0"}
GRADIENT = "#b3261e"
FAINT = "#6b6b6b"


class Named(Protocol):
    """What has names for tensors: a Module."""

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield each parameter with its name."""


class DotNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]
    """Graphviz's program `dot` is not installed, or not on the PATH."""

    def __init__(self) -> None:
        RuntimeError.__init__(self, MISSING)


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A `graphviz.Digraph` that, where the program `dot` is missing, says so in one sentence.

    In a notebook the sentence stands above the DOT source; `render`, `view` and `pipe` raise it.
    """

    def render(self, *arguments: Any, **options: Any) -> str:
        """Write the DOT source and the picture to files and return the picture's path; see `graphviz.Digraph.render`.

        Raises:
            DotNotFound: The program `dot` is not installed. The DOT source has been written.
        """
        try:
            return str(super().render(*arguments, **options))
        except graphviz.ExecutableNotFound:
            raise DotNotFound from None

    def pipe(self, *arguments: Any, **options: Any) -> Any:
        """Return the picture as bytes, or as text given an encoding; see `graphviz.Digraph.pipe`.

        Raises:
            DotNotFound: The program `dot` is not installed.
        """
        try:
            return super().pipe(*arguments, **options)
        except graphviz.ExecutableNotFound:
            raise DotNotFound from None

    def _repr_mimebundle_(self, *arguments: Any, **options: Any) -> Mapping[str, Any]:
        try:
            bundle: Mapping[str, Any] = super()._repr_mimebundle_(*arguments, **options)
        except graphviz.ExecutableNotFound:
            return {"text/plain": f"{MISSING}\n\n{self.source}"}
        return bundle


def graph(
    tensor: Tensor,
    *,
    params: Mapping[str, Tensor] | Named | None = None,
    max_values: int = 6,
    max_ops: int | None = 1000,
    direction: str = "TB",
) -> Picture:
    """Draw how a tensor was computed.

    Boxes are tensors: blue a leaf that requires a gradient, grey a constant, green the tensor drawn, white what came in
    between. A box shows the name if there is one, the shape, the values of a small array or the range of a larger one, and
    in red the gradient if backward has been there. Orange ellipses are operations, with the arguments that they do not take
    by default. An arrow into an operation of several inputs says which one it is.

    Args:
        tensor: The result to draw.
        params: Names of tensors: a Module, or a mapping from name to tensor. Not only parameters can be named; a constant
            or an intermediate result that is given here is found in the graph and shown with its values.
        max_values: Up to how many elements are shown one by one.
        max_ops: Draw only so many operations, the last ones; None draws all, however long `dot` may take.
        direction: In which the computation runs, as Graphviz calls it: "TB" from top to bottom, "LR" from left to right.

    Raises:
        TypeError: The tensor is not a Tensor, or params is no mapping to Tensors and no Module.
        ValueError: The direction is none of TB, LR, BT, RL, or a limit is negative.

    >>> import minigrad
    >>> w = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> print(graph((w * 3).sum(), params={"w": w}).source.splitlines()[0])
    digraph {
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"graph() draws a Tensor, but got {type(tensor).__name__}")
    if direction not in ("TB", "LR", "BT", "RL"):
        raise ValueError(f"direction must be one of TB, LR, BT, RL, but got {direction!r}")
    if max_values < 0 or (max_ops is not None and max_ops < 0):
        raise ValueError(f"max_values and max_ops must be at least 0, but got {max_values} and {max_ops}")
    names = _names(params)
    root = vertex_of(tensor)
    nodes = toposort([root])
    drawn = nodes if max_ops is None else nodes[:max_ops]
    facts = _Facts(root, tensor, names, drawn)
    return _Drawing(facts, max_values, direction).draw(drawn, len(nodes) - len(drawn))


def _names(params: Mapping[str, Tensor] | Named | None) -> dict[str, Tensor]:
    """Return the names as a dictionary."""
    if params is None:
        return {}
    try:
        names = dict(params if isinstance(params, Mapping) else params.named_parameters())
    except AttributeError:
        raise TypeError(f"params must be a Module or a mapping of names to Tensors, not a {type(params).__name__}") from None
    for name, tensor in names.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"params must map names to Tensors, but {name!r} is a {type(tensor).__name__}")
    return names


def vertex_of(tensor: Tensor) -> Vertex:
    """Return the place of a tensor in the picture: the node that computed it, or the leaf itself."""
    return tensor if tensor.grad_fn is None else tensor.grad_fn


# --------------------------------------------------------------------------------------- what is known of the tensors


class Operand(NamedTuple):
    """One input of a recorded operation: its name in the primitive, and what is known of it."""

    name: str
    key: Hashable
    array: Array | None
    shape: Shape | None


@dataclass
class Box:
    """One tensor in the picture."""

    kind: str
    name: str | None = None
    shape: Shape | None = None
    array: Array | None = None
    grad: Array | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.name is None and self.shape is None


def _saved(node: Node) -> dict[str, Any]:
    """Return what the tape holds of an operation, by name of the slot; nothing once the graph is freed.

    Arrays are left out where one of them was written to since: they are no longer what the operation saw.
    """
    if not isinstance(node, PrimitiveNode) or node.frame is None:
        return {}
    saved = dict(zip(node.op.slots, node.frame, strict=False))
    if _overwritten(node):
        saved.update(dict.fromkeys((*node.op.inputs, "out")))
    return saved


def _overwritten(node: Node) -> bool:
    return isinstance(node, PrimitiveNode) and node.overwritten()


def _operands(node: Node) -> Iterator[Operand]:
    """Yield the inputs of an operation, those first that the tape knows only from what is saved."""
    saved = _saved(node)
    names: tuple[str, ...] = node.op.inputs if isinstance(node, PrimitiveNode) else ()
    arrays = [saved.get(name) for name in names]
    shapes = [saved.get(f"{name}_shape") for name in names]
    count = len(node.parents)
    if isinstance(node, PrimitiveNode) and node.op.variadic:
        names = tuple(f"{names[0]}[{k}]" for k in range(count))
        arrays = arrays[0] or [None] * count
        shapes = shapes[0] or [None] * count
    for k, parent in enumerate(node.parents):
        name, array, shape = (names[k], arrays[k], shapes[k]) if names else ("", None, None)
        if parent is not None:
            yield Operand(name, parent, array, shape)
        elif array is not None:
            yield Operand(name, id(array), array, array.shape)
        elif shape is not None:
            yield Operand(name, (node, k), None, shape)


class _Facts:
    """What is known of each tensor of the graph, gathered from the leaves, the names, and what the operations have saved."""

    def __init__(self, root: Vertex, tensor: Tensor, names: Mapping[str, Tensor], nodes: list[Node]) -> None:
        self.boxes: dict[Hashable, Box] = {}
        self.operands: dict[Node, list[Operand]] = {node: list(_operands(node)) for node in nodes}
        for node in nodes:
            out = _saved(node).get("out")
            self.add(node, RESULT, out, None if out is None else out.shape)
            for operand in self.operands[node]:
                self.add(operand.key, CONSTANT, operand.array, operand.shape)
        self.see(root, tensor)
        for key in list(self.boxes):
            if isinstance(key, Tensor):
                self.see(key, key)
        for name, named in names.items():
            for key in (vertex_of(named), id(named.array)):
                if key in self.boxes:
                    self.see(key, named)
                    self.boxes[key].name = name
        if isinstance(root, Node) or not tensor.requires_grad:
            self.boxes[root].kind = ROOT

    def add(self, key: Hashable, kind: str, array: Array | None, shape: Shape | None) -> None:
        """Enter what one operation knows of a tensor."""
        box = self.boxes.setdefault(key, Box(RESULT if isinstance(key, Node) else kind))
        box.shape = box.shape if shape is None else shape
        box.array = box.array if array is None else array

    def see(self, key: Hashable, tensor: Tensor) -> None:
        """Enter what the tensor itself knows."""
        self.add(key, PARAMETER if tensor.requires_grad else CONSTANT, tensor.array, tensor.shape)
        box = self.boxes[key]
        if isinstance(key, Tensor) and tensor.requires_grad:
            box.kind = PARAMETER
        box.grad = None if tensor._grad is None else tensor._grad.array


# ------------------------------------------------------------------------------------------------------ how it is drawn


class _Drawing:
    """Turns the facts into DOT."""

    def __init__(self, facts: _Facts, max_values: int, direction: str) -> None:
        self.facts = facts
        self.max_values = max_values
        self.ids: dict[Hashable, str] = {}
        self.kinds: set[str] = set()
        font = {"fontname": "Helvetica", "fontsize": "11"}
        self.picture = Picture(
            graph_attr={**font, "rankdir": direction, "ordering": "in", "nodesep": "0.25", "ranksep": "0.3", "labelloc": "b"},
            node_attr={**font, "style": "filled", "color": "#555555", "penwidth": "0.8", "margin": "0.12,0.06"},
            edge_attr={**font, "fontsize": "9", "fontcolor": FAINT, "color": "#555555", "arrowsize": "0.7"},
        )

    def draw(self, nodes: list[Node], left_out: int) -> Picture:
        """Draw the operations (youngest first) with their tensors, and a note on those left out."""
        if not nodes:
            for key in self.facts.boxes:
                self.box(key)
        note = f"{left_out:,} earlier operations are not drawn (max_ops)" if left_out else ""
        if left_out:
            self.picture.node("earlier", note, shape="note", fillcolor="#ffffff", fontcolor=FAINT)
        for node in reversed(nodes):
            operation = self.operation(node)
            operands = self.facts.operands[node]
            for operand in operands:
                label = operand.name if len(node.parents) > 1 else ""
                source = self.source(operand.key)
                self.picture.edge(source, operation, _escaped(label))
            if not self.facts.boxes[node].empty:
                self.picture.edge(operation, self.box(node))
        self.picture.attr(label=self.legend())
        return self.picture

    def source(self, key: Hashable) -> str:
        """Return the id that arrows from a tensor begin at: its box, or its operation if nothing is known of it."""
        if not isinstance(key, Node):
            return self.ids.get(key) or self.box(key)
        if key not in self.facts.operands:
            return "earlier"
        return self.ids[("operation", key)] if self.facts.boxes[key].empty else self.ids[key]

    def operation(self, node: Node) -> str:
        """Draw an operation and return its id."""
        name = node.op.name if isinstance(node, PrimitiveNode) else repr(node).strip("<>")
        lines = [_text(name)]
        saved = _saved(node)
        defaults = node.op.defaults if isinstance(node, PrimitiveNode) else {}
        for keyword, default in defaults.items():
            if keyword in saved and saved[keyword] is not default and repr(saved[keyword]) != repr(default):
                lines.append(_text(f"{keyword}={reprlib.repr(saved[keyword])}", size=9))
        if isinstance(node, PrimitiveNode) and node.frame is None:
            lines.append(_text("freed by backward", FAINT, 9))
        if _overwritten(node):
            lines.append(_text("a saved array was overwritten", GRADIENT, 9))
        return self.place(("operation", node), OPERATION, lines, shape="ellipse", margin="0.05,0.03")

    def box(self, key: Hashable) -> str:
        """Draw a tensor and return its id."""
        box = self.facts.boxes[key]
        lines = [] if box.name is None else [f"<B>{_text(box.name)}</B>"]
        if box.shape is not None:
            kind = "" if box.array is None or box.array.dtype == np.float32 else f" {box.array.dtype.name}"
            lines.append(_text(("shape " + str(tuple(box.shape)) if box.shape else "scalar") + kind, FAINT, 9))
        if box.array is not None:
            lines += [_text(line) for line in self.values(box.array)]
        elif box.kind == CONSTANT:
            lines.append(_text("value not kept", FAINT, 9))
        if box.grad is not None:
            first, *more = self.values(box.grad)
            lines += [_text(line, GRADIENT) for line in (f"grad {first}", *more)]
        unkept = {"style": "filled,dashed"} if box.kind == CONSTANT and box.array is None else {}
        return self.place(key, box.kind, lines, shape="box", **unkept)

    def place(self, key: Hashable, kind: str, lines: list[str], **attributes: str) -> str:
        """Enter a vertex of the picture and return its id."""
        self.kinds.add(kind)
        self.ids[key] = f"v{len(self.ids)}"
        self.picture.node(self.ids[key], f"<{'<BR/>'.join(lines)}>", fillcolor=COLORS[kind], **attributes)
        return self.ids[key]

    def values(self, array: Array) -> list[str]:
        """Return the elements of a small array as lines of text; of a larger one, the least and the greatest."""
        element = (lambda x: f"{x:.4g}") if array.dtype.kind == "f" else str
        if array.size <= self.max_values:
            text = np.array2string(array, separator=", ", max_line_width=60, formatter={"all": element})
            return text.split("\n")
        return [f"{element(np.min(array))} to {element(np.max(array))}"]

    def legend(self) -> str:
        """Return a line that explains the colours in use."""
        cells = "".join(
            f'<TD BGCOLOR="{color}" BORDER="1" COLOR="#555555" STYLE="{"rounded" if kind == OPERATION else "solid"}">'
            f"{_text(kind, size=9)}</TD>"
            for kind, color in COLORS.items()
            if kind in self.kinds
        )
        return f'<<TABLE BORDER="0" CELLSPACING="4" CELLPADDING="3"><TR>{cells}</TR></TABLE>>'


def _escaped(text: str) -> str:
    """Return a text in which Graphviz finds no escape sequences and no markup."""
    return str(graphviz.escape(text)) if text else text


def _text(text: str, color: str | None = None, size: int | None = None) -> str:
    """Return a text as Graphviz's markup; characters that it could not print are written as escapes."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    # Graphviz replaces \N, \G and others by names also in markup, and knows no escape there: a space of no width parts them.
    # And to its parser a text that begins with ] looks like the end of a CDATA section.
    marked = html.escape(printable).replace("]", "&#93;").replace("\\", "\\\u200b") or "&#32;"
    style = (f' COLOR="{color}"' if color else "") + (f' POINT-SIZE="{size}"' if size else "")
    return f"<FONT{style}>{marked}</FONT>" if style else marked
