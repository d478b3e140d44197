"""What backward does besides computing: accumulation, ownership, freed graphs, overwritten tensors, memory, errors."""

from __future__ import annotations

import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor
from minigrad.primitive import primitives
from minigrad.testing import tensors
from tests.ops.domains import DOMAINS, lift
from tests.reference import torch

both = pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
Library = Any


def leaf(*values: float) -> Tensor:
    return minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)


def gradient(x: Tensor) -> list[float]:
    assert x.grad is not None
    return list(x.grad.tolist())


# -------------------------------------------------------------------------------------------------------- accumulation


def test_backward_adds_to_what_is_there() -> None:
    x = leaf(2.0, 3.0)
    (x * x).sum().backward()
    (x * x).sum().backward()
    assert gradient(x) == [8, 12]


def test_accumulation_is_in_place_and_zero_grad_by_none_starts_anew() -> None:
    x = leaf(2.0)
    (x * x).sum().backward()
    kept = x.grad
    (x * x).sum().backward()
    assert x.grad is kept
    x.grad = None
    (x * 5).sum().backward()
    assert gradient(x) == [5]
    assert kept is not None
    assert kept.tolist() == [8]


def test_a_retained_graph_gives_the_same_again() -> None:
    """Interior nodes hold no gradient: each time 24, not 24 and then 36."""
    x = leaf(2.0)
    y = (x * x) * (x * x)
    for times in (1, 2, 3):
        y.sum().backward(retain_graph=True)
        assert gradient(x) == [32 * times]


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda x: x + x, 2),
        (lambda x: x * x, 6),
        (lambda x: x - x, 0),
        (lambda x: x / x, 0),
        (lambda x: (x + 1) * (x + 1), 8),
        (lambda x: (lambda y: y * y + y)(x * 2), 26),
        (lambda x: x**x, 27 * (np.log(3) + 1)),
        (lambda x: minigrad.maximum(x, x), 1),
    ],
)
def test_an_operand_used_twice_gets_both_parts(use: Callable[[Tensor], Tensor], expected: float) -> None:
    x = leaf(3.0)
    use(x).sum().backward()
    assert gradient(x) == [pytest.approx(expected)]


@given(tensors(), st.floats(-3, 3))
def test_backward_is_linear_in_the_cotangent(x: Tensor, scale: float) -> None:
    y = (x * x).tanh()
    one = minigrad.ones_like(y)
    y.backward(one, retain_graph=True)
    first = np.array(x.grad)
    x.grad = None
    y.backward(one * scale)
    np.testing.assert_allclose(np.array(x.grad), first * scale, rtol=1e-12, atol=1e-12)


# ----------------------------------------------------------------------------------------------------------- ownership


def test_two_leaves_never_share_a_gradient() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).backward(minigrad.ones(2, dtype=minigrad.float64))
    assert x.grad is not None
    x.grad.add_(100)
    assert gradient(y) == [1, 1]


@pytest.mark.parametrize(
    "op",
    [
        lambda x: x + 0,
        lambda x: x.reshape(2),
        lambda x: x.T,
        lambda x: x[:],
        lambda x: x.clone(),
        lambda x: x.sum(),
        lambda x: x,
    ],
    ids=["add", "reshape", "T", "index", "clone", "sum", "itself"],
)
def test_a_gradient_is_not_the_cotangent_given(op: Callable[[Tensor], Tensor]) -> None:
    x = leaf(1.0, 2.0)
    y = op(x)
    g = minigrad.ones(*y.shape, dtype=minigrad.float64)
    y.backward(g)
    assert x.grad is not None
    x.grad.add_(1)
    assert g.tolist() == np.ones(y.shape).tolist()
    g.add_(5)
    assert gradient(x) == [2, 2]


def test_a_gradient_that_is_an_expanded_view_can_be_written_to() -> None:
    x = leaf(1.0, 2.0)
    x.sum().backward()
    assert x.grad is not None
    x.grad[0] = 7
    assert gradient(x) == [7, 1]


def test_writing_to_a_gradient_leaves_data_alone() -> None:
    x, y = leaf(1.0), leaf(2.0)
    (x * y).sum().backward()  # the gradient of x is y
    assert x.grad is not None
    x.grad.zero_()
    assert (x.item(), y.item()) == (1, 2)


# ---------------------------------------------------------------------------------------------------------- freed graph


def second_backward_raises(y: Any, one: Any) -> bool:
    y.backward(one)
    error = message(lambda: y.backward(one))
    assert error is None or (error[0] is RuntimeError and "a second time" in error[1])
    return error is not None


# torch saves the tensors that it indexes with (here they are copied into the graph), and more than it needs for some others.
SAVED_BY_TORCH = {"assemble", "pick", "pick_adjoint", "view_scatter", "setitem", "floor_divide", "trunc_divide", "sum_pool"}
SAVED_HERE = {"einsum"}  # its operands, even if there is only one
IN_TORCH = {name: domain.reference for name, domain in DOMAINS.items() if domain.reference is not None}
DIFFERENTIABLE = sorted(name for name in IN_TORCH.keys() - SAVED_BY_TORCH - SAVED_HERE if primitives[name].differentiable)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_second_backward_fails_where_torch_fails(name: str) -> None:
    """That is, wherever the operation has saved something."""
    case = find(
        DOMAINS[name].cases,
        lambda case: all(x.size for x in case.inputs),
        settings=settings(database=None, phases=[Phase.generate]),
    )
    mine = [minigrad.from_numpy(x).requires_grad_(x.dtype.kind == "f") for x in case.inputs]
    theirs = [lift(x).requires_grad_(x.dtype.kind == "f") for x in case.inputs]
    y, z = primitives[name](*mine, **case.attributes), IN_TORCH[name](*theirs, **case.attributes)
    assert second_backward_raises(y, minigrad.ones_like(y)) == second_backward_raises(z, torch.ones_like(z))


def test_a_freed_graph_says_what_to_do_and_changes_no_gradient() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"(?s)a second time.*retain_graph=True"):
        y.backward()
    assert gradient(x) == [4]


def test_a_graph_that_shares_a_freed_part_fails_too() -> None:
    x = leaf(2.0)
    shared = x.exp()
    (shared * 2).sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        (shared * 3).sum().backward()


def test_create_graph_retains() -> None:
    x = leaf(2.0)
    y = (x**3).sum()
    y.backward(create_graph=True)
    y.backward()
    assert gradient(x) == [24]


# ------------------------------------------------------------------------------------------------- overwritten tensors


WRITES: dict[str, Callable[[Any], Any]] = {
    "add_": lambda t: t.add_(1),
    "mul_": lambda t: t.mul_(2),
    "zero_": lambda t: t.zero_(),
    "iadd": lambda t: t.__iadd__(1),
    "setitem": lambda t: t.__setitem__(0, 5.0),
    "a view": lambda t: t[:1].add_(1),
    "a reshaped view": lambda t: t.reshape(2, 1).add_(1),
    "detach": lambda t: t.detach().add_(1),
    "a view of detach": lambda t: t.detach()[1:].zero_(),
}


@both
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_to_a_saved_tensor_is_an_error(lib: Library, write: Callable[[Any], Any]) -> None:
    w = lib.tensor([1.0, 2.0], requires_grad=True)
    x = lib.tensor([3.0, 4.0])
    y = (w * x).sum()
    write(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
    assert w.grad is None


@both
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_to_a_saved_result_is_an_error(lib: Library, write: Callable[[Any], Any]) -> None:
    w = lib.tensor([1.0, 2.0], requires_grad=True)
    y = w.exp()
    loss = y.sum()
    with lib.no_grad():
        write(y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@both
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_a_write_to_either_factor_is_an_error(lib: Library, shape: tuple[int, ...], second: bool) -> None:
    w = lib.ones(shape, requires_grad=True)
    a, b = w + 1, w + 2
    y = (a * b).sum()
    with lib.no_grad():
        (b if second else a).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@both
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_to_what_no_rule_needs_is_none(lib: Library, write: Callable[[Any], Any]) -> None:
    w = lib.tensor([1.0, 2.0], requires_grad=True)
    x = lib.tensor([3.0, 4.0])
    y = ((w + x) - x).sum()
    write(x)
    y.backward()
    assert w.grad.tolist() == [1, 1]


def test_a_node_computes_the_cotangents_asked_for_and_no_others() -> None:
    a, b, constant, one = leaf(1.0, 2.0), leaf(3.0, 4.0), minigrad.ones(2), np.ones(2, np.float32)
    product, joined = (a * b).node, minigrad.cat([a, constant, b]).node
    assert product is not None
    assert joined is not None
    for needed, asked in ((None, [True, True]), ({a}, [True, False]), ({b}, [False, True]), (set(), [False, False])):
        assert [share is not None for share in product.vjp(one, needed)] == asked
        shares = joined.vjp(np.ones(6, np.float32), needed)
        assert [share is not None for share in shares] == [asked[0], False, asked[1]]


def test_a_write_through_data_is_caught_where_torch_misses_it() -> None:
    w = leaf(1.0, 2.0)
    y = (w * w).sum()
    w.data.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_write_before_the_operation_is_none() -> None:
    w, x = leaf(1.0), minigrad.zeros(1)
    x.add_(3)
    (w * x).sum().backward()
    assert gradient(w) == [3]


def test_a_write_to_a_leaf_in_no_grad_is_caught_if_it_was_saved() -> None:
    w = leaf(1.0, 2.0)
    y = (w * w).sum()
    with minigrad.no_grad():
        w.sub_(0.1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_after_a_failed_backward_no_gradient_has_changed() -> None:
    w, x, v = leaf(1.0), leaf(1.0).detach(), leaf(1.0)
    y = (w * x).sum() + v.sum()
    x.add_(1)
    with pytest.raises(RuntimeError):
        y.backward()
    assert (w.grad, v.grad) == (None, None)


# --------------------------------------------------------------------------------------------------------------- memory


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("walked", [False, True])
def test_graph_and_leaves_are_freed_by_reference_counting(walked: bool) -> None:
    x = minigrad.randn(4, 3, requires_grad=True)
    w = minigrad.randn(3, 2, requires_grad=True)
    hidden = (x @ w).relu()
    loss = (hidden.softmax(1).log() * hidden[:, [0, 0]]).mean()
    if walked:
        loss.backward(retain_graph=True)
    everything: list[weakref.ref[Any]] = [weakref.ref(t) for t in (x, w, hidden, loss)]
    everything += [weakref.ref(t.node) for t in (hidden, loss)]
    everything += [weakref.ref(t.array) for t in (x, w, hidden, loss)]
    del x, w, hidden, loss
    assert [r() for r in everything] == [None] * len(everything)


@pytest.mark.usefixtures("without_collector")
def test_backward_frees_what_was_saved() -> None:
    w = leaf(1.0, 2.0)
    inner = w * 2
    y = inner.exp()
    saved = weakref.ref(y.array)
    loss = y.sum()
    del y
    assert saved() is not None
    loss.backward()
    assert saved() is None


@pytest.mark.usefixtures("without_collector")
def test_no_grad_keeps_nothing() -> None:
    x = leaf(1.0)
    with minigrad.no_grad():
        y = x.exp()
        kept = weakref.ref(y.array)
        z = y * y
        del y
        assert kept() is None
        assert not z.requires_grad


def test_a_deep_graph_needs_no_recursion() -> None:
    x = minigrad.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 1
    assert "Add" in repr(y)


# --------------------------------------------------------------------------------------------------------------- errors


def message(f: Callable[[], Any]) -> tuple[type[BaseException], str] | None:
    try:
        f()
    except Exception as error:
        return type(error), str(error)
    return None


ERRORS: dict[str, tuple[Callable[[Library], Any], str]] = {
    "several elements": (lambda t: t.ones(2, requires_grad=True).backward(), "only for scalar outputs"),
    "no elements": (lambda t: t.ones(0, requires_grad=True).backward(), "only for scalar outputs"),
    "no gradient": (lambda t: t.ones(1).backward(), "element 0 of tensors does not require grad and does not have a grad_fn"),
    "no_grad": (lambda t: t.no_grad()(lambda: t.ones(1, requires_grad=True) * 2)().backward(), "does not require grad"),
    "detached": (lambda t: t.ones(1, requires_grad=True).detach().backward(), "does not require grad"),
    "shape": (lambda t: t.ones(2, requires_grad=True).backward(t.ones(3)), "Mismatch in shape"),
    "shape that broadcasts": (lambda t: t.ones(2, requires_grad=True).backward(t.ones(1)), "Mismatch in shape"),
    "integer": (lambda t: t.tensor([1, 2], requires_grad=True), "can require gradients"),
    "integer later": (lambda t: t.tensor([1, 2]).requires_grad_(), "floating"),
    "interior flag": (lambda t: setattr(t.ones(1, requires_grad=True) * 2, "requires_grad", False), "leaf variables"),
    "input without gradient": (
        lambda t: t.autograd.grad(t.ones(1, requires_grad=True).sum(), t.ones(1)),
        "One of the differentiated Tensors does not require grad",
    ),
    "unused input": (
        lambda t: t.autograd.grad(t.ones(1, requires_grad=True).sum(), t.ones(1, requires_grad=True)),
        "The differentiated Tensor at index 0 appears to not have been used in the graph",
    ),
    "write to a leaf": (lambda t: t.ones(1, requires_grad=True).add_(1), "a leaf Variable that requires grad"),
    "assign to a leaf": (lambda t: t.ones(1, requires_grad=True).__setitem__(0, 1.0), "a leaf Variable that requires grad"),
    "write to a view of a leaf": (lambda t: t.ones(2, requires_grad=True)[:1].add_(1), "a view of a leaf Variable"),
    "numpy": (lambda t: t.ones(1, requires_grad=True).numpy(), "Can't call numpy() on Tensor that requires grad"),
    "grad of another shape": (lambda t: setattr(t.ones(2), "grad", t.ones(3)), "shape|size"),
    "grad of another dtype": (lambda t: setattr(t.ones(2), "grad", t.ones(2).double()), "type"),
    "grad that is no tensor": (lambda t: setattr(t.ones(2), "grad", [1, 2]), "expected to be a Tensor or None"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "text"), ERRORS.values(), ids=ERRORS)
def test_errors_are_torchs(act: Callable[[Library], Any], text: str) -> None:
    theirs, mine = message(lambda: act(torch)), message(lambda: act(minigrad))
    assert theirs is not None
    assert mine is not None
    assert mine[0] is theirs[0]
    for kind, said in (mine, theirs):
        assert any(part in said for part in text.split("|")), (kind, said)


# -------------------------------------------------------------------------------------------------------------- options


def outcome(lib: ModuleType, act: Callable[[Any, Any, Any], Any]) -> Any:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    w = lib.tensor([3.0, 4.0], requires_grad=True)
    try:
        returned = act(lib, x, w)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        return type(error)

    def plain(t: Any) -> Any:
        return None if t is None else (t.tolist(), t.requires_grad)

    if isinstance(returned, tuple | list):
        returned = [plain(t) for t in returned]
    elif hasattr(returned, "tolist"):
        returned = plain(returned)
    return returned, plain(x.grad), plain(w.grad)


OPTIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "inputs": lambda t, x, w: (x * w).sum().backward(inputs=[x]),
    "inputs, one tensor": lambda t, x, w: (x * w).sum().backward(inputs=x),
    "no inputs": lambda t, x, w: (x * w).sum().backward(inputs=[]),
    "gradient": lambda t, x, w: (x * w).backward(t.tensor([1.0, 10.0])),
    "gradient of one element": lambda t, x, w: (x * w).sum().backward(t.tensor(3.0)),
    "gradient in another dtype": lambda t, x, w: (x * w).sum().backward(t.tensor(3.0).double()),
    "retain and again": lambda t, x, w: [(y := (x * w).sum()).backward(retain_graph=True), y.backward()],
    "one element, one axis": lambda t, x, w: (x * w)[:1].backward(),
    "autograd.backward": lambda t, x, w: t.autograd.backward([(x * w).sum(), x.sum()]),
    "autograd.backward, gradients": lambda t, x, w: t.autograd.backward([x * w, x], [t.ones(2), t.tensor([5.0, 6.0])]),
    "autograd.backward, some": lambda t, x, w: t.autograd.backward([x * w, x.sum()], [t.ones(2), None]),
    "grad": lambda t, x, w: t.autograd.grad((x * w).sum(), [x, w]),
    "grad of one": lambda t, x, w: t.autograd.grad((x * w).sum(), x),
    "grad of a tuple": lambda t, x, w: t.autograd.grad(((x * w).sum(), x.sum()), (x, w)),
    "grad with cotangents": lambda t, x, w: t.autograd.grad([x * w, x], [x, w], [t.ones(2), t.tensor([5.0, 6.0])]),
    "grad, wrong number of cotangents": lambda t, x, w: t.autograd.grad([x * w, x], [x, w], [t.ones(2)]),
    "unused": lambda t, x, w: t.autograd.grad(x.sum(), [x, w]),
    "in torch's order": lambda t, x, w: t.autograd.grad(x.sum(), [x, w], None, True, False, True, True),
    "unused allowed": lambda t, x, w: t.autograd.grad(x.sum(), [x, w], allow_unused=True),
    "unused, materialized": lambda t, x, w: t.autograd.grad(x.sum(), [x, w], materialize_grads=True),
    "by an intermediate result": lambda t, x, w: t.autograd.grad((y := x * w).exp().sum(), y),
    "by itself": lambda t, x, w: t.autograd.grad((y := (x * w).sum()), y),
    "a leaf by itself": lambda t, x, w: t.autograd.grad(x, x, t.ones(2)),
    "the same input twice": lambda t, x, w: t.autograd.grad((x * w).sum(), [x, x]),
    "the same output twice": lambda t, x, w: t.autograd.grad([(y := (x * w).sum()), y], x),
    "create_graph": lambda t, x, w: t.autograd.grad(t.autograd.grad((x**3 * w).sum(), x, create_graph=True)[0].sum(), [x, w]),
    "create_graph, linear": lambda t, x, w: t.autograd.grad((x * 2).sum(), x, create_graph=True),
    "third order": lambda t, x, w: t.autograd.grad(
        t.autograd.grad(t.autograd.grad((x**5).sum(), x, create_graph=True)[0].sum(), x, create_graph=True)[0].sum(), x
    ),
    "grad twice without retain": lambda t, x, w: [t.autograd.grad((y := (x * w).sum()), x), t.autograd.grad(y, w)],
    "grad under no_grad": lambda t, x, w: t.no_grad()(lambda y: t.autograd.grad(y, x))((x * w).sum()),
    "no outputs": lambda t, x, w: t.autograd.grad([], [x]),
    "retain_grad": lambda t, x, w: [(y := x * w).retain_grad(), y.exp().sum().backward(), y.grad][2],
}


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("act", OPTIONS.values(), ids=OPTIONS)
def test_options_do_what_torchs_do(act: Callable[[Any, Any, Any], Any]) -> None:
    mine, theirs = outcome(minigrad, act), outcome(torch, act)
    if isinstance(theirs, type) or isinstance(mine, type):
        assert mine is theirs
        return
    for a, b in zip(flat(mine), flat(theirs), strict=True):
        assert a == (pytest.approx(b, rel=1e-5) if isinstance(b, float) else b)


def flat(nest: Any) -> list[Any]:
    return [x for part in nest for x in flat(part)] if isinstance(nest, tuple | list) else [nest]


def test_grad_touches_no_grad() -> None:
    x, w = leaf(1.0), leaf(2.0)
    minigrad.autograd.grad((x * w).sum(), x)
    assert (x.grad, w.grad) == (None, None)


def test_reading_the_grad_of_an_interior_tensor_warns_as_in_torch() -> None:
    for lib in (minigrad, torch):
        y = lib.ones(1, requires_grad=True) * 2
        with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
            assert y.grad is None


def test_gradients_are_dropped_by_detach_and_do_not_flow_through_it() -> None:
    x = leaf(3.0)
    (x * x.detach()).sum().backward()
    assert gradient(x) == [3]


def test_a_leaf_can_be_pickled_with_its_gradient_flag() -> None:
    x = leaf(1.0, 2.0)
    again = pickle.loads(pickle.dumps(x))
    assert again.tolist() == [1, 2]
    assert again.requires_grad


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(tensors(dtype=minigrad.float32))
def test_float32_stays_float32(x: Tensor) -> None:
    y = ((x * 2.5 + 1) / 3 - 0.1).tanh().exp().mean() * 0.5
    y.backward()
    assert x.grad is not None
    assert {y.dtype, x.grad.dtype} == {minigrad.float32}
