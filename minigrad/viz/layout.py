"""What a picture shows, however it is drawn: its parts, their inputs and results, and what is said of each.

A part is an operation, a closed module, or repetitions that are left out.
"""

import re
import reprlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, takewhile

from minigrad.autodiff import Node, PrimitiveNode, toposort
from minigrad.multi_output import OutputNode
from minigrad.nn import Module
from minigrad.tensor import Tensor
from minigrad.viz.keep import Call, calls_of, modified, saved
from minigrad.viz.tensors import GRADIENT, NOTE, TITLE, Line, Operand, Tensors, vertex_of

OPERATION = "operation"
MODULE = "module"
REPEATED = "left out"

Names = Mapping[str, Tensor] | Module | None

REPETITION = re.compile(r"(.{1,200}?)\1{3,}", re.DOTALL)
"""At least four times the same sequence, of at most 200 parts."""


@dataclass(eq=False)
class Part:
    """One vertex of the picture.

    Attributes:
        kind: What it stands for, one of the above.
        title: The name of the operation or of the module, or what is left out.
        nodes: The operations, in the order of computation.
        calls: The calls of open modules that it belongs to, the outermost first.
        note: What else is to be said.
    """

    kind: str
    title: str
    nodes: list[Node]
    calls: tuple[Call, ...] = ()
    note: str = ""

    @property
    def signature(self) -> Hashable:
        """What a part has in common with its repetitions: not the name of a module, nor the index of a result."""
        return (self.kind, re.sub(r".*: |(?<=\[)\d+", "", self.title), len(self.nodes))


def arrange(nodes: list[Node], depth: int | None, max_parts: int) -> list[Part]:
    """Return the parts of a picture of operations, given in the order of computation.

    If there are more than `max_parts`, repetitions are left out, then modules are closed, the innermost first; and if that
    is not enough, only the last parts are returned.
    """
    deepest = max((len(calls_of(node)) for node in nodes), default=0)
    for level in range(deepest if depth is None else min(depth, deepest), -1, -1):
        parts = closed(nodes, level)
        if len(parts) > max_parts:
            parts = without_repetitions(parts)
        if len(parts) <= max_parts:
            return parts
    return parts[len(parts) - max_parts :]


def closed(nodes: Iterable[Node], depth: int) -> list[Part]:
    """Return the parts of operations if `depth` levels of modules are open: one for each call at the level below."""
    parts = []
    for call, group in groupby(nodes, key=lambda node: dict(enumerate(calls_of(node))).get(depth, node)):
        inside = list(group)
        calls = calls_of(inside[0])[:depth]
        if isinstance(call, Call):
            note = f"operations {len(inside):,}, parameters {call.parameters:,}"
            parts.append(Part(MODULE, call.title, inside, calls, note))
        else:
            index = f"[{call.index}]" if isinstance(call, OutputNode) else ""
            parts.append(Part(OPERATION, call.op_name + index, inside, calls))
    return parts


def without_repetitions(parts: list[Part]) -> list[Part]:
    """Return the parts with only the first and the last of repetitions, until there are none."""
    count = len(parts) + 1
    while len(parts) < count:
        count = len(parts)
        characters: dict[Hashable, str] = {}
        text = "".join(characters.setdefault(part.signature, chr(len(characters))) for part in parts)
        kept, end = [], 0
        for match in REPETITION.finditer(text):
            period = len(match[1])
            start, stop = match.start() + period, match.end() - period
            left_out, titles = parts[start:stop], [part.title for part in parts[start : start + min(period, 4)]]
            title = f"... {len(left_out) // period:,} more"
            nodes = [node for part in left_out for node in part.nodes]
            note = ", ".join(titles) + (", ..." if period > 4 else "")
            kept += [*parts[end:start], Part(REPEATED, title, nodes, common_calls(left_out), note)]
            end = stop
        parts = kept + parts[end:]
    return parts


def common_calls(parts: Iterable[Part]) -> tuple[Call, ...]:
    """Return the calls that all parts belong to."""
    levels = zip(*(part.calls for part in parts), strict=False)
    return tuple(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


class Layout:
    """The graph of a tensor, arranged.

    Attributes:
        root: The vertex of the tensor.
        parts: The vertices that stand for operations, in the order of computation.
        omitted: How many earlier operations there are.
        tensors: What is known of each tensor.
        part_of: The part of each operation.
        inputs: The inputs of each part that are shown.
        users: The parts that a tensor is an input of.
        several: The operations with several results.
        max_values: The greatest number of elements of which all values are shown.
    """

    def __init__(self, tensor: Tensor, params: Names, max_values: int, max_ops: int | None, depth: int | None) -> None:
        if not isinstance(tensor, Tensor):
            raise TypeError(f"viz draws a Tensor, but got {type(tensor).__name__}")
        if any(limit is not None and limit < 0 for limit in (max_values, max_ops, depth)):
            raise ValueError(f"max_values, max_ops and depth must be at least 0, but are {max_values}, {max_ops} and {depth}")
        self.root = vertex_of(tensor)
        nodes = toposort([self.root])[::-1]
        self.parts = arrange(nodes, depth, len(nodes) if max_ops is None else max_ops)
        self.part_of: dict[Hashable, Part] = {node: part for part in self.parts for node in part.nodes}
        self.omitted = len(nodes) - len(self.part_of)
        self.tensors = Tensors(self.root, tensor, checked_names(params), nodes[self.omitted :])
        self.several = {node.operation for node in nodes if isinstance(node, OutputNode)}
        self.max_values = max_values
        self.inputs = {part: list(self._inputs(part)) for part in self.parts}
        self.users: dict[Hashable, list[Part]] = defaultdict(list)
        for part, operands in self.inputs.items():
            for operand in operands:
                self.users[operand.key].append(part)

    def _inputs(self, part: Part) -> Iterator[Operand]:
        """Yield the inputs of a part that are shown: all of an operation, and not the parameters of a closed module."""
        seen: set[Hashable] = {part}
        for node in part.nodes:
            for operand in self.tensors.operands[node]:
                origin = self.part_of.get(operand.key)
                source: Hashable = operand.key
                if origin is not None and (origin is part or origin.kind == REPEATED):
                    source = origin
                hidden = operand.parameter is not None or (part.kind == REPEATED and not isinstance(source, Node | Part))
                if part.kind == OPERATION and not isinstance(source, Part):
                    yield operand if len(node.parents) > 1 else operand._replace(name="")
                elif source not in seen and not hidden:
                    seen.add(source)
                    yield operand._replace(name="")

    def results(self, part: Part) -> list[Node]:
        """Return the results of a part that are shown: those known that are the output, or used by other parts.

        An operation with several results has a node for each, which are shown in its place.
        """
        used = [node for node in part.nodes if node is self.root or any(user is not part for user in self.users[node])]
        shown = [node for node in used if part.kind != REPEATED and node not in self.several]
        return [node for node in shown if self.tensors.boxes[node].lines(0)]

    def lines(self, part: Part) -> list[Line]:
        """Return the description of a part."""
        lines = [(TITLE, part.title)] + [(NOTE, part.note)] * bool(part.note)
        node = part.nodes[0]
        if part.kind != OPERATION or not isinstance(node, PrimitiveNode):
            return lines
        residuals = saved(node)
        for keyword, default in node.linearization.op.defaults.items():
            if keyword in residuals and residuals[keyword] is not default and repr(residuals[keyword]) != repr(default):
                lines.append((NOTE, f"{keyword}={reprlib.repr(residuals[keyword])}"))
        if node.residuals is None and not residuals:
            lines.append((NOTE, "freed by backward"))
        if modified(node):
            lines.append((GRADIENT, "saved tensor modified in place"))
        return lines


def checked_names(params: Names) -> dict[str, Tensor]:
    """Return the names of tensors as a dict.

    Raises:
        TypeError: They are neither a Module nor a mapping to Tensors.
    """
    if params is None:
        return {}
    try:
        names: dict[str, Tensor] = dict(params if isinstance(params, Mapping) else params.named_parameters())
    except AttributeError:
        raise TypeError(f"params must be a Module or a mapping of names to Tensors, not a {type(params).__name__}") from None
    for name, tensor in names.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"params must map names to Tensors, but {name!r} is a {type(tensor).__name__}")
    return names
