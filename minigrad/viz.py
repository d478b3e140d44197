"""Pictures of the recorded computation graph.

    graph(loss, params=model)

returns a `graphviz.Digraph`. Jupyter displays it; ``.render("loss", format="png")`` writes a file; ``.source`` is its source
in the DOT language, which does not need Graphviz. An ellipse is an operation, a box is a tensor.

Operations save arrays only where a vjp needs them. So the picture shows the shapes and values that are known: of leaves, of
the output, of named tensors, and of saved tensors. After a backward pass without retain_graph the saved tensors are freed;
then only boxes of the other tensors are drawn.
"""

from __future__ import annotations

import html
import reprlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import graphviz
import numpy as np

from minigrad.autodiff import Node, PrimitiveNode, Vertex, toposort
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor

DOT_MISSING = (
    "The program `dot` of Graphviz, which draws the picture, was not found. Install Graphviz: `apt install graphviz` on "
    "Debian and Ubuntu, `brew install graphviz` on macOS, `winget install graphviz` on Windows."
)

LEAF = "leaf, requires grad"
CONSTANT = "constant"
INTERMEDIATE = "intermediate"
OUTPUT = "output"
OPERATION = "operation"
COLORS = {LEAF: "#cfe3f7", CONSTANT: "#e6e6e6", INTERMEDIATE: "#ffffff", OUTPUT: "#cfeccf", OPERATION: "#ffe3b0"}
GRADIENT_COLOR = "#b3261e"
MUTED_COLOR = "#6b6b6b"


class SupportsNamedParameters(Protocol):
    """A `Module`, or another object with named parameters."""

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the name and the tensor of each parameter."""


class DotNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]
    """The program `dot` of Graphviz is not on the PATH."""

    def __init__(self) -> None:
        RuntimeError.__init__(self, DOT_MISSING)


class Picture(graphviz.Digraph):  # type: ignore[misc]
    """A `graphviz.Digraph` that explains how to install Graphviz if the program `dot` is missing.

    In a notebook the explanation and the DOT source are displayed then; `render`, `view` and `pipe` raise `DotNotFound`.
    """

    def render(self, *arguments: Any, **options: Any) -> str:
        """Write the DOT source and the picture to files and return the path of the picture; see `graphviz.Digraph.render`.

        Raises:
            DotNotFound: The program `dot` is not installed. The DOT source was written.
        """
        try:
            return str(super().render(*arguments, **options))
        except graphviz.ExecutableNotFound:
            raise DotNotFound from None

    def pipe(self, *arguments: Any, **options: Any) -> Any:
        """Return the picture as bytes, or as str if an encoding is given; see `graphviz.Digraph.pipe`.

        Raises:
            DotNotFound: The program `dot` is not installed.
        """
        try:
            return super().pipe(*arguments, **options)
        except graphviz.ExecutableNotFound:
            raise DotNotFound from None

    def _repr_mimebundle_(self, *arguments: Any, **options: Any) -> Mapping[str, Any]:
        try:
            return dict(super()._repr_mimebundle_(*arguments, **options))
        except graphviz.ExecutableNotFound:
            return {"text/plain": f"{DOT_MISSING}\n\n{self.source}"}


def graph(
    tensor: Tensor,
    *,
    params: Mapping[str, Tensor] | SupportsNamedParameters | None = None,
    max_values: int = 6,
    max_ops: int | None = 1000,
    direction: str = "TB",
) -> Picture:
    """Draw the recorded computation of a tensor.

    Boxes are tensors: blue are leaves that require a gradient, grey constants, white intermediate tensors, green the output.
    A box shows the name if known, the shape, the values (of a large array the range), and in red the gradient if backward
    has computed it. Orange ellipses are operations with their non-default arguments. An arrow into an operation with several
    inputs is labelled with the name of the input.

    Args:
        tensor: The output.
        params: Names for tensors: a Module, or a mapping from names to tensors. Besides parameters, constants and
            intermediate tensors can be named; their values are shown then.
        max_values: The greatest number of elements of which all values are shown.
        max_ops: The greatest number of operations, the last ones; None draws all, which can take `dot` very long.
        direction: Graphviz's rankdir: "TB" draws from top to bottom, "LR" from left to right; also "BT" and "RL".

    Raises:
        TypeError: tensor is not a Tensor, or params is neither a Module nor a mapping to Tensors.
        ValueError: direction is unknown, or a limit is negative.

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
    drawn = nodes[:max_ops]
    info = _GraphInfo(root, tensor, names, drawn)
    return _Drawing(info, max_values, direction).draw(drawn, omitted=len(nodes) - len(drawn))


def _names(params: Mapping[str, Tensor] | SupportsNamedParameters | None) -> dict[str, Tensor]:
    """Return the names as a dict."""
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
    """Return the vertex of a tensor: the node that computed it, or the tensor itself for leaves and constants."""
    vertex = tensor.vertex()
    return tensor if vertex is None else vertex


# ----------------------------------------------------------------------------------------- information about the graph


class Operand(NamedTuple):
    """One input of a recorded operation: its name, a key that identifies the tensor, and what the operation saved of it."""

    name: str
    key: Hashable
    array: Array | None
    shape: Shape | None


@dataclass
class Box:
    """What is known of one tensor."""

    kind: str
    name: str | None = None
    shape: Shape | None = None
    array: Array | None = None
    grad: Array | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is known."""
        return self.name is None and self.shape is None


def _saved(node: Node) -> dict[str, Any]:
    """Return what an operation has saved, by name of the residual; nothing if it was freed.

    If a saved array was modified in place, no arrays are returned: they are not the values that the operation used.
    """
    if not isinstance(node, PrimitiveNode) or node.residuals is None:
        return {}
    saved = dict(zip(node.linearization.residuals, node.residuals, strict=True))
    if _modified(node):
        saved.update(dict.fromkeys((*node.linearization.op.inputs, "out")))
    return saved


def _modified(node: Node) -> bool:
    """Return whether an array that the operation has saved was modified in place."""
    return isinstance(node, PrimitiveNode) and any(version.last_write > node.sequence_nr for version in node.versions)


def _operands(node: Node) -> Iterator[Operand]:
    """Yield the inputs of an operation. Of constants, inputs without a parent, only what was saved is known."""
    if not isinstance(node, PrimitiveNode):
        yield from (Operand("", parent, None, None) for parent in node.parents if parent is not None)
        return
    op, saved, count = node.linearization.op, _saved(node), len(node.parents)
    names: Sequence[str] = op.inputs
    arrays = [saved.get(name) for name in names]
    shapes = [saved.get(f"{name}_shape") for name in names]
    if op.variadic:
        names = [f"{op.inputs[0]}[{k}]" for k in range(count)]
        arrays = arrays[0] or [None] * count
        shapes = shapes[0] or [None] * count
    for k, (name, parent, array, shape) in enumerate(zip(names, node.parents, arrays, shapes, strict=True)):
        if parent is not None:
            yield Operand(name, parent, array, shape)
        elif array is not None:
            yield Operand(name, id(array), array, array.shape)
        else:
            yield Operand(name, (node, k), None, shape)


class _GraphInfo:
    """Information about each tensor of the graph, from leaves, named tensors and saved tensors."""

    def __init__(self, root: Vertex, tensor: Tensor, names: Mapping[str, Tensor], nodes: list[Node]) -> None:
        self.boxes: dict[Hashable, Box] = {}
        self.operands: dict[Node, list[Operand]] = {node: list(_operands(node)) for node in nodes}
        for node in nodes:
            out = _saved(node).get("out")
            self.add_saved(node, INTERMEDIATE, out, None if out is None else out.shape)
            for operand in self.operands[node]:
                self.add_saved(operand.key, CONSTANT, operand.array, operand.shape)
        self.add_tensor(root, tensor)
        for key in list(self.boxes):
            if isinstance(key, Tensor):
                self.add_tensor(key, key)
        for name, named in names.items():
            for key in (vertex_of(named), id(named.array)):
                if key in self.boxes:
                    self.add_tensor(key, named)
                    self.boxes[key].name = name
        if isinstance(root, Node) or not tensor.requires_grad:
            self.boxes[root].kind = OUTPUT

    def add_saved(self, key: Hashable, kind: str, array: Array | None, shape: Shape | None) -> None:
        """Add what an operation has saved of a tensor."""
        box = self.boxes.setdefault(key, Box(INTERMEDIATE if isinstance(key, Node) else kind))
        box.shape = box.shape if shape is None else shape
        box.array = box.array if array is None else array

    def add_tensor(self, key: Hashable, tensor: Tensor) -> None:
        """Add the values and the gradient of a tensor."""
        self.add_saved(key, LEAF if tensor.requires_grad else CONSTANT, tensor.array, tensor.shape)
        box = self.boxes[key]
        if isinstance(key, Tensor) and tensor.requires_grad:
            box.kind = LEAF
        grad = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
        box.grad = None if grad is None else grad.array


# -------------------------------------------------------------------------------------------------------------- drawing


class _Drawing:
    """Converts the information about a graph to DOT."""

    def __init__(self, info: _GraphInfo, max_values: int, direction: str) -> None:
        self.info = info
        self.max_values = max_values
        self.ids: dict[Hashable, str] = {}
        self.kinds: set[str] = set()
        font = {"fontname": "Helvetica", "fontsize": "11"}
        self.picture = Picture(
            graph_attr={**font, "rankdir": direction, "ordering": "in", "nodesep": "0.25", "ranksep": "0.3", "labelloc": "b"},
            node_attr={**font, "style": "filled", "color": "#555555", "penwidth": "0.8", "margin": "0.12,0.06"},
            edge_attr={**font, "fontsize": "9", "fontcolor": MUTED_COLOR, "color": "#555555", "arrowsize": "0.7"},
        )

    def draw(self, nodes: list[Node], omitted: int) -> Picture:
        """Draw the operations, given the last recorded first, with their tensors; and a note if earlier ones are omitted."""
        if not nodes:
            for key in self.info.boxes:
                self.box(key)
        if omitted:
            note = f"{omitted:,} earlier operations are not drawn (max_ops)"
            self.picture.node("earlier", note, shape="note", fillcolor="#ffffff", fontcolor=MUTED_COLOR)
        for node in reversed(nodes):
            operation = self.operation(node)
            for operand in self.info.operands[node]:
                label = operand.name if len(node.parents) > 1 else ""
                self.picture.edge(self.source(operand.key), operation, graphviz.escape(label))
            if not self.info.boxes[node].empty:
                self.picture.edge(operation, self.box(node))
        self.picture.attr(label=self.legend())
        return self.picture

    def source(self, key: Hashable) -> str:
        """Return the id at which arrows from a tensor start: its box, or its operation if nothing is known of the tensor."""
        if not isinstance(key, Node):
            return self.ids.get(key) or self.box(key)
        if key not in self.info.operands:
            return "earlier"
        return self.ids[("operation", key)] if self.info.boxes[key].empty else self.ids[key]

    def operation(self, node: Node) -> str:
        """Draw an operation and return the id of its vertex."""
        lines = [_text(node.op_name)]
        saved = _saved(node)
        defaults = node.linearization.op.defaults if isinstance(node, PrimitiveNode) else {}
        for keyword, default in defaults.items():
            if keyword in saved and saved[keyword] is not default and repr(saved[keyword]) != repr(default):
                lines.append(_text(f"{keyword}={reprlib.repr(saved[keyword])}", size=9))
        if isinstance(node, PrimitiveNode) and node.residuals is None:
            lines.append(_text("freed by backward", MUTED_COLOR, 9))
        if _modified(node):
            lines.append(_text("saved tensor modified in place", GRADIENT_COLOR, 9))
        return self.add_vertex(("operation", node), OPERATION, lines, shape="ellipse", margin="0.05,0.03")

    def box(self, key: Hashable) -> str:
        """Draw a tensor and return the id of its vertex."""
        box = self.info.boxes[key]
        lines = [] if box.name is None else [f"<B>{_text(box.name)}</B>"]
        if box.shape is not None:
            kind = "" if box.array is None or box.array.dtype == np.float32 else f" {box.array.dtype.name}"
            lines.append(_text(("shape " + str(tuple(box.shape)) if box.shape else "scalar") + kind, MUTED_COLOR, 9))
        if box.array is not None:
            lines += [_text(line) for line in self.values(box.array)]
        elif box.kind == CONSTANT:
            lines.append(_text("value not saved", MUTED_COLOR, 9))
        if box.grad is not None:
            first, *more = self.values(box.grad)
            lines += [_text(line, GRADIENT_COLOR) for line in (f"grad {first}", *more)]
        unsaved = {"style": "filled,dashed"} if box.kind == CONSTANT and box.array is None else {}
        return self.add_vertex(key, box.kind, lines, shape="box", **unsaved)

    def add_vertex(self, key: Hashable, kind: str, lines: list[str], **attributes: str) -> str:
        """Add a vertex to the picture and return its id."""
        self.kinds.add(kind)
        self.ids[key] = f"v{len(self.ids)}"
        self.picture.node(self.ids[key], f"<{'<BR/>'.join(lines)}>", fillcolor=COLORS[kind], **attributes)
        return self.ids[key]

    def values(self, array: Array) -> list[str]:
        """Format the elements of an array of at most `max_values`, or else the minimum and the maximum, as lines of text."""
        element = (lambda x: f"{x:.4g}") if array.dtype.kind == "f" else str
        if array.size <= self.max_values:
            return np.array2string(array, separator=", ", max_line_width=60, formatter={"all": element}).split("\n")
        return [f"{element(np.min(array))} to {element(np.max(array))}"]

    def legend(self) -> str:
        """Return the legend: the colors in use and their meaning."""
        cells = "".join(
            f'<TD BGCOLOR="{color}" BORDER="1" COLOR="#555555" STYLE="{"rounded" if kind == OPERATION else "solid"}">'
            f"{_text(kind, size=9)}</TD>"
            for kind, color in COLORS.items()
            if kind in self.kinds
        )
        return f'<<TABLE BORDER="0" CELLSPACING="4" CELLPADDING="3"><TR>{cells}</TR></TABLE>>'


def _text(text: str, color: str | None = None, size: int | None = None) -> str:
    """Convert a text to Graphviz's HTML-like markup; non-printable characters are written as escape sequences."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    # Graphviz replaces \N, \G and others by names in markup too and has no escape for it: insert a zero-width space. And its
    # parser takes a text that starts with ] for the end of a CDATA section.
    marked = html.escape(printable).replace("]", "&#93;").replace("\\", "\\\u200b") or "&#32;"
    style = (f' COLOR="{color}"' if color else "") + (f' POINT-SIZE="{size}"' if size else "")
    return f"<FONT{style}>{marked}</FONT>" if style else marked
