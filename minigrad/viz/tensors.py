"""What is known of each tensor of a graph: from leaves, named tensors, saved tensors, and what `keep` has kept."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from minigrad.autodiff import Node, PrimitiveNode, Vertex
from minigrad.primitive import Array, Shape
from minigrad.tensor import Tensor
from minigrad.viz.keep import Record, records, saved

LEAF = "leaf, requires grad"
CONSTANT = "constant"
INTERMEDIATE = "intermediate"
OUTPUT = "output"

TITLE, NAME, SHAPE, VALUE, GRADIENT, NOTE = "title", "name", "shape", "value", "gradient", "note"
Line = tuple[str, str]
"""What a line of text is, one of the above, and the text."""


class Operand(NamedTuple):
    """One input of a recorded operation: its name, a key that identifies the tensor, and what is known of it.

    `parameter` is its name in the model that was given to `keep`.
    """

    name: str
    key: Hashable
    array: Array | None = None
    shape: Shape | None = None
    parameter: str | None = None


@dataclass
class Box:
    """What is known of one tensor."""

    kind: str
    name: str | None = None
    shape: Shape | None = None
    array: Array | None = None
    grad: Array | None = None
    is_parameter: bool = False

    def lines(self, max_values: int) -> list[Line]:
        """Return the description: name, shape, values and gradient; of more than `max_values` elements the range."""
        lines = [] if self.name is None else [(NAME, self.name)]
        if self.shape is not None:
            dtype = "" if self.array is None or self.array.dtype == np.float32 else f" {self.array.dtype.name}"
            lines.append((SHAPE, ("shape " + str(tuple(self.shape)) if self.shape else "scalar") + dtype))
        if self.array is not None:
            lines += [(VALUE, line) for line in format_values(self.array, max_values)]
        elif self.kind == CONSTANT:
            lines.append((NOTE, "value not saved"))
        if self.grad is not None:
            first, *more = format_values(self.grad, max_values)
            lines += [(GRADIENT, line) for line in (f"grad {first}", *more)]
        return lines


def format_values(array: Array, max_values: int) -> list[str]:
    """Format the elements of an array of at most `max_values`, or else the minimum and the maximum, as lines of text."""
    element = (lambda x: f"{x:.4g}") if array.dtype.kind == "f" else str
    if array.size <= max_values:
        return np.array2string(array, separator=", ", max_line_width=60, formatter={"all": element}).split("\n")
    return [f"{element(np.min(array))} to {element(np.max(array))}"]


def vertex_of(tensor: Tensor) -> Vertex:
    """Return the vertex of a tensor: the node that computed it, or the tensor itself for leaves and constants."""
    vertex = tensor.vertex()
    return tensor if vertex is None else vertex


def operands(node: Node) -> Iterator[Operand]:
    """Yield the inputs of an operation. Of constants, inputs without a parent, only what was saved or kept is known."""
    count, record = len(node.parents), records.get(node, Record())
    names: Sequence[str] = [""] * count
    arrays, shapes = [None] * count, [None] * count
    if isinstance(node, PrimitiveNode):
        op, residuals = node.linearization.op, saved(node)
        names = op.inputs
        arrays, shapes = [residuals.get(x) for x in names], [residuals.get(f"{x}_shape") for x in names]
        if op.variadic:
            names = [f"{op.inputs[0]}[{k}]" for k in range(count)]
            arrays, shapes = arrays[0] or [None] * count, shapes[0] or [None] * count
    parameters = record.names or [None] * count
    kept = len(record.inputs) == count  # a `Function` has other arguments too
    originals, values = (record.inputs, record.copies) if kept else (arrays, arrays)
    for k, parent in enumerate(node.parents):
        key: Hashable = parent
        if parent is None:
            key = (node, k) if originals[k] is None else id(originals[k])
        if isinstance(node, PrimitiveNode) or kept or parent is not None:
            yield Operand(names[k], key, values[k], shapes[k], parameters[k])


class Tensors:
    """The tensors of a graph: for each a `Box`, and for each operation its operands."""

    def __init__(self, root: Vertex, tensor: Tensor, names: Mapping[str, Tensor], nodes: Iterable[Node]) -> None:
        self.boxes: dict[Hashable, Box] = {}
        self.operands = {node: list(operands(node)) for node in nodes}
        for node, inputs in self.operands.items():
            record = records.get(node, Record())
            out = record.out if record.out is not None else saved(node).get("out")
            self._add(node, INTERMEDIATE, out, None if record.grad is None else record.grad.shape)
            self.boxes[node].grad = record.grad
            for operand in inputs:
                self._add(operand.key, CONSTANT, operand.array, operand.shape)
                if operand.parameter is not None:
                    self.boxes[operand.key].name, self.boxes[operand.key].is_parameter = operand.parameter, True
        self._add_tensor(root, tensor)
        for key in list(self.boxes):
            if isinstance(key, Tensor):
                self._add_tensor(key, key)
        for name, named in names.items():
            for key in (vertex_of(named), id(named.array)):
                if key in self.boxes:
                    self._add_tensor(key, named)
                    self.boxes[key].name = name
        if isinstance(root, Node) or not tensor.requires_grad:
            self.boxes[root].kind = OUTPUT

    def _add(self, key: Hashable, kind: str, array: Array | None, shape: Shape | None = None) -> None:
        """Add the values and the shape of a tensor, as far as they are known."""
        box = self.boxes.setdefault(key, Box(INTERMEDIATE if isinstance(key, Node) else kind))
        box.array = array if box.array is None else box.array
        shape = shape if box.array is None else box.array.shape
        box.shape = shape if box.shape is None else box.shape

    def _add_tensor(self, key: Hashable, tensor: Tensor) -> None:
        """Add the values and the gradient of a tensor that exists."""
        kind = LEAF if tensor.requires_grad else CONSTANT
        self._add(key, kind, tensor.array)
        box = self.boxes[key]
        if isinstance(key, Tensor):
            box.kind = kind
        if (tensor.is_leaf or tensor.retains_grad) and tensor.grad is not None:
            box.grad = tensor.grad.array
