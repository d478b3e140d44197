"""Pictures of graphs, parsed from the DOT source and, where Graphviz is installed, from the output of `dot`."""

import html
import json
import re
import shutil
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from unittest import mock

import graphviz
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, nn, primitive, viz
from minigrad.autodiff import Node, toposort
from minigrad.grad_mode import thread
from minigrad.primitive import Array
from tests.reference import torch

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


@dataclass
class Vertex:
    """A vertex of a picture: the lines of its label, and its attributes."""

    lines: list[str]
    shape: str
    color: str
    dashed: bool


class Parsed:
    """The vertices and edges of a DOT source, and for each vertex the titles of the frames around it, outermost first."""

    def __init__(self, source: str) -> None:
        vertex = re.compile(r'^\t+(v\d+) \[label=<(.*)> fillcolor="(.*?)".*? shape=(\w+)(.*)\]$', re.MULTILINE)
        found = sorted(vertex.findall(source), key=lambda match: int(match[0][1:]))  # in the order of drawing
        self.vertices = {
            name: Vertex(read(label), shape, color, "dashed" in rest) for name, label, color, shape, rest in found
        }
        edges = re.findall(r"^\t(\w+) -> (\w+)(?: \[(?:label=(.*?))?(?: ?(?:minlen=0|weight=4))?\])?$", source, re.MULTILINE)
        self.edges = [(a, b, label or '""') for a, b, label in edges]
        self.frames: dict[str, list[str]] = {}
        around: list[str] = []
        for line in source.splitlines():
            if "subgraph" in line:
                around.append("?")
            elif around and line.strip() == "}":
                around.pop()
            elif around and (frame := re.search(r"graph \[.*label=<(.*)> labeljust", line)):
                around[-1] = read(frame[1])[0]
            elif match := vertex.match(line):
                self.frames[match[1]] = list(around)

    def frame_of(self, first_line: str) -> list[str]:
        """Return the titles of the frames around the only vertex whose text begins with this line."""
        (name,) = [name for name, v in self.vertices.items() if v.lines[0] == first_line]
        return self.frames[name]

    def lines(self, first_line: str) -> list[str]:
        """Return the text of the only vertex that begins with this line."""
        (lines,) = [v.lines for v in self.vertices.values() if v.lines[0] == first_line]
        return lines

    def result(self, op: str) -> list[str]:
        """Return the text of the result of the only operation, or closed module, of this name."""
        (source,) = [k for k, v in self.vertices.items() if v.shape != "box" and v.lines[0] == op]
        (lines,) = [self.vertices[b].lines for a, b, _ in self.edges if a == source]
        return lines

    def result_in(self, op: str, frame: str) -> list[str]:
        """Return the text of the result of the only operation of this name directly in a frame."""
        (source,) = [k for k, v in self.vertices.items() if v.lines[0] == op and self.frames[k][-1:] == [frame]]
        return next(self.vertices[b].lines for a, b, _ in self.edges if a == source)

    def check(self) -> None:
        """Raise if the graph has a circle, or an edge without ends."""
        order = TopologicalSorter[str]()
        for a, b, _ in self.edges:
            assert b in self.vertices
            assert a in {*self.vertices, "earlier"}
            order.add(b, a)
        order.prepare()

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


def test_a_saved_intermediate_of_which_only_the_array_is_known() -> None:
    picture = parse((leaf(3.0) * 2).sin())
    assert picture.boxes(viz.INTERMEDIATE) == [["scalar", "6"]]
    assert picture.inputs("mul") == {"a": ["scalar", "3"], "b": ["scalar", "2"]}


# ------------------------------------------------------------------------------------------- kept values and gradients


def test_kept_values_and_gradients_are_torchs() -> None:
    data, weights, target = [[1.0, 2.0], [3.0, -1.0]], [[0.5, -0.25]], [[1.0], [2.0]]
    x, w, y = minigrad.tensor(data), minigrad.tensor(weights, requires_grad=True), minigrad.tensor(target)
    with viz.keep():
        loss = (((x @ w.T).tanh() + 2 - y) ** 2).mean()
        loss.backward()
    picture = parse(loss, max_values=6)

    theirs = torch.tensor(weights, requires_grad=True)
    steps = {"matmul": torch.tensor(data) @ theirs.T}
    steps["tanh"] = steps["matmul"].tanh()
    steps["add"] = steps["tanh"] + 2
    steps["sub"] = steps["add"] - torch.tensor(target)
    steps["pow"] = steps["sub"] ** 2
    steps["mean"] = steps["pow"].mean()
    for step in steps.values():
        step.retain_grad()
    steps["mean"].backward()  # type: ignore[no-untyped-call]
    for op, step in steps.items():
        assert step.grad is not None
        assert numbers(picture.result(op)) == pytest.approx(
            [*step.flatten().tolist(), *step.grad.flatten().tolist()], rel=1e-3
        )


def numbers(lines: list[str]) -> list[float]:
    """Return the values and gradients of a box."""
    return [float(x) for x in re.findall(r"-?[\d.]+(?:e-?\d+)?", " ".join(lines[1:]))]


def test_a_kept_constant_shows_its_value() -> None:
    x = leaf(1.0)
    assert parse(x + 2).inputs("add")["b"] == ["value not saved"]
    with viz.keep():
        total = x + 2
    assert parse(total).inputs("add")["b"] == ["scalar", "2"]


def test_one_kept_constant_used_twice_is_one_box() -> None:
    x = minigrad.tensor(5.0)
    with viz.keep():
        total = leaf(2.0) + x + x
    assert parse(total).boxes(viz.CONSTANT) == [["scalar", "5"]]


def test_a_picture_before_backward_has_values_and_one_after_it_gradients_too() -> None:
    w = leaf(3.0)
    with viz.keep():
        loss = (w * 2).sin()
        before = parse(loss)
        loss.backward()
    assert before.result("mul") == ["scalar", "6"]
    assert parse(loss).result("mul") == ["scalar", "6", "grad 0.9602"]  # cos(6)
    assert parse(loss).boxes(viz.LEAF) == [["scalar", "3", "grad 1.92"]]
    assert "freed" not in viz.graph(loss).source


def test_what_backward_frees_is_kept_if_only_that_is_in_the_block() -> None:
    w = minigrad.ones(2, 3, requires_grad=True)
    loss = (w.sum(1) * 2).sin().sum()
    before = viz.graph(loss).source
    with viz.keep():
        loss.backward()
    after = parse(loss)
    assert after.result("mul")[:2] == ["shape (2,)", "[6, 6]"]
    assert ["sum", "dim=(1,)"] in [v.lines for v in after.vertices.values()]
    assert len(before.splitlines()) == len(viz.graph(loss).source.splitlines())


def test_gradients_that_are_kept_give_the_shape_where_nothing_else_is_known() -> None:
    total = leaf(1.0, 2.0) + leaf(3.0)
    loss = total.sum()
    assert not parse(loss).boxes(viz.INTERMEDIATE)[0][1:]
    with viz.keep():
        loss.backward()
    assert parse(loss).result("add") == ["shape (2,)", "grad [1, 1]"]


def test_the_values_are_those_at_the_time_of_the_operation() -> None:
    x, w = minigrad.tensor([1.0, 2.0]), leaf(-1.0, 1.0)
    with viz.keep():
        product = w + x
        result = nn.functional.relu(product - 2, inplace=True).sum()
    with minigrad.no_grad():
        w.add_(100)
    x.add_(100)
    picture = parse(result)
    assert picture.inputs("add") == {"a": ["shape (2,)", "[-1, 1]"], "b": ["shape (2,)", "[1, 2]"]}
    assert picture.result("sub") == ["shape (2,)", "[-2, 1]"]
    assert picture.result("relu") == ["shape (2,)", "[0, 1]"]


def test_the_result_of_an_assignment_is_not_shown_as_it_was_before() -> None:
    w = leaf(1.0, 2.0)
    with viz.keep():
        x = w * 1
        x[0] = 7.0
    assert parse(x).boxes(viz.OUTPUT) == [["shape (2,)", "[7, 2]"]]
    assert "[1, 2]" in parse(x).result("mul")
    assert all("[1, 2]" not in line for line in parse(x * 2).result("setitem"))


def test_several_results_and_own_functions_are_drawn() -> None:
    class Scale(minigrad.autograd.Function):
        """x times a number, and minus x."""

        @staticmethod
        def forward(ctx: Any, x: Tensor, factor: float) -> Any:
            ctx.factor = factor
            return x * factor, -x

        @staticmethod
        def backward(ctx: Any, a: Tensor, b: Tensor) -> Any:
            return a * ctx.factor - b, None

    model = nn.Linear(2, 4)
    with viz.keep(model):
        first, second = model(minigrad.ones(3, 2)).split(2, dim=1)
        scaled, negative = Scale.apply(first * second, 3.0)
        loss = (scaled + negative).sum()
        loss.backward()
    picture = parse(loss)
    picture.check()
    assert sorted(picture.ops)[:3] == ["Scale", "Scale[0]", "Scale[1]"]
    assert {"split", "split[0]", "split[1]"} <= {*picture.ops}
    for op in ("Scale", "split"):
        (source,) = [k for k, v in picture.vertices.items() if v.lines[0] == op]
        assert {picture.vertices[b].shape for a, b, _ in picture.edges if a == source} == {"ellipse"}
    assert "grad [[1, 1]," in picture.result("Scale[0]")
    assert "grad [[1, 1]," in picture.result("Scale[1]")
    assert "split[0]" in viz.tree(loss)


def test_what_is_kept_is_freed_with_the_graph() -> None:
    model = nn.Linear(2, 2)
    with viz.keep(model):
        loss = model(minigrad.ones(1, 2)).sum()
        loss.backward()
    node = weakref.ref(loss.node)
    count = len(viz.records)
    del loss
    assert node() is None
    assert len(viz.records) <= count - 2


def test_outside_of_the_block_nothing_is_kept_and_no_hook_is_left() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with viz.keep(model):
        model(minigrad.ones(1, 2))
    count = len(viz.records)
    result = model(minigrad.ones(1, 2))
    assert len(viz.records) == count
    assert thread.state.observer is None
    assert all(not m._hooks.before and not m._hooks.after for m in model.modules() if m._hooks)
    assert "frame" not in str(parse(result.sum()).frames.values())


def test_anomaly_mode_goes_on_in_the_block() -> None:
    w = leaf(0.0)
    with minigrad.autograd.detect_anomaly(), viz.keep(), pytest.raises(RuntimeError, match="sqrt returned inf"):
        w.sqrt().backward()
    assert thread.state.observer is None


# ------------------------------------------------------------------------------------------------------------- modules


class Block(nn.Module):
    """A residual block of two layers, with a function between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.down(nn.functional.gelu(self.up(x)))
        return y


class Net(nn.Module):
    """A network of blocks."""

    def __init__(self, blocks: int, width: int = 3) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.blocks(x))
        return y


def kept(model: nn.Module, *inputs: Tensor) -> Tensor:
    """Return the mean of what a model computes, after a backward pass, all kept."""
    with viz.keep(model):
        loss = model(*inputs).mean()
        loss.backward()
    result: Tensor = loss
    return result


def test_modules_are_frames_around_their_operations_and_parameters() -> None:
    picture = parse(kept(Net(2), minigrad.ones(2, 3)))
    picture.check()
    assert picture.frame_of("blocks.1.up.weight") == ["Net", "blocks: Sequential", "1: Block", "up: Linear"]
    assert picture.frame_of("head.bias") == ["Net", "head: Linear"]
    assert picture.frame_of("mean") == []
    gelus = [picture.frames[k] for k, v in picture.vertices.items() if v.lines[0] == "gelu"]
    assert gelus == [["Net", "blocks: Sequential", f"{k}: Block"] for k in range(2)]
    (data,) = [k for k, v in picture.vertices.items() if v.color == viz.COLORS[viz.CONSTANT]]
    assert picture.frames[data] == []
    assert Counter(v.color for v in picture.vertices.values())[viz.COLORS[viz.LEAF]] == 10


def test_closed_modules_are_single_vertices() -> None:
    loss = kept(Net(2), minigrad.ones(2, 3))
    whole = parse(loss, depth=0)
    assert whole.lines("Net") == ["Net", "operations 9, parameters 94"]
    assert whole.ops == ["mean"]
    assert not whole.boxes(viz.LEAF)
    blocks = parse(loss, depth=2)
    assert [v.lines for v in blocks.vertices.values() if v.shape == "component"] == [
        ["0: Block", "operations 4, parameters 45"],
        ["1: Block", "operations 4, parameters 45"],
    ]
    assert blocks.frame_of("1: Block") == ["Net", "blocks: Sequential"]
    assert blocks.ops == ["linear", "mean"]
    assert numbers(blocks.result("0: Block"))[:2] == numbers(parse(loss).result_in("add", "0: Block"))[:2]


def test_each_call_of_a_shared_module_has_a_frame_of_its_own() -> None:
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.Tanh(), layer)
    loss = kept(model, minigrad.ones(2, 3))
    picture = parse(loss)
    picture.check()
    assert viz.graph(loss).source.count("0: Linear") == 2
    assert picture.frame_of("0.weight") == ["Sequential"]  # it belongs to both calls
    parse(loss, depth=1).check()


def test_a_module_that_ends_in_an_error_is_left() -> None:
    class Refuses(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError

    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.other = Refuses(), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            with suppress(ValueError):
                self.inner(x)
            return x * 2

    outer = nn.Sequential(Tries(), nn.Linear(2, 2))
    assert parse(kept(outer, minigrad.ones(1, 2))).frame_of("linear") == ["Sequential", "1: Linear"]


def test_repetitions_are_left_out_of_large_graphs() -> None:
    loss = kept(Net(50), minigrad.ones(2, 3))
    picture = parse(loss, max_ops=30)
    picture.check()
    assert picture.lines("... 48 more")[1:] == ["linear, gelu, linear, add"]
    assert picture.frame_of("... 48 more") == ["Net", "blocks: Sequential"]
    assert picture.ops == ["linear", "gelu", "linear", "add"] * 2 + ["linear", "mean"]
    assert {k[1] for k in map(tuple, picture.frames.values()) if len(k) > 2} == {"blocks: Sequential"}
    assert parse(loss, max_ops=10, depth=2).lines("... 48 more")[1:] == ["1: Block"]


def test_repetitions_in_a_recurrent_network_are_left_out() -> None:
    picture = parse(kept(First(nn.RNN(3, 3)), minigrad.ones(50, 2, 3)), max_ops=40)
    picture.check()
    left_out = {name: v.lines for name, v in picture.vertices.items() if v.shape == "note"}
    assert list(left_out.values()) == [["... 48 more", "split[1]"], ["... 48 more", "linear, add, tanh"]]
    assert [picture.frames[name] for name in left_out] == [["First", "module: RNN"]] * 2


def test_modules_are_closed_if_that_makes_a_large_graph_small() -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            for k in range(500):
                x = x.sin() if bin(k).count("1") % 2 else x.cos()
            return x

    loss = kept(nn.Sequential(nn.Linear(2, 2), Odd(), Odd()), minigrad.ones(1, 2))
    picture = parse(loss)
    assert [v.lines[0] for v in picture.vertices.values() if v.shape != "box"] == ["0: Linear", "1: Odd", "2: Odd", "mean"]


@given(st.integers(0, 4), st.integers(1, 40), st.sampled_from(["Net", "RNN", "shared"]))
def test_every_picture_of_a_model_is_a_graph_without_circle(depth: int, max_ops: int, kind: str) -> None:
    cell = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    models: dict[str, nn.Module] = {"Net": Net(6), "RNN": First(nn.RNN(3, 3)), "shared": nn.Sequential(*[cell] * 9)}
    loss = kept(models[kind], minigrad.ones(8, 3))
    picture = parse(loss, depth=depth, max_ops=max_ops)
    picture.check()
    assert sum(v.shape != "box" for v in picture.vertices.values()) <= max_ops
    assert viz.tree(loss, depth=depth, max_ops=max_ops).startswith("mean")


class First(nn.Module):
    """The first result of a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Any:
        return self.module(x)[0]


@needs_dot
def test_a_picture_of_ten_thousand_operations_is_drawn() -> None:
    loss = kept(Net(2500), minigrad.ones(1, 3))
    assert len(toposort([loss.vertex()])) > 10_000
    assert b"2,49" in viz.graph(loss).pipe(format="svg")
    with viz.keep():
        x = without_repetition(10_000)
        x.backward()
    assert b"9,800 earlier" in viz.graph(x).pipe(format="svg")


# ---------------------------------------------------------------------------------------------------------------- text


def test_the_tree() -> None:
    loss, names = line()
    assert viz.tree(loss, params=names).splitlines() == [
        "mean  scalar  0.5",
        "└─ pow  exponent=2  shape (2, 1)",
        "   └─ sub  shape (2, 1)  [[0],  [-1]]",
        "      ├─ b: constant  value not saved",
        "      └─ a: add  shape (2, 1)",
        "         ├─ b: leaf b  scalar  -1",
        "         └─ a: mul  shape (2, 1)",
        "            ├─ a: constant x  shape (2, 1)  [[1],  [2]]",
        "            └─ b: leaf w  scalar  3",
    ]


def test_the_tree_shows_what_is_kept() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    with minigrad.no_grad():
        model[0].weight.fill_(2)
        model[0].bias.fill_(-1)
    loss = kept(model, minigrad.ones(1, 1))
    assert viz.tree(loss).splitlines() == [
        "mean  scalar  1  grad 1",
        "└─ relu in 1  shape (1, 1)  [[1]]  grad [[1]]",
        "   └─ linear in 0  shape (1, 1)  [[1]]  grad [[1]]",
        "      ├─ x: constant  shape (1, 1)  [[1]]",
        "      ├─ weight: leaf 0.weight  shape (1, 1)  [[2]]  grad [[1]]",
        "      └─ bias: leaf 0.bias  shape (1,)  [-1]  grad [1]",
    ]
    assert viz.tree(loss, depth=0).splitlines() == [
        "mean  scalar  1  grad 1",
        "└─ Sequential  operations 2, parameters 2  shape (1, 1)  [[1]]  grad [[1]]",
        "   └─ constant  shape (1, 1)  [[1]]",
    ]


def test_a_result_that_is_used_twice_has_a_number_in_the_tree() -> None:
    x = leaf(3.0)
    square = x * x
    assert viz.tree(square + square.exp()).splitlines() == [
        "add  scalar  8112",
        "├─ a: mul #1  scalar",
        "│  ├─ a: leaf  scalar  3",
        "│  └─ b: leaf  scalar  3",
        "└─ b: exp  scalar  8103",
        "   └─ mul #1, see above",
    ]


def test_trees_of_a_leaf_a_constant_and_a_long_chain() -> None:
    assert viz.tree(leaf(1.0), params={}) == "leaf  scalar  1"
    assert viz.tree(minigrad.tensor([1, 2])) == "output  shape (2,) int64  [1, 2]"
    assert "9,990 earlier operations" in viz.tree(without_repetition(10_000), max_ops=10).splitlines()[-1]
    x = leaf(1.0)
    for _ in range(40):
        x = x + x
    assert len(viz.tree(x).splitlines()) == 81


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
    "]",
    "]]>",
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
def test_names_are_drawn_literally() -> None:
    for name in filter(str.isprintable, NAMES):
        w = leaf(1.0)
        svg = viz.graph(w * 2, params={name: w}).pipe(format="svg", encoding="utf-8", quiet=True)
        texts = [html.unescape(text).replace("\u200b", "").strip() for text in re.findall(r"<text [^>]*>([^<]*)</text>", svg)]
        assert name.strip() in texts


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *xs: Tensor) -> Any:
        return self.function(*xs)


@needs_dot
@pytest.mark.filterwarnings("error")
@given(st.text(max_size=8).filter(lambda name: "." not in name) | st.sampled_from(NAMES))
def test_names_of_inputs_and_modules_are_displayed_literally(name: str) -> None:
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    with mock.patch.dict(primitive.primitives):

        @primitive.primitive(promote=("xs",), xs=lambda g, xs: [g, g])
        def total(*xs: Array) -> Array:
            """The sum of all arrays."""
            return np.asarray(sum(xs))

    total(leaf(1.0), leaf(2.0))  # writes its vjp, before the input gets its name
    total.inputs = (name,)
    inner = Apply(total)
    model = Apply(lambda *xs: inner(*xs))
    model.add_module(f"<{name}", inner)
    with viz.keep(model):
        result = model(leaf(1.0), leaf(2.0))
    svg = viz.graph(result).pipe(format="svg", encoding="utf-8", quiet=True)
    texts = [html.unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", svg)]
    displayed = {re.sub(r"\s+", " ", text.replace("\u200b", "")).strip() for text in texts}
    expected = [f"{printable}[0]", f"{printable}[1]", f"<{printable}: Apply"]
    assert {re.sub(r"\s+", " ", text).strip() for text in expected} <= displayed


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
    source = viz.graph(x).source
    picture = Parsed(source)
    assert picture.ops == ["tanh"] * 2
    assert picture.lines("... 99,998 more")[1:] == ["tanh"]
    assert len(source) < 3000


def without_repetition(operations: int) -> Tensor:
    """Return the result of a program in which no sequence of operations comes four times in succession."""
    x, names = leaf(0.5), ("sin", "cos")
    for k in range(operations):
        digits = bin(k).count("1")  # the Thue-Morse sequence has no sequence even three times in succession
        x = getattr(x, names[digits % 2])()
    return x


def test_the_last_operations_are_drawn_if_nothing_is_repeated() -> None:
    x = without_repetition(1000)
    picture = parse(x, max_ops=10)
    picture.check()
    assert len(picture.ops) == 10
    assert viz.REPEATED not in viz.graph(x, max_ops=10).source
    assert "990 earlier operations are not drawn" in viz.graph(x, max_ops=10).source
    assert [a for a, *_ in picture.edges].count("earlier") == 1


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
        ((leaf(1.0),), {"depth": -1}, ValueError, "at least 0"),
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
    assert (tmp_path / "loss").read_text("utf-8") == picture.source
    with pytest.raises(viz.DotNotFound, match="Install Graphviz"):
        picture.pipe(format="svg")


def test_an_assignment_does_not_show_what_was_there_before() -> None:
    x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with viz.keep():
        y = x * 10
        y[0] = 5.0
        z = y.sum()
    (line,) = [line for line in viz.tree(z).splitlines() if "setitem" in line]
    assert "10" not in line
