"""Pictures as text."""

from collections.abc import Hashable, Iterator

from minigrad.autodiff import Node
from minigrad.viz.layout import Layout, Part
from minigrad.viz.tensors import LEAF, NAME, Line


def lines_of_tree(layout: Layout) -> Iterator[str]:
    """Yield the lines of the tree of a layout."""
    numbers: dict[Part, int] = {}
    stack: list[tuple[Hashable, str, str]] = [(layout.root, "", "")]  # what, before it, before its inputs
    while stack:
        key, start, indent = stack.pop()
        part = layout.part_of.get(key)
        if part is None:
            yield start + leaf_line(layout, key)
            continue
        if part in numbers:
            yield f"{start}{part.title} #{numbers[part]}, see above"
            continue
        (_, title), *notes = layout.lines(part)
        if sum(len(layout.users[node]) for node in part.nodes) > 1:
            numbers[part] = len(numbers) + 1
            title += f" #{numbers[part]}"
        if part.calls and part.calls[-1].path:
            title += f" in {part.calls[-1].path}"
        result = layout.tensors.boxes[key].lines(layout.max_values) if key in layout.results(part) else []
        yield start + title + joined([*notes, *result])
        inputs = sorted(layout.inputs[part], key=lambda operand: isinstance(operand.key, Node))  # short branches first
        for operand in reversed(inputs):
            branch, below = ("└─ ", "   ") if operand is inputs[-1] else ("├─ ", "│  ")
            label = f"{operand.name}: " if operand.name else ""
            stack.append((operand.key, indent + branch + label, indent + below))


def leaf_line(layout: Layout, key: Hashable) -> str:
    """Return what is said of a tensor that was not computed, or of operations that are not shown."""
    if isinstance(key, Node):
        return f"{layout.omitted:,} earlier operations (max_ops)"
    box = layout.tensors.boxes[key]
    words = ["leaf" if box.kind == LEAF else box.kind, box.name or ""]
    return " ".join(words).strip() + joined([line for line in box.lines(layout.max_values) if line[0] != NAME])


def joined(lines: list[Line]) -> str:
    """Return the texts of lines behind each other."""
    return "".join(f"  {text.strip()}" for _, text in lines)
