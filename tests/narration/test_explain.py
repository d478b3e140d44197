"""`explain`: its formulas are the rules, its numbers those of backward, and it changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import from_numpy, nn, optim
from minigrad.autograd import Function, LineRecorder, grad
from minigrad.multi_output import OutputCotangents
from minigrad.narration.explanation import Explanation, explain
from minigrad.narration.formula import OPERATORS, Expression
from minigrad.narration.steps import Part
from minigrad.ops.convolution import Windows
from minigrad.primitive import primitives
from minigrad.testing import arrays, shapes
from minigrad.testing.assertions import fixed_weights
from tests.ops.test_table import CASES, OWN, every_differentiable, with_derivative
from tests.reference import torch
from tests.test_random_programs import ProgramGenerator, scalar_loss

few = settings(max_examples=max(4, settings().max_examples // 8))


def recomputed(expression: Expression) -> Any:
    """Return what an expression says, computed from the values of its symbols and constants alone."""
    if expression.op is None or expression.name is not None:
        return expression.value
    operands = [recomputed(x) for x in expression.operands]
    attributes = {**expression.op.defaults, **dict(expression.attributes)}
    tensors = [from_numpy(x) if isinstance(x, np.ndarray) else x for x in operands]
    if not any(isinstance(x, minigrad.Tensor) for x in tensors):
        tensors[0] = minigrad.tensor(tensors[0])
    return expression.op(*tensors, **attributes).numpy()


def evaluated(expression: Expression) -> Any:
    """Return the value of the text of an expression, as Python reads it; None if it is not Python."""
    names = {name: from_numpy(np.asarray(value)) for name, value in expression.symbols().items()}
    if any(mark in str(expression) for mark in ("[", "path=", "numbers from")):  # an index, or an array in short
        return None
    constants: list[float] = []

    def collect(x: Expression) -> None:
        if x.op is None and x.name is None and np.ndim(x.value) == 0:
            constants.append(float(x.value))
        for operand in x.operands:
            collect(operand)

    collect(expression)
    if any(float(f"{x:.5g}") != x for x in constants):  # rounded in the text
        return None
    functions = {n: op for n, op in primitives.items() if n not in OPERATORS}
    kinds = {kind: np.dtype(kind) for kind in ("bool", "int64", "float32", "float64")}
    return np.asarray(
        eval(str(expression), {"Windows": Windows, "inf": np.inf, "nan": np.nan, **kinds, **functions, **names})
    )


def check(explanation: Explanation) -> None:
    """Check that each step says what follows from the ones before."""
    arrived: dict[Any, Any] = {explanation.steps[0].node: explanation.steps[0].cotangent}
    for step in explanation:
        if step.node in arrived and not isinstance(step.cotangent, OutputCotangents):
            np.testing.assert_array_equal(step.cotangent, arrived[step.node])
        for part in step.parts:
            if isinstance(part.cotangent, OutputCotangents):
                continue
            if part.rule is not None:
                check_rule(part, in_blocks=step.node.op_name == "layer_norm")
            if part.vertex in arrived:
                np.testing.assert_array_equal(part.earlier, arrived[part.vertex])
            arrived[part.vertex] = part.total


def check_rule(part: Part, in_blocks: bool) -> None:
    """Check a formula and its value; a rule that works on arrays in blocks rounds otherwise than the one on tensors."""
    rule = part.rule
    assert rule is not None
    value = np.asarray(rule.value)
    if part.was_broadcast:
        extra = value.ndim - part.cotangent.ndim
        axes = tuple(k for k in range(value.ndim) if k < extra or part.cotangent.shape[k - extra] == 1)
        summed = value.sum(axis=axes, dtype=np.float64).reshape(part.cotangent.shape)
        np.testing.assert_allclose(part.cotangent, summed, rtol=1e-5, atol=1e-5 * np.abs(value).sum(initial=1))
    elif in_blocks:
        scale = np.finfo(value.dtype).eps * (1 + np.abs(value).max(initial=0))
        np.testing.assert_allclose(value, part.cotangent, rtol=0, atol=16 * scale)
    else:
        np.testing.assert_array_equal(value, part.cotangent)
    np.testing.assert_array_equal(recomputed(rule), value)
    if (read := evaluated(rule)) is not None:
        np.testing.assert_allclose(read, value, rtol=1e-5)


@every_differentiable
@few
@given(data=st.data())
def test_the_numbers_are_those_of_backward(name: str, data: st.DataObject) -> None:
    op, case = OWN[name], data.draw(CASES[name])
    leaves = [from_numpy(x.copy()).requires_grad_(can) for x, can in zip(case.inputs, with_derivative(op, case), strict=True)]
    y = op(*leaves, **case.attributes)
    if not y.requires_grad:
        return
    weights = from_numpy(fixed_weights(y.shape, 0)).to(y.dtype)
    named = {f"x{k}": x for k, x in enumerate(leaves)}
    told = explain(y, weights, names={**named, "y": y})
    check(told)
    wanted = [x for x in leaves if x.requires_grad]
    expected = grad(y, wanted, weights, retain_graph=True, allow_unused=True)
    for leaf, gradient in zip(wanted, expected, strict=True):
        found = told.gradients.get(next(n for n, x in named.items() if x is leaf))
        assert (found is None) == (gradient is None)
        if gradient is not None:
            np.testing.assert_array_equal(found, gradient.numpy())
    assert all(leaf.grad is None for leaf in leaves)
    assert str(told)
    assert told.to_markdown()


def test_text_of_a_small_computation() -> None:
    w, x = minigrad.tensor(3.0, requires_grad=True), minigrad.tensor(2.0)
    loss = (w * x - 4) ** 2
    assert str(explain(loss)).splitlines() == [
        "1. loss = pow(v2, exponent=2) = 4",
        "     g = ∂loss/∂loss = 1",
        "     ∂loss/∂v2 = x * 2     where x = v2",
        "     ∂loss/∂v2 = g * (x ** 1 * 2) = 1 * (2 ** 1 * 2) = 4",
        "2. v2 = sub(v1, constant) = 2",
        "     g = ∂loss/∂v2 = 4",
        "     ∂v2/∂v1 = 1",
        "     ∂loss/∂v1 = g = 4",
        "3. v1 = mul(w, x) = 6",
        "     g = ∂loss/∂v1 = 4",
        "     ∂v1/∂w = b     where b = x",
        "     ∂loss/∂w = g * b = 4 * 2 = 8",
        "∂loss/∂w = 8",
    ]


def test_markdown_has_the_formulas_in_latex() -> None:
    a, b = (minigrad.tensor(v, requires_grad=True) for v in (3.0, 2.0))
    c = a / b
    text = explain(c).to_markdown()
    assert r"$$\frac{\partial c}{\partial a} = \frac{1}{b}$$" in text
    assert r"$$\frac{\partial c}{\partial a} = \frac{\frac{\partial c}{\partial c}}{b} = \frac{1}{2} = 0.5$$" in text


def test_every_formula_is_valid_latex() -> None:
    mathtext = pytest.importorskip("matplotlib.mathtext")
    weight, x_1, labels = minigrad.randn(3, 2, requires_grad=True), minigrad.randn(4, 3), minigrad.tensor([0, 1, 1, 0])
    model = nn.Sequential(nn.Linear(2, 4), nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 2))

    def program() -> Any:
        hidden = model((x_1 @ weight).softmax(1))
        rest = weight.abs().sqrt().exp().mean() + (weight[0] ** 2).sum().log1p() + weight.max(0).values.norm()
        return nn.functional.cross_entropy(hidden, labels) + rest / weight[1:].sigmoid().prod()

    text = explain(program, optimizer=optim.NAdam([weight, *model.parameters()], lr=0.1, weight_decay=0.1)).to_markdown()
    # Those that differ in nothing but their numbers are one, and a list is one number: the parser takes 50 ms for each.
    number = r"-?\d+(\.\d+)?"
    equations = {re.sub(f"{number}(, {number})*", "1", equation) for equation in re.findall(r"\$\$(.*?)\$\$", text)}
    assert len(equations) > 60
    parser = mathtext.MathTextParser("path")
    for equation in equations:
        parser.parse(f"${equation}$")


def test_a_function_is_observed_with_lines_modules_and_names() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = minigrad.ones(4, 2)

    def loss() -> Any:
        prediction = model(x)
        return prediction.square().mean()

    told = explain(loss)
    assert [step.location.module for step in told if step.location] == [
        "", "", "Sequential.2", "Sequential.1", "Sequential.0"
    ]  # fmt: skip
    assert [step.location.source for step in told if step.location][1:3] == [
        "return prediction.square().mean()", "prediction = model(x)"
    ]  # fmt: skip
    assert [step.result for step in told] == ["L", "v3", "prediction", "v2", "v1"]
    assert sorted(told.gradients) == ["model.0.bias", "model.0.weight", "model.2.bias", "model.2.weight"]
    assert all(step.value is not None for step in told)


def test_tensors_of_the_same_name_are_told_apart() -> None:
    w = minigrad.tensor(3.0, requires_grad=True)

    def layer(x: Any, start: float) -> Any:
        w = minigrad.tensor(start, requires_grad=True)
        h = x * w
        return h.exp() if start > 1 else h

    told = explain(lambda: layer(layer(w * 2, 0.5), 1.5))
    assert {name: float(value) for name, value in told.gradients.items()} == {
        "w": pytest.approx(1.5 * np.exp(4.5), rel=1e-5),
        "w_2": pytest.approx(9 * np.exp(4.5), rel=1e-5),
        "w_3": pytest.approx(3 * np.exp(4.5), rel=1e-5),
    }
    assert len({step.result for step in told}) == len(told)


def test_names_of_the_program_are_not_given_to_others() -> None:
    v1, leaf1, L = (minigrad.tensor(x, requires_grad=True) for x in (2.0, 3.0, 5.0))  # noqa: N806
    told = explain((v1 * leaf1 * [minigrad.tensor(7.0, requires_grad=True)][0]).exp() * L)
    assert len(told.gradients) == 4
    names = [step.result for step in told]
    assert len({*names, *told.gradients}) == len(names) + 4


def test_lines_are_known_of_what_was_observed_before() -> None:
    x = minigrad.tensor(2.0, requires_grad=True)
    with LineRecorder():
        y = x.exp()
    (step,) = explain(y)
    assert step.location is not None
    assert step.location.source == "y = x.exp()"
    assert explain(x.exp()).steps[0].location is None


def test_paths_that_meet_are_added() -> None:
    x = minigrad.tensor(3.0, requires_grad=True)
    told = explain(x * x + x)
    parts = [part for step in told for part in step.parts if part.operand == "x"]
    assert [(part.earlier, float(part.cotangent), float(part.total)) for part in parts] == [
        (None, 1, 1),
        (1, 3, 4),
        (4, 3, 7),
    ]
    assert "added to what came on another path: 4 + 3 = 7" in str(told)


def test_broadcasting_is_told() -> None:
    x, b = minigrad.ones(4, 3), minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * b
    text = str(explain(y, minigrad.ones(4, 3)))
    assert "b was broadcast: summed to its shape (3,): [4, 4, 4]" in text


def test_second_order() -> None:
    x = minigrad.tensor(2.0, requires_grad=True)
    with LineRecorder():
        y = x**3
        (slope,) = grad(y, x, create_graph=True)
    assert slope is not None
    told = explain(slope)
    assert told.of == "slope"
    assert told.gradients["x"] == 12
    assert {step.location.source for step in told if step.location} == {"y = x**3"}  # the line whose rule made the node


def test_nothing_is_changed_and_backward_can_follow() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    h = x.exp()
    h.retain_grad()
    calls: list[Any] = []
    h.register_hook(lambda g: calls.append(g))
    h.register_hook(lambda g: 2 * g)
    x.register_post_accumulate_grad_hook(lambda leaf: calls.append(leaf))
    told = explain(h.sum())
    assert x.grad is None
    assert h.grad is None
    assert len(calls) == 1  # the hook changes the cotangent, so it is run
    np.testing.assert_array_equal(told.gradients["x"], 2 * np.exp(np.array([1, 2], np.float32)))
    h.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(), told.gradients["x"])
    assert h.grad is not None


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return 2 * g * ctx.saved_tensors[0]


def test_functions_of_users_and_several_results() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    first, second = x.split(1)
    y = Square.apply(first) * second + x.sum()
    told = explain(y)
    check(told)
    assert "∂y/∂first = [4], by the backward of Square" in str(told)
    np.testing.assert_array_equal(told.gradients["x"], [5, 2])
    assert told.to_markdown()


def test_values_in_place_and_views() -> None:
    x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 10
    y[1:].mul_(2)
    told = explain(y.sum())
    check(told)
    np.testing.assert_array_equal(told.gradients["x"], [10, 20, 20])

    def program() -> Any:
        y = x * 10
        y[1:].mul_(2)
        return y.sum()

    told = explain(program)
    check(told)
    values = {step.node.op_name: step.value.tolist() for step in told if step.value is not None}
    assert values["view_scatter"] == [10, 40, 60]
    assert values["sum"] == 110
    assert [step.value.tolist() for step in told if step.operands[0].name == "x" and step.value is not None] == [[10, 20, 30]]

    def assigns() -> Any:
        y = x * 10
        y[0] = 5.0
        return y.sum()

    (assignment,) = [step for step in explain(assigns) if step.node.op_name == "setitem"]
    assert assignment.value is not None
    assert assignment.value.tolist() == [5, 20, 30]


@few
@given(data=st.data(), length=st.integers(1, 12))
def test_random_programs(data: st.DataObject, length: int) -> None:
    leaves = [
        from_numpy(data.draw(arrays(shape))).requires_grad_() for shape in data.draw(st.lists(shapes(2, 2, 1), min_size=1))
    ]
    values: list[Any] = list(leaves)

    def program() -> Any:
        for _ in range(length):
            drawn = ProgramGenerator(data.draw, [tuple(v.shape) for v in values]).step()
            if drawn is not None:
                values.append(drawn[1](minigrad, values).clamp(-30, 30))
        return scalar_loss(minigrad, values)

    told = explain(program)
    check(told)
    expected = [g for g in grad(scalar_loss(minigrad, values), leaves, allow_unused=True) if g is not None]
    assert len(told.gradients) == len(expected)


def test_a_leaf_alone() -> None:
    x = minigrad.tensor(2.0, requires_grad=True)
    assert str(explain(x)) == "∂x/∂x = 1"


def test_errors() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="scalar"):
        explain(x * 2)
    with pytest.raises(RuntimeError, match="does not require grad"):
        explain(minigrad.tensor(1.0))
    y = x.exp().sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        explain(y)


# ---------------------------------------------------------------------------------------------------------- optimizers


RULES = [cls for cls in vars(optim).values() if isinstance(cls, type) and issubclass(cls, optim.Optimizer) and cls.rule]


@pytest.mark.parametrize("cls", RULES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"amsgrad": True}], ids=str)
def test_an_update_is_told_with_the_numbers_of_the_step(cls: Callable[..., Any], options: dict[str, Any]) -> None:
    p = minigrad.tensor([1.0, -2.0, 3.0], requires_grad=True)
    try:
        optimizer = cls([p], lr=0.1, **options)
    except TypeError:
        pytest.skip("has no such option")
    for k in range(3):
        p.grad = minigrad.tensor([0.5, -1.0, 0.25 * k])
        before = (p.tolist(), repr(optimizer.state_dict()))
        told = optimizer.explain(p)
        assert before == (p.tolist(), repr(optimizer.state_dict()))
        optimizer.step()
        new = told.after[f"{cls.rule.theta}'"]  # type: ignore[attr-defined]
        np.testing.assert_allclose(new.value, p.detach().numpy(), rtol=1e-6)
        assert "lr" in told.text()
        assert told.markdown()


def test_text_of_an_update() -> None:
    p = minigrad.tensor(1.0, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5, momentum=0.5)
    assert str(optimizer.explain(p, minigrad.tensor(2.0))).splitlines() == [
        "SGD: g = 2, theta = 1, lr = 0.5",
        "     b' = g = 2",
        "     theta' = theta - lr * g = 1 - 0.5 * 2 = 0",
    ]
    p.grad = minigrad.tensor(2.0)
    optimizer.step()
    assert str(optimizer.explain(p)).splitlines()[1:] == [
        "     b' = momentum * b + (1 - dampening) * g = 0.5 * 2 + (1 - 0) * 2 = 3",
        "     theta' = theta - lr * b' = 0 - 0.5 * 3 = -1.5",
    ]


def test_updates_in_an_explanation() -> None:
    w = minigrad.tensor(3.0, requires_grad=True)
    other = minigrad.tensor(3.0, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.5)
    told = explain(w * w * other, optimizer=optimizer)
    assert list(told.updates) == ["w"]
    assert "theta' = theta - lr * g = 3 - 0.5 * 18 = -6" in str(told)


def test_updates_that_cannot_be_told() -> None:
    p = minigrad.tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="no gradient yet"):
        optim.SGD([p]).explain(p)
    with pytest.raises(ValueError, match="does not hold"):
        optim.SGD([p]).explain(minigrad.tensor(2.0), minigrad.tensor(1.0))

    class Own(optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            """Do nothing."""

    with pytest.raises(NotImplementedError, match="step of its own"):
        Own([p], {}).explain(p, minigrad.tensor(1.0))


def test_against_torch_with_all_at_once() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    ours = [from_numpy(a).requires_grad_() for a in (x, w, b)]
    theirs = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]

    def program(x: Any, w: Any, b: Any) -> Any:
        h = (x @ w + b).tanh()
        return (h[1:] * h[:-1] + h.mean(0)).sum()

    told = explain(lambda: program(*ours), names=dict(zip("xwb", ours, strict=True)))
    check(told)
    program(*theirs).backward()
    for name, theirs_leaf in zip("xwb", theirs, strict=True):
        np.testing.assert_allclose(told.gradients[name], np.asarray(theirs_leaf.grad), rtol=1e-12, atol=1e-13)


class Both(Function):
    """2 x and 3 x."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        return 2 * g + 3 * h


def test_what_arrives_at_one_of_several_results_does_not_change_when_more_arrives() -> None:
    first, second = Both.apply(minigrad.tensor([1.0, 2.0], requires_grad=True))
    told = explain((first.exp() + second.sin()).sum())
    arrived = [part.cotangent.values for step in told for part in step.parts if isinstance(part.cotangent, OutputCotangents)]
    assert [len(values) for values in arrived] == [1, 1]


def test_a_value_that_was_written_to_later_is_not_told() -> None:
    w = minigrad.tensor(2.0, requires_grad=True)
    y = w + 1
    assert explain(y).steps[0].operands[0].value == 2
    with minigrad.no_grad():
        w.mul_(5)
    assert explain(y).steps[0].operands[0].value is None


def test_only_attributes_that_are_not_the_default_are_told() -> None:
    x = minigrad.ones(2, 3, requires_grad=True)
    assert str(explain(x.mean(), names={"x": x})).startswith("1. L = mean(x)\n")
    assert "mean(x, dim=(1,))" in str(explain(x.mean(1).sum(), names={"x": x}))


def test_hooks_take_part_except_those_that_retain_gradients() -> None:
    x = minigrad.tensor(2.0, requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: 10 * g)
    y.retain_grad()
    assert explain(y * 1).gradients["x"] == 30
    assert y.grad is None
    (y * 1).backward()
    assert y.grad is not None
    assert y.grad.item() == 10
