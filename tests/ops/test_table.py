"""Every primitive of the table, in its domain: value, derivatives of first and second order, shapes, dtypes, memory.

A primitive is tested here by being in the table. `tests.ops.domains` says how its inputs are drawn, if not any will do.
"""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad import from_numpy
from minigrad.autodiff import PrimitiveNode, next_sequence_nr
from minigrad.autograd import grad
from minigrad.grad_mode import thread
from minigrad.primitive import Array, Primitive, primitives
from minigrad.rule_sources import rule_sources
from minigrad.tensor import Tensor
from minigrad.testing import assert_backward_contract, assert_gradients, assert_same
from minigrad.testing.assertions import fixed_weights
from tests.ops.domains import DOMAINS, Case, is_own, lift

OWN = {name: op for name, op in primitives.items() if is_own(op)}
CASES = {name: DOMAINS[name].cases for name in OWN if name in DOMAINS}
every = pytest.mark.parametrize("name", sorted(CASES))
every_in_torch = pytest.mark.parametrize("name", sorted(name for name in CASES if DOMAINS[name].reference is not None))
every_differentiable = pytest.mark.parametrize("name", sorted(name for name in CASES if OWN[name].differentiable))
every_broadcasting = pytest.mark.parametrize("name", sorted(name for name in CASES if DOMAINS[name].broadcasts))
# A hundred primitives share the examples of the profile.
some = settings(max_examples=max(10, settings().max_examples // 2))
FLOAT32 = float(np.finfo(np.float32).eps)
few = settings(max_examples=max(6, settings().max_examples // 5))


def applied(op: Primitive, case: Case) -> Callable[..., Any]:
    return functools.partial(op, **case.attributes)


def with_derivative(op: Primitive, case: Case) -> tuple[bool, ...]:
    """Return for each input whether it can have a gradient."""
    return tuple(
        x.dtype.kind == "f" and (op.variadic or op.rules[op.inputs[k]] is not None) for k, x in enumerate(case.inputs)
    )


def in_dtype(case: Case, kind: Any) -> Case:
    return case._replace(inputs=tuple(x.astype(kind) if x.dtype.kind == "f" else x for x in case.inputs))


def test_every_primitive_has_a_domain() -> None:
    assert sorted(OWN.keys() - DOMAINS.keys()) == [], "declare in tests/ops/domains.py how to draw the inputs of these"
    assert sorted(DOMAINS.keys() - OWN.keys()) == [], "these domains belong to no primitive"


def rounding(op: Primitive, case: Case) -> float:
    """Return how far rounding carries gradients, as a part of the greatest slope by that input: by stochastic arithmetic.

    The gradients are computed in float64, but what each operation returns, forward and backward, is moved up or down by the
    precision of float32, at random.
    """
    rng, inputs = np.random.default_rng(0), in_dtype(case, np.float64).inputs

    def slopes() -> list[Array]:
        leaves = [from_numpy(x.copy()).requires_grad_(can) for x, can in zip(inputs, with_derivative(op, case), strict=True)]
        y = op(*leaves, **case.attributes)
        given = [x for x in leaves if x.requires_grad]
        found = grad(y, given, from_numpy(fixed_weights(y.shape, 0)).to(y.dtype), create_graph=True, allow_unused=True)
        return [g.detach().numpy() for g in found if g is not None]

    def rounded(forward: Callable[..., Array]) -> Callable[..., Array]:
        def noisy(*xs: Any, **attributes: Any) -> Array:
            out = np.asarray(forward(*xs, **attributes))
            if out.dtype.kind != "f" or out.base is not None:
                return out
            return np.asarray(out * (1 + rng.choice([-1, 1], out.shape) * FLOAT32), out.dtype)

        return noisy

    exact, worst = slopes(), 0.0
    with pytest.MonkeyPatch.context() as patch:
        for other in primitives.values():
            patch.setattr(other, "forward", rounded(other.forward))
        for _ in range(16):
            for moved, still in zip(slopes(), exact, strict=True):
                worst = max(worst, np.abs(moved - still).max(initial=0) / (np.abs(still).max(initial=0) + 1e-3))
    return worst


@every_in_torch
@some
@given(data=st.data())
def test_value_dtype_and_gradient_equal_torch(name: str, data: st.DataObject) -> None:
    """In float32 a gradient that is a sum which cancels may be as wrong as rounding alone can make it, twice over."""
    case = in_dtype(data.draw(CASES[name]), data.draw(st.sampled_from([np.float64, np.float32])))
    reference = DOMAINS[name].reference
    assert reference is not None
    same = functools.partial(
        assert_same, applied(OWN[name], case), lambda *xs: reference(*xs, **case.attributes), *case.inputs, from_array=lift
    )
    try:
        same()
    except AssertionError:
        if all(x.dtype != np.float32 for x in case.inputs) or not OWN[name].differentiable:
            raise
        same(atol=2 * rounding(OWN[name], case))


@every
@few
@given(data=st.data())
def test_on_arrays_it_is_numpy(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    before = [x.tobytes() for x in case.inputs]
    result = np.asarray(thread.state.without_warnings(applied(OWN[name], case), *case.inputs))
    assert before == [x.tobytes() for x in case.inputs], "it writes to its inputs"
    tensor = OWN[name](*map(from_numpy, case.inputs), **case.attributes)
    np.testing.assert_array_equal(result, tensor.numpy())


@every_differentiable
@some
@given(data=st.data())
def test_gradients_are_right(name: str, data: st.DataObject) -> None:
    case, op = data.draw(CASES[name]), OWN[name]
    exact = functools.partial(op.forward, **case.attributes) if DOMAINS[name].analytic else None
    assert_gradients(applied(op, case), *case.inputs, analytic=exact)


@every_differentiable
@few
@given(data=st.data())
def test_second_derivatives_are_right(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    assert_gradients(squared(applied(OWN[name], case)), *case.inputs, order=2)


def squared(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return f times itself, so that linear functions have a second derivative too."""

    def product(*inputs: Tensor) -> Tensor:
        y = f(*inputs)
        return y * y

    return product


@every_differentiable
@few
@given(data=st.data())
def test_the_transpose_of_backward_is_the_derivative_along_a_direction(name: str, data: st.DataObject) -> None:
    """<u, J v> = <J'u, v>: J v is found by differentiating J'u by u, and equals J v by differences."""
    case, op = data.draw(CASES[name]), OWN[name]
    leaves = [from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in case.inputs]
    variables = [x for x in leaves if x.requires_grad]
    out = op(*leaves, **case.attributes)
    u = from_numpy(fixed_weights(out.shape, 1)).requires_grad_()
    pulled = grad(out, variables, u, create_graph=True)
    v = [from_numpy(fixed_weights(x.shape, 2 + k)) for k, x in enumerate(pulled) if x is not None]
    along = sum((g * d).sum() for g, d in zip(pulled, v, strict=True) if g is not None)
    assert isinstance(along, Tensor)
    (jv,) = grad(along, u, create_graph=True)
    assert jv is not None
    step = 1e-5
    ends = []
    for sign in (1, -1):
        directions = iter(v)
        moved = [x + sign * step * next(directions).numpy() if x.dtype.kind == "f" else x for x in case.inputs]
        ends.append(thread.state.without_warnings(applied(op, case), *moved))
    np.testing.assert_allclose(jv.detach().numpy(), (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)


@every_broadcasting
@few
@given(data=st.data())
def test_broadcasting_is_expanding(name: str, data: st.DataObject) -> None:
    case, op = data.draw(CASES[name]), OWN[name]
    leaves = [from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in case.inputs]
    shape = np.broadcast_shapes(*[x.shape for x in case.inputs])
    plain, spelt = op(*leaves, **case.attributes), op(*[x.expand(shape) for x in leaves], **case.attributes)
    np.testing.assert_allclose(plain.detach().numpy(), spelt.detach().numpy(), rtol=1e-15)
    if op.differentiable:
        u, variables = from_numpy(fixed_weights(shape, 0)), [x for x in leaves if x.requires_grad]
        for g, h in zip(grad(plain, variables, u), grad(spelt, variables, u), strict=True):
            assert g is not None
            assert h is not None
            np.testing.assert_allclose(g.numpy(), h.numpy(), rtol=1e-12)


@every_differentiable
@few
@given(data=st.data())
def test_backward_is_clean(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    assert_backward_contract(applied(OWN[name], case), *case.inputs)


# ----------------------------------------------------------------------------------------------------------- residuals


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def saved_by(op: Primitive, case: Case, asked: Sequence[bool]) -> tuple[PrimitiveNode, list[bool]]:
    """Apply an op to results that only it knows; return its node, and which inputs and result are still in memory."""
    inputs = []
    for x, wanted in zip(case.inputs, asked, strict=True):
        leaf = from_numpy(x.copy()).requires_grad_(wanted)
        inputs.append(leaf.clone())
    result = op(*inputs, **case.attributes)
    node = result.node
    assert isinstance(node, PrimitiveNode)
    kept = [weakref.ref(x.array) for x in (*inputs, result)]
    del inputs, result, leaf
    return node, [array() is not None for array in kept]


def residuals_of(op: Primitive, asked: tuple[bool, ...]) -> list[bool]:
    """Return for each input and the result whether it is a residual."""
    names = op.linearizations[(True,) if op.variadic else asked].residuals
    if not op.variadic:
        return [name in names for name in (*op.inputs, "out")]
    return [op.inputs[0] in names] * len(asked) + ["out" in names]


@every_differentiable
@few
@pytest.mark.usefixtures("without_collector")
@given(data=st.data())
def test_what_no_rule_names_is_not_kept_alive(name: str, data: st.DataObject) -> None:
    case, op = data.draw(CASES[name]), OWN[name]
    possible = with_derivative(op, case)
    if not any(possible):
        return
    asked = tuple(can and data.draw(st.booleans()) for can in possible)
    asked = asked if any(asked) else possible
    node, alive = saved_by(op, case, asked)
    expected = residuals_of(op, asked)
    out = thread.state.without_warnings(applied(op, case), *case.inputs)
    if expected[-1] and np.shares_memory(out, case.inputs[0]):
        expected[0] = True  # the result looks at the memory of its input
    assert alive == expected
    assert node.parents


@every_differentiable
@few
@given(data=st.data())
def test_a_write_to_what_is_kept_is_noticed_and_to_nothing_else(name: str, data: st.DataObject) -> None:
    case, op = data.draw(CASES[name]), OWN[name]
    possible = with_derivative(op, case)
    if not any(possible):
        return
    inputs = [from_numpy(x.copy()).requires_grad_(can) for x, can in zip(case.inputs, possible, strict=True)]
    result = op(*inputs, **case.attributes)
    node = result.node
    assert isinstance(node, PrimitiveNode)
    for x, kept in zip([*inputs, result], residuals_of(op, possible), strict=True):
        x.version.last_write = next_sequence_nr()
        if kept:
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                node.checked_residuals()
        else:
            node.checked_residuals()
        x.version.last_write = 0


BOTH, FIRST, SECOND = (True, True), (True, False), (False, True)
RESIDUALS = [
    ("add", BOTH, []),
    ("sub", BOTH, []),
    ("mul", BOTH, ["a", "b"]),
    ("mul", FIRST, ["b"]),
    ("mul", SECOND, ["a"]),
    ("div", FIRST, ["b"]),
    ("div", BOTH, ["a", "b"]),
    ("neg", (True,), []),
    ("exp", (True,), ["out"]),
    ("log", (True,), ["x"]),
    ("tanh", (True,), ["out"]),
    ("relu", (True,), ["out"]),
    ("sum", (True,), []),
    ("mean", (True,), []),
    ("matmul", FIRST, ["b"]),
    ("linear", (False, True, True), ["x"]),
    ("reshape", (True,), []),
    ("getitem", (True,), []),
    ("softmax", (True,), ["out"]),
]


@pytest.mark.parametrize(("name", "asked", "names"), RESIDUALS)
def test_residuals(name: str, asked: tuple[bool, ...], names: list[str]) -> None:
    """The least that the derivative needs, op by op."""
    op = OWN[name]
    assert [name for name in op.linearizations[asked].residuals if name in (*op.inputs, "out")] == names


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mul", "mul(a, b): da = g * b; db = g * a"),  # from a decorator
        ("sin", "sin(x): dx = g * cos(x)"),  # from a table
        ("cast", "cast(x): dx = cast(g, dtype=x_dtype)"),
        ("eq", "eq(a, b): no derivative"),
    ],
)
def test_repr_shows_the_rules(name: str, text: str) -> None:
    assert repr(OWN[name]) == f"<primitive {text}>"


def test_every_lambda_is_found_in_the_program() -> None:
    assert [name for name, op in OWN.items() if "= vjp(" in repr(op)] == []


def test_a_rule_without_text_is_shown_by_its_parameters() -> None:
    rule = eval("lambda g, out: g * out")
    assert rule_sources(rule, {"x": rule, "y": None}) == {"x": "vjp(g, out)"}
