"""The checkers are checked: a bug of each kind is planted, and must be found."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

import minigrad
from minigrad import Tensor, autodiff, from_numpy
from minigrad.autodiff import Node, Vertex
from minigrad.autograd import GradcheckError, gradcheck, gradgradcheck
from minigrad.ops.elementary import exp, log
from minigrad.ops.linalg import matmul, swap_last
from minigrad.ops.reduction import unreduce
from minigrad.ops.shape import permute, roll
from minigrad.primitive import Primitive, Rule, expand, primitives
from minigrad.testing import assert_backward_contract, assert_gradients, assert_same
from tests import test_autodiff
from tests.autograd import test_backward
from tests.ops.domains import DOMAINS, lift

Rules = dict[str, Rule]


@pytest.fixture(autouse=True)
def table_as_before() -> Iterator[None]:
    before = dict(primitives)
    yield
    primitives.clear()
    primitives.update(before)


def planted(name: str, rules: Rules, match: bool = True) -> Primitive:
    """Return a copy of a primitive with other rules; those not given are left out."""
    op = primitives[name]
    promote = [each for each, promoted in zip(op.inputs, op.promote, strict=True) if promoted]
    broadcasts = match and DOMAINS[name].broadcasts
    return Primitive(op.forward, rules, promote=promote, floating=op.floating, elementwise=broadcasts)


def found(name: str, check: Callable[..., None]) -> bool:
    """Return whether a check fails for some drawn case of a primitive's domain."""

    @settings(max_examples=40, database=None, phases=[Phase.generate], derandomize=True)
    @given(DOMAINS[name].cases)
    def every(case: Any) -> None:
        check(case)

    try:
        every()
    except (AssertionError, RuntimeError, ValueError, ExceptionGroup):
        return True
    return False


RIGHT: dict[str, tuple[str, Rules]] = {
    "mul": ("mul", {"a": lambda g, b: g * b, "b": lambda g, a: g * a}),
    "exp": ("exp", {"x": lambda g, out: g * out}),
    "log": ("log", {"x": lambda g, x: g / x}),
    "add": ("add", {"a": lambda g: g, "b": lambda g: g}),
}

WRONG: dict[str, tuple[str, Rules]] = {
    "sign": ("mul", {"a": lambda g, b: -g * b, "b": lambda g, a: g * a}),
    "sign of the second": ("sub", {"a": lambda g: g, "b": lambda g: g}),
    "factor": ("exp", {"x": lambda g, out: g * out * 2}),
    "small factor": ("exp", {"x": lambda g, out: g * out * 1.001}),
    "wrong residual": ("exp", {"x": lambda g, x: g * x}),
    "operands exchanged": ("mul", {"a": lambda g, a: g * a, "b": lambda g, b: g * b}),
    "cotangent dropped": ("tanh", {"x": lambda g, out: 1 - out * out}),
    "rule dropped": ("div", {"a": lambda g, b: g / b}),
    "never zero": ("relu", {"x": lambda g: g}),
    "broadcast stack not summed": ("matmul", {
        "a": lambda g, b: matmul(g, swap_last(b)),
        "b": lambda g, a: matmul(swap_last(a), g),
    }),
    "count forgotten": ("mean", {"x": lambda g, x_shape, dim: expand(unreduce(g, x_shape, dim), shape=x_shape)}),
    "permutation not inverted": ("permute", {"x": lambda g, dims: permute(g, dims=dims)}),
    "one place too far": ("roll", {"x": lambda g, shifts, dims: roll(g, shifts=tuple(1 - n for n in shifts), dims=dims)}),
    "repeated places do not add": ("getitem", {"x": lambda g, x_shape, index: _put_last(g, x_shape, index)}),
    "branches exchanged": ("where", {"a": lambda g, condition: primitives["where"](condition, 0, g)}),
}  # fmt: skip


def _put_last(g: Any, shape: Sequence[int], index: Any) -> Any:
    full = np.zeros(shape)
    full[index] = np.asarray(g.detach() if isinstance(g, Tensor) else g)
    return full


def against_torch(op: Primitive, name: str, case: Any) -> None:
    reference = DOMAINS[name].reference
    assert reference is not None
    ours, theirs = (functools.partial(f, **case.attributes) for f in (op, reference))
    assert_same(ours, theirs, *case.inputs, from_array=lift)


@pytest.mark.parametrize(("name", "rules"), RIGHT.values(), ids=RIGHT)
def test_right_rules_pass(name: str, rules: Rules) -> None:
    op = planted(name, rules)
    assert not found(name, lambda case: assert_gradients(functools.partial(op, **case.attributes), *case.inputs, order=2))
    assert not found(name, lambda case: assert_backward_contract(functools.partial(op, **case.attributes), *case.inputs))
    assert not found(name, lambda case: against_torch(op, name, case))


@pytest.mark.parametrize(("name", "rules"), WRONG.values(), ids=WRONG)
def test_wrong_rules_are_found_by_differences_by_torch_and_by_gradcheck(name: str, rules: Rules) -> None:
    op = planted(name, rules)
    assert found(name, lambda case: assert_gradients(functools.partial(op, **case.attributes), *case.inputs))
    assert found(name, lambda case: against_torch(op, name, case))

    def checked(case: Any) -> None:
        leaves = [from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in case.inputs]
        gradcheck(functools.partial(op, **case.attributes), leaves, rtol=1e-5, atol=1e-6)

    assert found(name, checked)


def test_a_missing_sum_over_broadcast_axes_is_found() -> None:
    op = planted("add", {"a": lambda g: g, "b": lambda g: g}, match=False)
    assert found("add", lambda case: assert_gradients(op, *case.inputs))
    assert found("add", lambda case: assert_backward_contract(op, *case.inputs))
    with pytest.raises(GradcheckError):
        gradcheck(op, [from_numpy(np.ones((2, 3))).requires_grad_(), from_numpy(np.ones(3)).requires_grad_()])


def constant(x: Any) -> Any:
    """Take a residual off the tape, as a rule written in NumPy would."""
    return x.detach() if isinstance(x, Tensor) else x


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("log", {"x": lambda g, x: g / constant(x)}),
        ("exp", {"x": lambda g, out: g * constant(out)}),
        ("mul", {"a": lambda g, b: g * constant(b), "b": lambda g, a: g * a}),
        ("tanh", {"x": lambda g, out: constant(g) * (1 - out * out)}),
    ],
    ids=["residual", "result", "one of two", "cotangent"],
)
def test_a_rule_that_leaves_the_tape_is_found_at_the_second_order_only(name: str, rules: Rules) -> None:
    op = planted(name, rules)

    def twice(*inputs: Tensor) -> Tensor:
        return exp(op(*inputs) * 0.1)

    assert not found(name, lambda case: assert_gradients(twice, *case.inputs, order=1))
    assert found(name, lambda case: assert_gradients(twice, *case.inputs, order=2))
    inputs = [from_numpy(np.array([0.5, 1.5])).requires_grad_() for _ in op.inputs]
    assert gradcheck(twice, inputs)
    with pytest.raises(GradcheckError):
        gradgradcheck(twice, inputs)


UNCLEAN: dict[str, tuple[str, Rules]] = {
    "drift to float64": ("exp", {"x": lambda g, out: g * out * np.float64(1)}),
    "drift by an array": ("exp", {"x": lambda g, out: g * out * np.ones(())}),
    "writes to the cotangent": ("neg", {"x": lambda g: np.negative(g, out=g) if isinstance(g, np.ndarray) else -g}),
    "writes to a residual": ("log", {"x": lambda g, x: np.divide(g, x, out=x) if isinstance(x, np.ndarray) else g / x}),
    "wrong shape": ("exp", {"x": lambda g, out: (g * out).reshape(-1)}),
}


@pytest.mark.parametrize(("name", "rules"), UNCLEAN.values(), ids=UNCLEAN)
def test_unclean_backwards_are_found(name: str, rules: Rules) -> None:
    op = planted(name, rules)
    assert found(name, lambda case: assert_backward_contract(op, *case.inputs))


def test_a_gradient_that_is_somebody_elses_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autodiff, "own", lambda array, borrowed: array)
    assert found("add", lambda case: assert_backward_contract(primitives["add"], *case.inputs))
    assert found(
        "reshape",
        lambda case: assert_backward_contract(functools.partial(primitives["reshape"], **case.attributes), *case.inputs),
    )
    with pytest.raises(AssertionError):
        test_backward.test_two_leaves_never_share_a_gradient()


def test_writes_that_are_not_counted_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: Tensor, values: Any) -> Tensor:
        np.copyto(self.array, values, casting="unsafe")
        return self

    monkeypatch.setattr(Tensor, "write", write)
    with pytest.raises(pytest.fail.Exception):
        test_backward.test_a_write_to_a_saved_tensor_is_an_error(minigrad, test_backward.WRITES["add_"])
    with pytest.raises(pytest.fail.Exception):
        test_backward.test_a_write_through_data_is_caught_where_torch_misses_it()


def test_an_engine_in_the_wrong_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = autodiff.toposort

    def by_age(roots: Any) -> list[Node]:
        nodes = right(roots)
        return nodes[:1] + nodes[1:][::-1]

    monkeypatch.setattr(autodiff, "toposort", by_age)
    with pytest.raises(AssertionError):
        test_autodiff.test_fan_out_adds_up()


def test_an_engine_that_overwrites_instead_of_adding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def last_path_only(seeds: Any, targets: Any = None, retain_graph: bool = False) -> dict[Vertex, Any]:
        pending = dict(seeds)
        for node in autodiff.toposort(pending):
            if node in pending:
                for parent, share in zip(node.parents, node.vjp(pending.pop(node), None), strict=True):
                    if share is not None:
                        pending[parent] = share
        return pending

    monkeypatch.setattr(test_autodiff, "backward_pass", last_path_only)
    with pytest.raises(AssertionError):
        test_autodiff.test_numbers_and_strings_are_cotangents_too()


def test_a_misspelt_residual_fails_when_the_primitive_is_defined() -> None:
    with pytest.raises(TypeError, match=r"exp: the rule x\(g, outt\) does not fit"):
        planted("exp", {"x": lambda g, outt: g * outt})
    with pytest.raises(TypeError, match=r"does not fit"):
        planted("exp", {"y": lambda g: g})


def test_a_value_that_differs_is_found() -> None:
    x = np.array([0.5, 2.0])
    with pytest.raises(AssertionError):
        assert_same(lambda t: log(t) + 1e-6, np.log, x)
    with pytest.raises(AssertionError, match="shape"):
        assert_same(lambda t: log(t)[:1], np.log, x)
    assert_same(log, np.log, x)
