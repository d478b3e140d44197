"""Writes between a value and the derivatives that need it: an error or the right number, never another, at every order.

A program differentiates once, twice or three times and writes to some tensor before the last time. The right number is that
of the same program without the write. Every primitive is tried by being in the table, with the inputs of `tests.ops.domains`.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad import Tensor, from_numpy, no_grad
from minigrad.autograd import Function, grad
from minigrad.primitive import Array, primitives
from tests.ops.domains import DOMAINS, Case
from tests.reference import torch

library: Any = minigrad
F = minigrad.nn.functional
few = settings(max_examples=max(3, settings().max_examples // 10))
Calculation = Callable[..., Any]
Write = Callable[[Tensor], Any]

DIFFERENTIABLE = sorted(name for name in DOMAINS if primitives[name].differentiable)
every_differentiable = pytest.mark.parametrize("name", DIFFERENTIABLE)


def changed(x: Tensor) -> Tensor:
    """Return other values of the same kind: indices stay indices."""
    with no_grad():
        if x.dtype == minigrad.bool:
            return ~x
        return x * 0.5 + 0.125 if x.is_floating_point() else x * 0


WRITES: dict[str, Write] = {
    "recorded": lambda x: x.copy_(changed(x)),
    "in place, recorded": lambda x: x.mul_(0 if not x.is_floating_point() else 0.5),
    "no_grad": no_grad()(lambda x: x.copy_(changed(x))),
    "detach": lambda x: x.detach().copy_(changed(x)),
    "data": lambda x: x.data.copy_(changed(x)),
    "item": no_grad()(lambda x: operator.setitem(x, ..., changed(x))),
    "view": no_grad()(lambda x: x[None].copy_(changed(x)[None])),
}


class Unchanged:
    """Say that nothing was there to be written to, or to be differentiated."""


def weighted(x: Tensor, seed: int) -> Tensor:
    """Return a scalar in which every element of x counts differently."""
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, x.shape)
    return (x * from_numpy(np.asarray(weights)).to(x.dtype)).sum()


def derivatives(
    f: Calculation,
    arrays: Sequence[Array],
    asked: Sequence[bool],
    order: int,
    target: str = "",
    write: Write | None = None,
    viewed: bool = False,
) -> Any:
    """Return the derivatives of an order of f by each input and by the cotangent; write to a tensor before the last step.

    Args:
        f: A function of tensors that returns a tensor or several.
        arrays: Its arguments.
        asked: Whether each of them requires a gradient.
        order: How many times to differentiate.
        target: Which tensor is written to: `input`, `base`, `out` or `gradient` and a number, or `cotangent`.
        write: How.
        viewed: Give f views of the inputs.
    """
    leaves = [from_numpy(x.copy()).requires_grad_(wanted) for x, wanted in zip(arrays, asked, strict=True)]
    bases = [x.clone() for x in leaves]
    inputs = [x[None][0, ...] for x in bases] if viewed else bases
    result = f(*inputs)
    results = [y for y in (result if isinstance(result, tuple) else (result,)) if y.requires_grad]
    outs = [y + 0 for y in results]  # a write that is recorded changes what is differentiated, but not these
    seeds = [from_numpy(np.cos(np.arange(y.numel())).reshape(y.shape)).to(y.dtype).requires_grad_() for y in outs]
    cotangents = [u.clone() for u in seeds]
    tensors = {f"{name} {k}": x for name, some in (("input", inputs), ("base", bases)) for k, x in enumerate(some)}
    tensors |= {f"out {k}": y for k, y in enumerate(results)}
    variables = [x for x in leaves if x.requires_grad]
    for step in range(1, order + 1):
        if step == order and target:
            if target not in tensors:
                return Unchanged
            assert write is not None
            write(tensors[target])
        found = grad(outs, variables, cotangents, create_graph=True, allow_unused=True)
        if step == 1:
            tensors |= {f"cotangent {k}": u for k, u in enumerate(cotangents)}
            variables += seeds
        tensors |= {f"gradient {k}": g for k, g in enumerate(found) if g is not None}
        scalars = [weighted(g, k) for k, g in enumerate(found) if g is not None and g.requires_grad]
        if step < order and not scalars:
            return Unchanged
        outs, cotangents = scalars, [minigrad.ones_like(s) for s in scalars]
    return [None if g is None else g.detach().numpy().copy() for g in found]


def assert_same(found: Sequence[Array | None], right: Sequence[Array | None], where: str) -> None:
    for a, b in zip(found, right, strict=True):
        if a is None or b is None:
            assert a is b, where
        else:
            np.testing.assert_allclose(a, b, 1e-12, 1e-12, err_msg=where)


def attempt(*args: Any, **options: Any) -> Any:
    """Return the derivatives, or RuntimeError if that is raised."""
    try:
        return derivatives(*args, **options)
    except RuntimeError:
        return RuntimeError


def assert_unharmed(f: Calculation, arrays: Sequence[Array], asked: Sequence[bool], write: Write, viewed: bool) -> set[str]:
    """Try every target and order. Return which targets were refused."""
    refused = set()
    for order in (1, 2, 3):
        right = derivatives(f, arrays, asked, order)
        if right is Unchanged:
            break
        counted = range(len(arrays) + 2)
        for name, k in itertools.product(["input", "base", "out", "cotangent", "gradient"], counted):
            if name == "base" and not viewed:
                continue
            found = attempt(f, arrays, asked, order, f"{name} {k}", write, viewed)
            if found is RuntimeError:
                refused.add(f"{name} {k}")
            elif found is not Unchanged:
                assert_same(found, right, f"order {order}, {name} {k} written")
    return refused


def possible(name: str, case: Case) -> tuple[bool, ...]:
    """Return for each input whether it can have a gradient."""
    op = primitives[name]
    return tuple(
        x.dtype.kind == "f" and (op.variadic or op.rules[op.inputs[k]] is not None) for k, x in enumerate(case.inputs)
    )


def applied(name: str, case: Case) -> Calculation:
    return lambda *inputs: primitives[name](*inputs, **case.attributes)


@every_differentiable
@few
@given(data=st.data())
def test_a_write_before_a_derivative_is_an_error_or_does_no_harm(name: str, data: st.DataObject) -> None:
    case = data.draw(DOMAINS[name].cases)
    asked = tuple(can and data.draw(st.booleans()) for can in possible(name, case))
    asked = asked if any(asked) else possible(name, case)
    if any(asked):
        write = WRITES[data.draw(st.sampled_from(sorted(WRITES)))]
        assert_unharmed(applied(name, case), case.inputs, asked, write, data.draw(st.booleans()))


# ------------------------------------------------------------------------------------------------------------- by Functions


class SavesInput(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**4

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return cast(Tensor, g * 4 * x**3)


class SavesResult(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y: Tensor = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return cast(Tensor, g * y)


class SavesAll(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        p, q = a * b, a.exp()
        ctx.save_for_backward(a, b, p, q)
        return p, q

    @staticmethod
    def backward(ctx: Any, g: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        a, b, p, q = ctx.saved_tensors
        return g * b + h * q, g * a + 0 * p


class SavesBetween(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        square = x * x
        ctx.save_for_backward(square, x)
        return square * x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        square, x = ctx.saved_tensors
        return cast(Tensor, g * 3 * (square * 0 + x * x))


FUNCTIONS: dict[str, tuple[Calculation, int, set[str]]] = {
    "input": (SavesInput.apply, 1, {"input 0"}),
    "result": (SavesResult.apply, 1, {"out 0"}),
    "all, several results": (SavesAll.apply, 2, {"input 0", "input 1", "out 0", "out 1"}),
    "a value of its own": (SavesBetween.apply, 1, {"input 0"}),
    "one in another": (lambda x: SavesInput.apply(SavesResult.apply(x)), 1, set()),
    "a view of a result": (lambda x: SavesInput.apply(x.view(-1)[1:]), 1, {"input 0"}),
}


@pytest.mark.parametrize("viewed", [False, True])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize(("f", "inputs", "saved"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_a_function_has_saved(f: Calculation, inputs: int, saved: set[str], write: Write, viewed: bool) -> None:
    arrays = [np.array([[0.5, 0.75], [1.25, 1.5]]) + k for k in range(inputs)]
    refused = assert_unharmed(f, arrays, [True] * inputs, write, viewed)
    assert saved <= refused, "the test could not fail"


# ------------------------------------------------------------------------------------------- functions of several operands

OPERATIONS: dict[str, Calculation] = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a ** b": lambda a, b: a**b,
    "a // b": lambda a, b: a // b + a * 0,
    "a % b": lambda a, b: a % b,
    "a @ b": lambda a, b: a @ b,
    "dot": lambda a, b: a[0].dot(b[0]),
    "mv": lambda a, b: a.mv(b[0]),
    "bmm": lambda a, b: a[None].bmm(b[None]),
    "outer": lambda a, b: library.outer(a[0], b[0]),
    "maximum": library.maximum,
    "minimum": library.minimum,
    "atan2": library.atan2,
    "logaddexp": library.logaddexp,
    "where": lambda a, b: library.where(a.detach() > 1, a, b),
    "lerp": lambda a, b: a.lerp(b, 0.25),
    "lerp by a tensor": lambda a, b: a.lerp(b, b),
    "addcmul": lambda a, b: a.addcmul(a, b, value=2),
    "addcdiv": lambda a, b: b.addcdiv(a, b, value=2),
    "addmm": lambda a, b: a.addmm(a, b),
    "clamp": lambda a, b: a.clamp(min=b),
    "masked_fill": lambda a, b: a.masked_fill(b.detach() > 1.2, b.sum()),
    "cat": lambda a, b: library.cat([a, b, a]),
    "stack": lambda a, b: library.stack([a, b]),
    "einsum of two": lambda a, b: library.einsum("ij,jk->ik", a, b),
    "einsum of three": lambda a, b: library.einsum("ij,jk,kl->il", a, b, a),
    "linear": lambda a, b: F.linear(a, b, b[0]),
    "mse_loss": lambda a, b: F.mse_loss(a, b),
    "l1_loss": lambda a, b: F.l1_loss(a, b),
    "smooth_l1_loss": lambda a, b: F.smooth_l1_loss(a, b),
    "binary_cross_entropy": lambda a, b: F.binary_cross_entropy(a / 4, b / 4),
    "binary_cross_entropy_with_logits": lambda a, b: F.binary_cross_entropy_with_logits(a, b),
    "cross_entropy with probabilities": lambda a, b: F.cross_entropy(a, b.softmax(-1)),
    "scatter": lambda a, b: a.scatter(0, minigrad.tensor([[1, 0]]), b),
    "scatter_add": lambda a, b: a.scatter_add(0, minigrad.tensor([[1, 0]]), b),
    "index_add": lambda a, b: a.index_add(0, minigrad.tensor([1, 1]), b),
    "index_copy": lambda a, b: a.index_copy(0, minigrad.tensor([1, 0]), b),
    "index_put": lambda a, b: a.index_put((minigrad.tensor([1]),), b[0]),
    "scaled_dot_product_attention": lambda a, b: F.scaled_dot_product_attention(a[None], b[None], b[None]),
    "layer_norm": lambda a, b: F.layer_norm(a, (2,), b[0], b[1]),
    "conv1d": lambda a, b: F.conv1d(a[None], b[:, None, :].expand(2, 2, 2), b[0]),
}
LEFT, RIGHT = np.array([[0.5, 1.75], [1.25, 2.5]]), np.array([[1.5, 0.625], [2.25, 0.875]])


@pytest.mark.parametrize("write", ["recorded", "no_grad"])
@pytest.mark.parametrize("f", OPERATIONS.values(), ids=OPERATIONS)
def test_what_an_operation_has_saved(f: Calculation, write: str) -> None:
    for asked, viewed in itertools.product([(True, True), (True, False), (False, True)], [False, True]):
        assert_unharmed(f, [LEFT, RIGHT], asked, WRITES[write], viewed)


def from_stale_views(f: Calculation, arrays: Sequence[Array], asked: Sequence[bool], stale: Sequence[bool]) -> Any:
    """Return f of views and its gradients; the bases are written to after a view was made of them where it is stale."""
    leaves = [from_numpy(x.copy()).requires_grad_(wanted) for x, wanted in zip(arrays, asked, strict=True)]
    views = []
    for leaf, old in zip(leaves, stale, strict=True):
        base = leaf.clone()
        before = base[None][0, ...]
        if base.is_floating_point():
            base.mul_(2).sub_(leaf.detach())
        views.append(before if old else base[None][0, ...])
    y = f(*views)
    found = grad(weighted(y, 0), [x for x in leaves if x.requires_grad], allow_unused=True)
    return [y.detach().numpy(), *(None if g is None else g.numpy() for g in found)]


def assert_stale_is_fresh(f: Calculation, arrays: Sequence[Array], asked: Sequence[bool]) -> None:
    right = from_stale_views(f, arrays, asked, [False] * len(arrays))
    for stale in itertools.product([False, True], repeat=len(arrays)):
        assert_same(from_stale_views(f, arrays, asked, stale), right, f"stale: {stale}")


@pytest.mark.parametrize("f", OPERATIONS.values(), ids=OPERATIONS)
def test_a_view_is_up_to_date_on_the_left_and_on_the_right(f: Calculation) -> None:
    for asked in ((True, True), (True, False), (False, True)):
        assert_stale_is_fresh(f, [LEFT, RIGHT], asked)


@every_differentiable
@few
@given(data=st.data())
def test_a_view_is_up_to_date_as_operand_of_every_primitive(name: str, data: st.DataObject) -> None:
    case = data.draw(DOMAINS[name].cases)
    asked = possible(name, case)
    if any(asked):
        assert_stale_is_fresh(applied(name, case), case.inputs, asked)


# ------------------------------------------------------------------------------------------------ indices, targets, masks

LONG = minigrad.int64
ROWS = np.array([[0.5, 1.75, 0.25], [1.25, 2.5, 0.75], [0.125, 0.375, 1.0]])
INDEX, GRID, MASK = np.array([2, 0, 2]), np.array([[2, 0, 1], [1, 1, 0]]), ROWS > 0.6
SOURCE = ROWS[:2] + 1
INDEXED: dict[str, tuple[Calculation, Any]] = {
    "x[index]": (lambda x, i: x[i], INDEX),
    "x[:, index]": (lambda x, i: x[:, i], INDEX),
    "x[index, index]": (lambda x, i: x[i, i], INDEX),
    "x[grid]": (lambda x, i: x[i], GRID),
    "x[mask]": (lambda x, m: x[m], MASK),
    "x[row mask]": (lambda x, m: x[m], MASK[0]),
    "x[0-d index]": (lambda x, i: x[i], np.array(2)),
    "x[index] = 2": (lambda x, i: put(x, i, 2.0), INDEX),
    "x[mask] = 2": (lambda x, m: put(x, m, 2.0), MASK),
    "x[index] = x": (lambda x, i: put(x, i, x * 2), INDEX),
    "x[:1] = 2, by a tensor": (lambda x, i: put(x, slice(i), 2.0), np.array(1)),
    "embedding": (lambda x, i: F.embedding(i, x), GRID),
    "gather": (lambda x, i: x.gather(0, i), GRID),
    "take_along_dim": (lambda x, i: library.take_along_dim(x[:2], i, 1), GRID),
    "scatter": (lambda x, i: x.scatter(0, i, from_numpy(SOURCE.copy())), GRID),
    "scatter, source": (lambda x, i: from_numpy(ROWS + 1).scatter(0, i, x[:2]), GRID),
    "scatter_": (lambda x, i: (x * 1).scatter_(0, i, x[:2] * 2), GRID),
    "scatter_add": (lambda x, i: x.scatter_add(0, i, x[:2] * 2), GRID),
    "index_select": (lambda x, i: x.index_select(0, i), INDEX),
    "index_add": (lambda x, i: x.index_add(0, i, x * 2), INDEX),
    "index_copy": (lambda x, i: x.index_copy(0, i, x[:2] * 2), np.array([2, 0])),
    "index_fill": (lambda x, i: x.index_fill(0, i, 2.0), INDEX),
    "index_put": (lambda x, i: x.index_put((i,), x[0]), INDEX),
    "index_put, added": (lambda x, i: x.index_put((i,), x * 2, accumulate=True), INDEX),
    "masked_fill": (lambda x, m: x.masked_fill(m, 2.0), MASK),
    "masked_fill_": (lambda x, m: (x * 1).masked_fill_(m, 2.0), MASK),
    "masked_select": (lambda x, m: x.masked_select(m), MASK),
    "where": (lambda x, m: library.where(m, x, x * 2), MASK),
    "cross_entropy": (lambda x, i: F.cross_entropy(x, i), INDEX),
    "cross_entropy, weights": (lambda x, i: F.cross_entropy(x, i, from_numpy(ROWS[0].copy())), INDEX),
    "cross_entropy, smooth": (lambda x, i: F.cross_entropy(x, i, label_smoothing=0.1), INDEX),
    "cross_entropy, ignoring": (lambda x, i: F.cross_entropy(x, i, ignore_index=0), INDEX),
    "cross_entropy, of probabilities": (lambda x, p: F.cross_entropy(x, p), ROWS / 4),
    "nll_loss": (lambda x, i: F.nll_loss(x, i), INDEX),
    "one_hot": (lambda x, i: F.one_hot(i, 3) * x, INDEX),
    "mse_loss": (lambda x, y: F.mse_loss(x, y), ROWS + 1),
    "l1_loss": (lambda x, y: F.l1_loss(x, y), ROWS - 1),
    "smooth_l1_loss": (lambda x, y: F.smooth_l1_loss(x, y), ROWS + 0.5),
    "huber_loss": (lambda x, y: F.huber_loss(x, y), ROWS + 0.5),
    "binary_cross_entropy": (lambda x, y: F.binary_cross_entropy(x.sigmoid(), y), ROWS / 4),
    "binary_cross_entropy, weight": (lambda x, y: F.binary_cross_entropy(x.sigmoid(), y * 0, weight=y), ROWS / 4),
    "binary_cross_entropy_with_logits": (lambda x, y: F.binary_cross_entropy_with_logits(x, y), ROWS / 4),
    "kl_div": (lambda x, y: F.kl_div(x, y), ROWS / 4),
    "repeat_interleave": (lambda x, i: x.repeat_interleave(i, 0), INDEX),
    "batch_norm": (lambda x, r: F.batch_norm(x, r, r + 1), ROWS[0].copy()),
    "cross_entropy, by its weights": (lambda x, w: F.cross_entropy(x, from_numpy(INDEX.copy()), w), ROWS[0]),
    "cross_entropy, smooth, by its weights": (
        lambda x, w: F.cross_entropy(x, from_numpy(INDEX.copy()), w, label_smoothing=0.1),
        ROWS[0],
    ),
    "cross_entropy, of probabilities, by its weights": (lambda x, w: F.cross_entropy(x, from_numpy(ROWS / 4), w), ROWS[0]),
    "nll_loss, by its weights": (lambda x, w: F.nll_loss(x, from_numpy(INDEX.copy()), w), ROWS[0]),
    "mse_loss, by its weights": (lambda x, w: F.mse_loss(x, from_numpy(ROWS + 1), weight=w), ROWS.copy()),
    "l1_loss, by its weights": (lambda x, w: F.l1_loss(x, from_numpy(ROWS + 1), weight=w), ROWS.copy()),
    "huber_loss, by its weights": (lambda x, w: F.huber_loss(x, from_numpy(ROWS + 1), weight=w), ROWS.copy()),
    "binary_cross_entropy_with_logits, by its weights": (
        lambda x, w: F.binary_cross_entropy_with_logits(x, from_numpy(ROWS / 4), w, pos_weight=w),
        ROWS.copy(),
    ),
    "embedding, padded": (lambda x, i: F.embedding(i, x, padding_idx=2), GRID),
    "attention, by a mask": (lambda x, m: F.scaled_dot_product_attention(x, x, x, m), MASK),
    "attention, by numbers": (lambda x, m: F.scaled_dot_product_attention(x, x, x, m), ROWS.copy()),
    "clamp": (lambda x, low: x.clamp(low, low + 1), ROWS - 0.25),
    "lerp": (lambda x, w: x.lerp(x * 2, w), ROWS / 4),
    "repeated": (lambda x, w: library.where(w > 0.6, x, w) * x, ROWS.copy()),
}


def put(x: Tensor, index: Any, value: Any) -> Tensor:
    y = x * 1
    y[index] = value
    return y


def exists(f: Calculation, argument: Array) -> bool:
    """Return whether minigrad has the function at all."""
    try:
        f(from_numpy(ROWS.copy()), from_numpy(argument.copy()))
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("write", ["recorded", "no_grad"])
@pytest.mark.parametrize(("f", "argument"), INDEXED.values(), ids=INDEXED)
def test_a_write_to_an_index_or_a_target(f: Calculation, argument: Array, write: str) -> None:
    if exists(f, argument):
        assert_unharmed(lambda x, i: f(x * x, i), [ROWS, argument], [True, False], WRITES[write], viewed=False)


@pytest.mark.filterwarnings("ignore:a list of anything but integers")
@pytest.mark.parametrize("kind", ["array", "list"])
@pytest.mark.parametrize(
    "name", [name for name, (_, i) in INDEXED.items() if name.startswith("x[") and i.ndim and i is not MASK]
)
def test_an_index_that_is_no_tensor_may_be_written_to(name: str, kind: str) -> None:
    """NumPy does not count writes: the index is copied."""
    f, argument = INDEXED[name]

    def slope(spoil: bool) -> Any:
        x = from_numpy(ROWS.copy()).requires_grad_()
        index: Any = argument.copy() if kind == "array" else argument.tolist()
        y = weighted(f(x * x, index), 0)
        if spoil and kind == "array":
            index[...] = 0
        elif spoil:
            index[:] = index[:1] * len(index)
        (g,) = grad(y, x)
        return g

    assert slope(True).tolist() == slope(False).tolist()


# ----------------------------------------------------------------------------------------------------------- data assigned


def assign(x: Tensor, new: Tensor) -> Tensor:
    x.data = new
    return x


def triple(x: Any) -> Any:
    with no_grad():
        return x.mul_(3)


SPOIL: dict[str, Callable[[Tensor, Tensor, Tensor], Any]] = {
    "nothing": lambda x, new, view: None,
    "assigned": lambda x, new, view: assign(x, new),
    "assigned, then the source written": lambda x, new, view: [assign(x, new), triple(new)],
    "assigned, then written": lambda x, new, view: [assign(x, new), triple(x)],
    "source written": lambda x, new, view: triple(new),
    "written": lambda x, new, view: triple(x),
    "view written": lambda x, new, view: triple(view),
    "written, then assigned": lambda x, new, view: [triple(x), assign(x, new)],
    "assigned twice": lambda x, new, view: [assign(x, new * 1), assign(x, new)],
    "assigned and back": lambda x, new, view: [old := x.data, assign(x, new), assign(x, old)],
}
DATA_FUNCTIONS: dict[str, tuple[Calculation, Callable[[Array, int], Array]]] = {
    "x**3": (lambda x, view: x**3, lambda x, order: [3 * x**2, 6 * x][order - 1]),
    "exp": (lambda x, view: x.exp(), lambda x, order: np.exp(x)),
    "product": (lambda x, view: x * x, lambda x, order: [2 * x, 2 + 0 * x][order - 1]),
}


@pytest.mark.parametrize("of_result", [False, True])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("f", "slope"), DATA_FUNCTIONS.values(), ids=DATA_FUNCTIONS)
def test_data_assigned_and_written_in_every_order(f: Calculation, slope: Any, order: int, of_result: bool) -> None:
    """The derivatives are those at the numbers that were there when f was computed, or an error. torch takes others."""
    refused = 0
    for before, between, late in itertools.product(SPOIL.values(), repeat=3):
        leaf = minigrad.tensor([0.5, -1.0], dtype=minigrad.float64, requires_grad=True)
        new = minigrad.tensor([2.0, 4.0], dtype=minigrad.float64)
        x = leaf * 1 if of_result else leaf
        view = x.detach()[:1]
        before(x, new, view)
        at = np.array(x.tolist())
        y = f(x, view).sum()
        between(x, new, view)
        try:
            (g,) = grad(y, leaf, create_graph=order == 2)
            if order == 2:
                assert g is not None
                y = g.sum()
                late(x, new, view)
                (g,) = grad(y, leaf)
        except RuntimeError:
            refused += 1
            continue
        assert g is not None
        np.testing.assert_allclose(g.tolist(), slope(at, order), 1e-12)
    assert refused < len(SPOIL) ** 3
    assert refused or f is DATA_FUNCTIONS["exp"][0], "exp keeps its result only"


def test_data_assigned_is_the_memory_of_the_source() -> None:
    x, new = minigrad.zeros(2, requires_grad=True), minigrad.ones(2)
    x.data = new
    new.mul_(3)
    assert x.tolist() == [3, 3]
    with no_grad():
        x.add_(1)
    assert new.tolist() == [4, 4]


# ----------------------------------------------------------------------------------------------- the memory of gradients


@every_differentiable
@few
@given(data=st.data())
def test_gradients_share_no_memory_with_each_other_or_with_what_was_there(name: str, data: st.DataObject) -> None:
    """A write to one changes nothing else. With a graph it may be a view of the cotangent that was given, as in torch."""
    case = data.draw(DOMAINS[name].cases)
    asked = possible(name, case)
    leaves = [from_numpy(x.copy()).requires_grad_(wanted) for x, wanted in zip(case.inputs, asked, strict=True)]
    variables = [x for x in leaves if x.requires_grad]
    if not variables:
        return
    for create_graph in (False, True):
        y = applied(name, case)(*leaves)
        u = minigrad.ones_like(y).requires_grad_()
        found = [g for g in grad(y, variables, u, create_graph=create_graph) if g is not None]
        memory = [x.detach().numpy() for x in (*leaves, y, *([] if create_graph else [u]))]
        for k, g in enumerate(found):
            array = g.detach().numpy()
            for other in (*memory, *(h.detach().numpy() for h in found[:k])):
                assert not np.shares_memory(array, other), f"create_graph={create_graph}, gradient {k}"


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_gradient_can_be_written_to_without_changing_another(create_graph: bool) -> None:
    for f in OPERATIONS.values():
        leaves = [from_numpy(x.copy()).requires_grad_() for x in (LEFT, RIGHT)]
        weighted(f(*leaves), 0).backward(create_graph=create_graph)
        a, b = (x.grad for x in leaves)
        if a is None or b is None:
            continue
        before = [x.tolist() for x in (b, *leaves)]
        with no_grad():
            a.copy_(a * 0 - 7)
        assert [x.tolist() for x in (b, *leaves)] == before
        assert set(a.flatten().tolist()) == {-7.0}


# --------------------------------------------------------------------------------------------- where gradients are put


def sevenfold(g: Tensor) -> None:
    g.mul_(7)


def first_replaced(g: Tensor) -> None:
    g[0] = -1.0


@pytest.mark.parametrize("spoil", [sevenfold, first_replaced])
@pytest.mark.parametrize("where", ["leaf", "result", "both results"])
@pytest.mark.parametrize(
    "f", [lambda x: x * x, lambda x: x + x, lambda x: x.exp(), lambda x: x.sum() * x, lambda x: x.view(-1)]
)
def test_a_hook_that_changes_its_gradient_is_heard_alike_with_and_without_a_graph(
    f: Calculation, where: str, spoil: Callable[[Tensor], None]
) -> None:
    """One result for both, or an error."""

    def slopes(create_graph: bool) -> Any:
        x, z = (minigrad.tensor(v, dtype=minigrad.float64, requires_grad=True) for v in ([1.0, 3.0], [2.0, 5.0]))
        y = x * 2
        out = f(y) + z
        for hooked in {"leaf": (x,), "result": (y,), "both results": (y, out)}[where]:
            hooked.register_hook(spoil)
        try:
            out.sum().backward(create_graph=create_graph)
        except RuntimeError:
            return RuntimeError
        assert x.grad is not None
        assert z.grad is not None
        return [x.grad.tolist(), z.grad.tolist(), y.tolist()]

    assert slopes(False) == slopes(True) or RuntimeError in (slopes(False), slopes(True))


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("lib", [minigrad, torch], ids=["minigrad", "torch"])
def test_backward_into_results(lib: Any, create_graph: bool) -> None:
    """inputs= may name results, views, a result below another, and leaves; others keep what they have."""
    x, w = (lib.tensor(v, dtype=lib.float64, requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0]))
    y = x * 5
    z = y * w
    v = z[:1]
    for times in (1, 2):
        (v**2).sum().backward(inputs=[y, v, w], retain_graph=True, create_graph=create_graph)
        assert v.grad.tolist() == [30 * times]
        assert y.grad.tolist() == [90 * times, 0]
        assert w.grad.tolist() == [150 * times, 0]
        assert x.grad is None
