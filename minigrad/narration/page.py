"""An explanation as a page to step through: one file, without network or server."""

import html
import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import chain
from string import Template
from typing import Any

import graphviz
import numpy as np

from minigrad.narration.formula import MAX_SHOWN, show
from minigrad.narration.steps import Step, show_cotangent
from minigrad.narration.update import Update
from minigrad.picture import Picture

Texts = Sequence[str]

MAX_STEPS = 500
"""More boxes than that cannot be read, and Graphviz takes long to lay them out."""


class Graph:
    """The picture: a box for each value, an arrow for each use.

    Attributes:
        picture: Its SVG form has the ids of boxes and arrows.
        boxes: The id of each box: by vertex, or by name or place for what is constant.
        uses: For each step, by number, the pairs of the id of an operand's box and of the arrow from there.
    """

    def __init__(self, steps: Sequence[Step], gradients: Mapping[str, Any]) -> None:
        self.boxes: dict[Hashable, str] = {}
        self.uses: dict[int, list[tuple[str, str]]] = {}
        self.picture = Picture(
            graph_attr={"rankdir": "TB", "nodesep": "0.3", "ranksep": "0.35", "bgcolor": "transparent"},
            node_attr={"shape": "box", "style": "rounded", "fontname": "monospace", "fontsize": "12", "margin": "0.12,0.06"},
            edge_attr={"fontname": "monospace", "fontsize": "10", "arrowsize": "0.7"},
        )
        for step in reversed(steps):
            sources = []
            for k, (operand, vertex, value) in enumerate(step.operands):
                constant = operand if operand.isidentifier() else (step.number, k)
                sources.append(self.box(constant if vertex is None else vertex, operand, value, gradients.get(operand)))
            target = self.box(step.node, f"{step.result} = {step.node.op_name}", step.value, step.cotangent)
            self.uses[step.number] = [(source, f"use{step.number}-{k}") for k, source in enumerate(sources)]
            for source, use in self.uses[step.number]:
                self.picture.edge(source, target, id=use)

    def box(self, key: Hashable, name: str, value: Any, gradient: Any) -> str:
        """Draw a box, if there is none for the key, and return its id."""
        if key not in self.boxes:
            self.boxes[key] = f"box{len(self.boxes)}"
            known = [] if value is None or name == show(value) else [f"= {show(row)}" for row in rows(value)]
            lines = [name, *known, *(f"∂ = {show_cotangent(row)}" for row in rows(gradient))]
            self.picture.node(self.boxes[key], graphviz.escape("\n".join(lines)), id=self.boxes[key])
        return self.boxes[key]


def rows(value: Any) -> list[Any]:
    """Return the rows of a small matrix, which a box shows below each other; anything else as one; nothing of None."""
    if value is None:
        return []
    return list(value) if isinstance(value, np.ndarray) and value.ndim == 2 and value.size <= MAX_SHOWN else [value]


def frames(of: str, steps: Sequence[Step], updates: Mapping[str, Update], graph: Graph) -> Iterator[dict[str, Any]]:
    """Yield what the page shows: the inputs, the operations forward, the visits backward, and the optimizer's updates.

    Each frame has its phase, heading, title and lines, the boxes and arrows to light, and those boxes of which the value or
    the gradient is known from then on.
    """
    boxes, last_use = graph.boxes, {part.vertex: step for step in steps for part in step.parts}
    results = {boxes[step.node] for step in steps}
    inputs = [box for box in boxes.values() if box not in results]
    yield frame("forward", f"What {of} is computed from", lit=inputs, values=inputs)
    for step in reversed(steps):
        lit = [boxes[step.node], *chain.from_iterable(graph.uses[step.number])]
        yield frame("forward", step.equation, step.source, lit=lit, values=[boxes[step.node]])
    for step in steps:
        touched = [boxes[part.vertex] for part in step.parts]
        complete = [boxes[part.vertex] for part in step.parts if last_use[part.vertex] is step]
        known = [*complete, *([boxes[step.node]] if step.number == 1 else [])]
        lit = [boxes[step.node], *touched, *(use for box, use in graph.uses[step.number] if box in touched)]
        title = f"{step.result} = {step.call}"
        yield frame("backward", title, step.source, step.lines, lit=lit, gradients=known)
    leaves = {part.operand: boxes[part.vertex] for step in steps for part in step.parts}
    for name, update in updates.items():
        yield frame("update", f"{update.optimizer} updates {name}", lines=update.lines, lit=[leaves[name]])


def frame(
    phase: str, title: str, source: Texts = (), lines: Texts = (), lit: Texts = (), values: Texts = (), gradients: Texts = ()
) -> dict[str, Any]:
    """Return a frame as the page reads it; of what is lit, and whose values and gradients are known, the ids."""
    ids = {"lit": list(dict.fromkeys(lit)), "values": list(values), "gradients": list(gradients)}
    return {"phase": phase, "title": title, "lines": [*source, *lines], "sources": len(source), **ids}


def page(of: str, steps: Sequence[Step], gradients: Mapping[str, Any], updates: Mapping[str, Update]) -> str:
    """Return the page."""
    if len(steps) > MAX_STEPS:
        raise ValueError(f"to_html() shows up to {MAX_STEPS} operations, but there are {len(steps)}: take a smaller network")
    graph = Graph(steps, gradients)
    svg = graph.picture.pipe(format="svg", encoding="utf-8")
    data = json.dumps(list(frames(of, steps, updates, graph)), ensure_ascii=False).replace("</", "<\\/")
    template = Template((files("minigrad.narration") / "page.html").read_text(encoding="utf-8"))
    title = html.escape(f"How {of} and its gradients are computed")
    return template.substitute(title=title, graph=svg[svg.index("<svg") :], data=data)
