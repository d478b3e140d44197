"""Pictures in the DOT language of Graphviz."""

import html
from collections.abc import Hashable
from typing import Any

import graphviz

from minigrad.autodiff import Node
from minigrad.picture import Picture
from minigrad.viz.keep import Call
from minigrad.viz.layout import MODULE, OPERATION, REPEATED, Layout, common_calls
from minigrad.viz.tensors import CONSTANT, GRADIENT, INTERMEDIATE, LEAF, NAME, NOTE, OUTPUT, SHAPE, TITLE, VALUE, Line

GRADIENT_COLOR = "#b3261e"
MUTED_COLOR = "#6b6b6b"
COLORS = {
    LEAF: "#cfe3f7", CONSTANT: "#e6e6e6", INTERMEDIATE: "#ffffff", OUTPUT: "#cfeccf", OPERATION: "#ffe3b0", MODULE: "#e3d9f2",
    REPEATED: "#f7f7f7",
}  # fmt: skip
SHAPES = {OPERATION: "ellipse", MODULE: "component", REPEATED: "note"}
MUTED = f'<FONT COLOR="{MUTED_COLOR}" POINT-SIZE="9">%s</FONT>'
MARKUP = {
    TITLE: "%s", NAME: "<B>%s</B>", SHAPE: MUTED, VALUE: "%s", NOTE: MUTED,
    GRADIENT: f'<FONT COLOR="{GRADIENT_COLOR}">%s</FONT>',
}  # fmt: skip


class Drawing:
    """Converts a layout to DOT."""

    def __init__(self, layout: Layout, direction: str) -> None:
        self.layout = layout
        self.ids: dict[Hashable, str] = {}
        self.kinds: set[str] = set()
        font = {"fontname": "Helvetica", "fontsize": "11"}
        self.picture = Picture(
            graph_attr={**font, "rankdir": direction, "ordering": "in", "nodesep": "0.25", "ranksep": "0.3", "labelloc": "b"},
            node_attr={**font, "style": "filled", "color": "#555555", "penwidth": "0.8", "margin": "0.12,0.06"},
            edge_attr={**font, "fontsize": "9", "fontcolor": MUTED_COLOR, "color": "#555555", "arrowsize": "0.7"},
        )
        self.clusters: dict[tuple[Call, ...], Any] = {(): self.picture}

    def draw(self) -> Picture:
        """Draw the parts with their tensors, and a note if earlier operations are omitted."""
        layout = self.layout
        if not layout.parts:
            self.box(layout.root, ())
        if layout.omitted:
            note = f"{layout.omitted:,} earlier operations are not drawn (max_ops)"
            self.picture.node("earlier", note, shape="note", fillcolor="#ffffff", fontcolor=MUTED_COLOR)
        for part in layout.parts:
            target = self.vertex(part, part.kind, layout.lines(part), part.calls, shape=SHAPES[part.kind], margin="0.05,0.03")
            for operand in layout.inputs[part]:
                beside = {} if operand.parameter is None else {"minlen": "0"}  # so that what is computed makes a line
                label = graphviz.escape(printable(operand.name).replace("&", "&amp;"))  # dot resolves entities
                self.picture.edge(self.source(operand.key), target, label, **beside)
            for node in layout.results(part):
                self.picture.edge(target, self.box(node, part.calls), weight="4")
        for calls in sorted(self.clusters, key=len, reverse=True)[:-1]:  # a cluster is written as it is when it is added
            self.clusters[calls[:-1]].subgraph(self.clusters[calls])
        self.picture.attr(label=self.legend())
        return self.picture

    def source(self, key: Hashable) -> str:
        """Return the id at which arrows from a tensor start: its box or its part, or that of all omitted operations."""
        layout = self.layout
        if key in self.ids:
            return self.ids[key]
        if isinstance(key, Node):
            return self.ids[layout.part_of[key]] if key in layout.part_of else "earlier"
        return self.box(key, common_calls(layout.users[key]) if layout.tensors.boxes[key].is_parameter else ())

    def box(self, key: Hashable, calls: tuple[Call, ...]) -> str:
        """Draw a tensor and return the id of its vertex."""
        box = self.layout.tensors.boxes[key]
        unsaved = {"style": "filled,dashed"} if box.kind == CONSTANT and box.array is None else {}
        return self.vertex(key, box.kind, box.lines(self.layout.max_values), calls, shape="box", **unsaved)

    def vertex(self, key: Hashable, kind: str, lines: list[Line], calls: tuple[Call, ...], **attributes: str) -> str:
        """Add a vertex to the cluster of the innermost call and return its id."""
        self.kinds.add(kind)
        self.ids[key] = f"v{len(self.ids)}"
        label = "<BR/>".join(MARKUP[style] % markup(text) for style, text in lines)
        self.cluster(calls).node(self.ids[key], f"<{label}>", fillcolor=COLORS[kind], **attributes)
        return self.ids[key]

    def cluster(self, calls: tuple[Call, ...]) -> Any:
        """Return the cluster of the innermost call."""
        for level in range(1, len(calls) + 1):
            if calls[:level] not in self.clusters:
                label = f"<{MUTED % markup(calls[level - 1].title)}>"
                name = f"cluster_{len(self.clusters)}"
                frame = {"label": label, "labelloc": "t", "labeljust": "l", "style": "rounded", "color": "#a893cf"}
                self.clusters[calls[:level]] = graphviz.Digraph(name, graph_attr=frame)
        return self.clusters[calls]

    def legend(self) -> str:
        """Return the legend: the colors in use and their meaning."""
        cells = "".join(
            f'<TD BGCOLOR="{color}" BORDER="1" COLOR="#555555" STYLE="{"rounded" if kind == OPERATION else "solid"}">'
            f'<FONT POINT-SIZE="9">{kind}</FONT></TD>'
            for kind, color in COLORS.items()
            if kind in self.kinds
        )
        return f'<<TABLE BORDER="0" CELLSPACING="4" CELLPADDING="3"><TR>{cells}</TR></TABLE>>'


def printable(text: str) -> str:
    """Return a text with non-printable characters written as escape sequences."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def markup(text: str) -> str:
    """Convert a text to Graphviz's HTML-like markup."""
    # Graphviz replaces \N, \G and others by names in markup too and has no escape for it: insert a zero-width space. And its
    # parser takes a text that starts with ] for the end of a CDATA section.
    return html.escape(printable(text)).replace("]", "&#93;").replace("\\", "\\\u200b") or "&#32;"
