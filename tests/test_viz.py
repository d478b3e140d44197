"""Pictures of graphs, parsed from the DOT source and, where Graphviz is installed, from the output of `dot`."""

import html
import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import graphviz
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, primitive, viz
from minigrad.autodiff import Node, toposort
from minigrad.primitive import Array

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@dataclass
class Vertex:
    """A vertex of a picture: the lines of its label, and its attributes."""

    lines: list[str]
    shape: str
    color: str
    dashed: bool


class Parsed:
    """The vertices and edges of a DOT source."""

    def __init__(self, source: str) -> None:
        self.vertices = {
            name: Vertex(read(label), shape, color, "dashed" in rest)
            for name, label, color, shape, rest in re.findall(
                r'^\t(v\d+) \[label=<(.*)> fillcolor="(.*?)".*? shape=(\w+)(.*)\]$', source, re.MULTILINE
            )
        }
        self.edges = re.findall(r"^\t(\w+) -> (\w+) \[label=(.*)\]$", source, re.MULTILINE)
        self.edges += [(a, b, '""') for a, b in re.findall(r"^\t(\w+) -> (\w+)$", source, re.MULTILINE)]

    @property
    def ops(self) -> list[str]:
        return [v.lines[0] for v in self.vertices.values() if v.shape == "ellipse"]

    def boxes(self, kind: str) -> list[list[str]]:
        return [v.lines for v in self.vertices.values() if v.shape == "box" and v.color == viz.COLORS[kind]]

    def inputs(self, op: str) -> dict[str, list[str]]:
        """Return the label of each input of the only operation of this name, by the label of its edge."""
        (target,) = [k for k, v in self.vertices.items() if v.shape == "ellipse" and v.lines[0] == op]
        return {label: self.vertices[a].lines for a, b, label in self.edges if b == target}


def read(label: str) -> list[str]:
    """Return the text of a label as it is displayed."""
    plain = re.sub(r"<[^>]*>", "", label.replace("<BR/>", "\n"))
    return html.unescape(plain).replace("\u200b", "").split("\n")


def parse(tensor: Tensor, **options: object) -> Parsed:
    return Parsed(viz.graph(tensor, **options).source)  # type: ignore[arg-type]


def leaf(*values: float) -> Tensor:
    return minigrad.tensor(values if len(values) != 1 else values[0], requires_grad=True)


def line() -> tuple[Tensor, dict[str, Tensor]]:
    """Return the squared error of a linear function, and names for all tensors but the prediction."""
    names = {"x": minigrad.tensor([[1.0], [2.0]]), "w": leaf(3.0), "b": leaf(-1.0), "y": minigrad.tensor([[2.0], [6.0]])}
    prediction = names["x"] * names["w"] + names["b"]
    return ((prediction - names["y"]) ** 2).mean(), names


# ------------------------------------------------------------------------------------------------------------- structure


def test_ops_are_ellipses_in_the_order_of_computation_and_tensors_are_boxes() -> None:
    loss, names = line()
    picture = parse(loss, params=names)
    assert picture.ops == ["mul", "add", "sub", "pow", "mean"]
    assert {v.shape for v in picture.vertices.values()} == {"ellipse", "box"}


def test_edges_are_labelled_with_the_input() -> None:
    loss, names = line()
    assert {k: v[0] for k, v in parse(loss, params=names).inputs("mul").items()} == {"a": "x", "b": "w"}
    assert list(parse(loss, params=names).inputs("mean")) == ['""']


def test_boxes_show_names_shapes_and_values() -> None:
    loss, names = line()
    picture = parse(loss, params=names)
    assert picture.boxes(viz.LEAF) == [["w", "scalar", "3"], ["b", "scalar", "-1"]]
    assert picture.boxes(viz.OUTPUT) == [["scalar", "0.5"]]
    assert ["x", "shape (2, 1)", "[[1],", " [2]]"] in picture.boxes(viz.CONSTANT)


def test_gradients_are_shown_after_backward() -> None:
    loss, names = line()
    loss.backward(retain_graph=True)
    picture = parse(loss, params=names)
    assert picture.boxes(viz.LEAF) == [["w", "scalar", "3", "grad -2"], ["b", "scalar", "-1", "grad -1"]]


def test_a_value_that_was_not_saved_is_not_shown() -> None:
    loss, names = line()
    picture = parse(loss, params={"w": names["w"]})
    assert picture.inputs("sub") == {"a": ["shape (2, 1)"], "b": ["value not saved"]}
    assert [v.dashed for v in picture.vertices.values()].count(True) == 1


def test_a_named_intermediate_tensor_is_shown_with_its_values() -> None:
    w = leaf(1.0, 2.0)
    middle = w + 1
    assert ["middle", "shape (2,)", "[2, 3]"] in parse(middle.sum(), params={"middle": middle}).boxes(viz.INTERMEDIATE)


def test_a_retained_gradient_of_a_named_intermediate_is_shown() -> None:
    w = leaf(1.0, 2.0)
    middle = w * w
    middle.retain_grad()
    (middle * middle).sum().backward(retain_graph=True)
    total = middle.sum()
    assert ["middle", "shape (2,)", "[1, 4]", "grad [2, 8]"] in parse(total, params={"middle": middle}).boxes(
        viz.INTERMEDIATE
    )


def test_saved_tensors_are_shown() -> None:
    assert ["scalar", "0.7616"] in parse(leaf(1.0).tanh() + 1).boxes(viz.INTERMEDIATE)


def test_a_name_that_is_not_in_the_graph_is_ignored() -> None:
    assert "unused" not in viz.graph(leaf(1.0) * 2, params={"unused": leaf(1.0)}).source


def test_common_subexpressions_appear_once() -> None:
    x = leaf(3.0)
    for _ in range(40):
        x = x + x  # 2 ** 40 paths
    picture = parse(x)
    assert len(picture.ops) == 40
    assert len(picture.boxes(viz.LEAF)) == 1
    assert Counter((a, b) for a, b, _ in picture.edges).most_common(1)[0][1] == 2


def test_one_constant_used_twice_is_one_box() -> None:
    x, w = minigrad.tensor(5.0), leaf(2.0)
    picture = parse((w * x).tanh() * x)
    assert picture.boxes(viz.CONSTANT) == [["scalar", "5"]]


def test_arguments_that_differ_from_the_default_are_shown() -> None:
    w = minigrad.ones(2, 3, requires_grad=True)
    assert ["sum", "dim=(1,)"] in [v.lines for v in parse(w.sum(1).sum()).vertices.values()]
    assert ["sum"] in [v.lines for v in parse(w.sum(1).sum()).vertices.values()]


def test_variadic_inputs_are_labelled_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(primitive, "primitives", {})

    @primitive.primitive(promote=("xs",), xs=lambda g, xs: [g * x for x in xs])
    def squares(*xs: Array) -> Array:
        """Half the sum of the squares of all arrays."""
        return np.asarray(sum(x * x for x in xs) / 2)

    picture = parse(squares(leaf(3.0), minigrad.tensor(4.0)))
    assert picture.inputs("squares") == {'"xs[0]"': ["scalar", "3"], '"xs[1]"': ["scalar", "4"]}
    assert picture.boxes(viz.OUTPUT) == [["scalar", "12.5"]]


def test_a_custom_node() -> None:
    class Gather(Node):
        """A node that is not made by a primitive."""

    result = minigrad.tensor([1.0, 2.0])
    result.node = Gather((leaf(1.0), leaf(2.0)))
    picture = parse(result)
    assert picture.ops == ["Gather"]
    assert picture.boxes(viz.LEAF) == [["scalar", "1"], ["scalar", "2"]]


def test_a_single_leaf_and_a_single_constant() -> None:
    assert parse(leaf(1.0), params={"w": leaf(2.0)}).boxes(viz.LEAF) == [["scalar", "1"]]
    assert parse(minigrad.tensor([1, 2])).boxes(viz.OUTPUT) == [["shape (2,) int64", "[1, 2]"]]


def test_a_freed_graph_is_drawn() -> None:
    loss, names = line()
    loss.backward()
    picture = parse(loss, params=names)
    assert picture.ops == ["mul", "add", "sub", "pow", "mean"]
    assert ["mul", "freed by backward"] in [v.lines for v in picture.vertices.values()]
    assert picture.boxes(viz.LEAF)[0] == ["w", "scalar", "3", "grad -2"]
    assert picture.boxes(viz.OUTPUT) == [["scalar", "0.5"]]


def test_a_saved_tensor_modified_in_place_is_not_shown() -> None:
    x, w = minigrad.tensor([1.0, 2.0]), leaf(3.0, 4.0)
    product = w * x
    x.add_(100)
    source = viz.graph(product).source
    assert "saved tensor modified in place" in source
    assert "101" not in source


def test_the_legend_explains_only_the_colors_in_use() -> None:
    source = viz.graph(leaf(1.0).tanh()).source
    assert viz.LEAF in source
    assert viz.OPERATION in source
    assert f">{viz.CONSTANT}<" not in source


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=25))
def test_every_operation_and_every_leaf_of_a_random_graph_appears_once(program: list[tuple[int, int]]) -> None:
    tensors = [leaf(0.5), leaf(0.25), minigrad.tensor(3.0)]
    for i, j in program:
        tensors.append(tensors[i % len(tensors)] * tensors[j % len(tensors)])
    root = tensors[-1]
    picture = parse(root)
    nodes = toposort([root.vertex()])
    used = {parent for node in nodes for parent in node.parents if isinstance(parent, Tensor)}
    assert picture.ops == ["mul"] * len(nodes)
    if nodes:
        assert len(picture.boxes(viz.LEAF)) == len(used)
        assert len(picture.boxes(viz.INTERMEDIATE)) == len(nodes) - 1
        assert len(picture.boxes(viz.OUTPUT)) == 1
        assert len(picture.boxes(viz.CONSTANT)) <= 1 + sum(t.grad_fn is None for t in tensors[3:])


def test_a_graph_of_gradients() -> None:
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad is not None
    picture = parse(x.grad, params={"x": x})
    assert picture.boxes(viz.OUTPUT) == [["scalar", "12"]]
    assert picture.boxes(viz.LEAF) == [["x", "scalar", "2", "grad 12"]]


# ---------------------------------------------------------------------------------------------------- unusual contents


def test_larger_arrays_are_shown_by_their_range() -> None:
    w = minigrad.linspace(-1, 2, 1000, requires_grad=True)
    assert parse(w, max_values=6).boxes(viz.LEAF) == [["shape (1000,)", "-1 to 2"]]
    assert len(parse(w, max_values=1000).boxes(viz.LEAF)[0]) > 50


def test_empty_arrays_and_special_values() -> None:
    assert parse(minigrad.zeros(0, 3, requires_grad=True)).boxes(viz.LEAF) == [["shape (0, 3)", "[]"]]
    assert parse(leaf(float("nan"), float("-inf"))).boxes(viz.LEAF) == [["shape (2,)", "[nan, -inf]"]]
    many = minigrad.tensor([float("nan")] * 50)
    assert parse(many).boxes(viz.OUTPUT) == [["shape (50,)", "nan to nan"]]
    assert parse(minigrad.zeros(9, dtype=minigrad.float64)).boxes(viz.OUTPUT) == [["shape (9,) float64", "0 to 0"]]
    assert parse(minigrad.zeros(9) > 1).boxes(viz.OUTPUT) == [["shape (9,) bool", "False to False"]]


NAMES = [
    '<b>&amp;"',
    "\\N\\G\\n\\l\\\\",
    "a\nb",
    "nul\0bell\a",
    "가중치 θ",
    "{x|y}",
    "<",
    "-- ]]> -->",
    "%s",
    " ",
    "",
    "\ud800",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_displayed_literally(name: str) -> None:
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    assert parse(leaf(1.0) * 2, params={name: leaf(2.0)}).boxes(viz.LEAF) == [["scalar", "1"]]
    w = leaf(1.0)
    assert parse(w * 2, params={name: w}).boxes(viz.LEAF) == [[printable or " ", "scalar", "1"]]


@needs_dot
@pytest.mark.filterwarnings("error")
@given(st.text(max_size=8) | st.sampled_from(NAMES))
def test_dot_draws_every_name(name: str) -> None:
    w = leaf(1.0)
    drawn = viz.graph(w * 2, params={name: w}).pipe(format="plain", encoding="utf-8", quiet=True)
    assert len(re.findall("^node ", drawn, re.MULTILINE)) == 4
    assert len(re.findall("^edge ", drawn, re.MULTILINE)) == 3


def test_a_chain_of_a_hundred_thousand_operations() -> None:
    x = leaf(1.0)
    for _ in range(100_000):
        x = x.tanh()
    picture = parse(x)
    source = viz.graph(x, max_ops=10).source
    assert len(picture.ops) == 1000
    assert "99,990 earlier operations are not drawn" in source
    assert source.count("shape=ellipse") == 10


def test_max_ops_none_draws_every_operation() -> None:
    x = leaf(1.0)
    for _ in range(3000):
        x = x.tanh()
    picture = parse(x, max_ops=None)
    assert len(picture.ops) == 3000
    assert len(picture.boxes(viz.LEAF)) == 1


def test_drawing_has_no_side_effects() -> None:
    loss, names = line()
    viz.graph(loss, params=names)
    loss.backward()
    assert names["w"].grad is not None
    assert names["w"].grad.item() == -2


def test_the_same_graph_gives_the_same_source() -> None:
    assert viz.graph(line()[0]).source == viz.graph(line()[0]).source


# ---------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((3.0,), {}, TypeError, "draws a Tensor, but got float"),
        ((leaf(1.0),), {"params": [1]}, TypeError, "a Module or a mapping of names to Tensors, not a list"),
        ((leaf(1.0),), {"params": {"w": np.ones(2)}}, TypeError, "'w' is a ndarray"),
        ((leaf(1.0),), {"direction": "up"}, ValueError, "one of TB, LR, BT, RL, but got 'up'"),
        ((leaf(1.0),), {"max_ops": -1}, ValueError, "at least 0"),
        ((leaf(1.0),), {"max_values": -1}, ValueError, "at least 0"),
    ],
)
def test_bad_arguments(arguments: tuple[Tensor], options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        viz.graph(*arguments, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------ the program dot


@needs_dot
def test_dot_draws_the_same_structure() -> None:
    loss, names = line()
    picture = viz.graph(loss, params=names)
    drawn = json.loads(picture.pipe(format="json", encoding="utf-8"))
    parsed = Parsed(picture.source)
    assert {v["name"]: v["shape"] for v in drawn["objects"]} == {k: v.shape for k, v in parsed.vertices.items()}
    assert len(drawn["edges"]) == len(parsed.edges)


@needs_dot
def test_display_in_jupyter_and_render(tmp_path: Path) -> None:
    picture = viz.graph(line()[0])
    assert isinstance(picture, graphviz.Digraph)
    assert "<svg" in picture._repr_mimebundle_()["image/svg+xml"]
    assert Path(picture.render(tmp_path / "loss", format="png")).read_bytes().startswith(b"\x89PNG")


def test_without_dot_the_explanation_and_the_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    picture = viz.graph(line()[0])
    assert picture._repr_mimebundle_() == {"text/plain": f"{viz.DOT_MISSING}\n\n{picture.source}"}
    assert "apt install graphviz" in viz.DOT_MISSING
    with pytest.raises(graphviz.ExecutableNotFound, match="Install Graphviz"):
        picture.render(tmp_path / "loss", format="png")
    assert (tmp_path / "loss").read_text() == picture.source
    with pytest.raises(viz.DotNotFound, match="Install Graphviz"):
        picture.pipe(format="svg")
