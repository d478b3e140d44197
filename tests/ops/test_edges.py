"""The edge cases of calculus: kinks, ties, zeros, overflow, nothing at all. Each is a decision, and stands here by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor
from tests.reference import torch
from tests.torch_parity import Library, assert_same_in_both

INF, NAN = float("inf"), float("nan")


def slope(f: Callable[[Library, Any], Any], *values: float) -> Callable[[Library], Any]:
    """Return a program: the value of f at a point and its gradient there."""

    def program(t: Library) -> Any:
        x = t.tensor(list(values), dtype=t.float64, requires_grad=True)
        y = f(t, x)
        y.sum().backward()
        return y, x.grad

    return program


AS_TORCH: dict[str, Callable[[Library], Any]] = {
    "abs at 0": slope(lambda t, x: x.abs(), 0.0, -0.0),
    "sign at 0": slope(lambda t, x: x.sign() * x, 0.0, 2.0),
    "relu at 0": slope(lambda t, x: x.relu(), 0.0, -1.0, 1.0),
    "sqrt of relu": slope(lambda t, x: x.relu().sqrt(), -1.0, 4.0),
    "sqrt of where, first branch": slope(lambda t, x: t.where(x > 0, x, t.zeros_like(x)).sqrt(), -1.0, 4.0),
    "sqrt of where, second branch": slope(lambda t, x: t.where(x > 0, t.zeros_like(x), x * x).sqrt(), -1.0, 4.0),
    "sqrt of clamp": slope(lambda t, x: x.clamp(min=0).sqrt(), -1.0, 4.0),
    "sqrt of hardtanh": slope(lambda t, x: t.nn.functional.hardtanh(x, 0.0, 9.0).sqrt(), -1.0, 4.0),
    "sqrt of a largest that is 0": slope(lambda t, x: x.max().sqrt(), -1.0, 0.0),
    "slope of maximum with nan": slope(lambda t, x: t.maximum(x, t.tensor([NAN, 1.0, NAN], dtype=t.float64)), 1.0, NAN, NAN),
    "slope of minimum with nan": slope(lambda t, x: t.minimum(x, t.tensor([NAN, 1.0, NAN], dtype=t.float64)), 1.0, NAN, NAN),
    "logaddexp of large equals": slope(lambda t, x: t.logaddexp(x, x.detach()), 1e18, -1e18, 3.0),
    "logaddexp of inf": slope(lambda t, x: t.logaddexp(x, t.zeros(2, dtype=t.float64)), INF, -INF),
    "leaky_relu at 0": slope(lambda t, x: t.nn.functional.leaky_relu(x), 0.0),
    "elu at 0": slope(lambda t, x: t.nn.functional.elu(x), 0.0),
    "hardtanh on its bounds": slope(lambda t, x: t.nn.functional.hardtanh(x), -1.0, 1.0),
    "relu of nan": slope(lambda t, x: x.relu(), NAN, 1.0),
    "elu of nan": slope(lambda t, x: t.nn.functional.elu(x), NAN, INF, -INF),
    "hardtanh of nan": slope(lambda t, x: t.nn.functional.hardtanh(x), NAN, INF, -INF),
    "leaky_relu of nan": slope(lambda t, x: t.nn.functional.leaky_relu(x), NAN, INF, -INF),
    "gelu of nan": slope(lambda t, x: t.nn.functional.gelu(x), NAN, 30.0, -30.0),
    "softplus of nan": slope(lambda t, x: t.nn.functional.softplus(x), NAN, INF, -INF),
    "smooth_l1_loss far away": slope(
        lambda t, x: t.nn.functional.smooth_l1_loss(x, t.zeros_like(x), reduction="none", beta=2.0), INF, -INF, NAN, 2.0, 1.9
    ),
    "huber_loss far away": slope(
        lambda t, x: t.nn.functional.huber_loss(x, t.zeros_like(x), reduction="none", delta=2.0), INF, -INF, NAN, 2.0, 1.9
    ),
    "norm at 0": slope(lambda t, x: x.norm(), 0.0, 0.0),
    "norm of order 0": lambda t: t.tensor([[0.0, 2.0], [NAN, -1.0]], requires_grad=True).norm(0, 1),
    "sqrt at 0": slope(lambda t, x: x.sqrt(), 0.0),
    "sqrt of a sum of squares at 0": slope(lambda t, x: (x * x).sum().sqrt(), 0.0, 0.0),
    "max with ties": slope(lambda t, x: x.max(), 1.0, 3.0, 3.0),
    "min with ties": slope(lambda t, x: x.min(), 1.0, 1.0, 3.0),
    "amax with ties": slope(lambda t, x: x.amax(0), 1.0, 3.0, 3.0),
    "amin with ties, keepdim": slope(lambda t, x: x.amin(0, keepdim=True), 2.0, 2.0, 2.0),
    "maximum of equals": slope(lambda t, x: t.maximum(x, x), 1.0),
    "maximum with a constant tie": slope(lambda t, x: t.maximum(x, t.zeros(2, dtype=t.float64)), 0.0, 1.0),
    "clamp on a bound": slope(lambda t, x: x.clamp(-1, 1), -1.0, 1.0, 2.0),
    "clamp of nan": slope(lambda t, x: x.clamp(-1, 1), NAN),
    "x**0 at 0": slope(lambda t, x: x**0, 0.0),
    "x**1 at 0": slope(lambda t, x: x**1, 0.0),
    "x**2 at 0": slope(lambda t, x: x**2, 0.0),
    "x**0.5 at 0": slope(lambda t, x: x**0.5, 0.0),
    "x**-1 at 0": slope(lambda t, x: x**-1, 0.0),
    "0**p by p": slope(lambda t, p: t.zeros(3, dtype=t.float64) ** p, 0.0, 1.0, 2.0),
    "x**x at 0": slope(lambda t, x: x**x, 0.0, 1.0),
    "(-2)**p by p": slope(lambda t, p: t.tensor([-2.0], dtype=t.float64) ** p, 2.0),
    "(-2)**x by x": slope(lambda t, x: x ** t.tensor([3.0], dtype=t.float64), -2.0),
    "2**x": slope(lambda t, x: 2**x, 0.0, 3.0),
    "prod with one zero": slope(lambda t, x: x.prod(), 0.0, 2.0, 3.0),
    "prod with two zeros": slope(lambda t, x: x.prod(), 0.0, 2.0, 0.0),
    "prod of nothing": lambda t: t.zeros(0).prod(),
    "std of equals": slope(lambda t, x: x.std(), 2.0, 2.0, 2.0),
    "var of equals": slope(lambda t, x: x.var(), 2.0, 2.0),
    "std of one": lambda t: t.ones(1).std(),
    "where hides a nan forward only": slope(lambda t, x: t.where(x > 0, x.sqrt(), x * 0), -1.0, 0.0, 4.0),
    "softmax without overflow": slope(lambda t, x: x.softmax(0) * x, 1000.0, 0.0),
    "log_softmax without overflow": slope(lambda t, x: x.log_softmax(0), 1000.0, 0.0),
    "sigmoid far out": slope(lambda t, x: x.sigmoid(), 1000.0, -1000.0),
    "tanh far out": slope(lambda t, x: x.tanh(), 1000.0, -1000.0),
    "softplus far out": slope(lambda t, x: t.nn.functional.softplus(x), 1000.0, -1000.0),
    "logsigmoid far out": slope(lambda t, x: t.nn.functional.logsigmoid(x), 1000.0, -1000.0),
    "logsumexp without overflow": slope(lambda t, x: x.logsumexp(0), 1000.0, 999.0),
    "logsumexp of -inf": lambda t: t.tensor([-INF, -INF]).logsumexp(0),
    "logaddexp of -inf": lambda t: t.logaddexp(t.tensor(-INF), t.tensor(-INF)),
    "logaddexp far out": slope(lambda t, x: t.logaddexp(x, x * 0), 1000.0, -1000.0),
    "log at 0": slope(lambda t, x: x.log(), 0.0),
    "log below 0": slope(lambda t, x: x.log(), -1.0),
    "log1p near 0": slope(lambda t, x: x.log1p(), 1e-20),
    "expm1 near 0": slope(lambda t, x: x.expm1(), 1e-20),
    "acos at 1": slope(lambda t, x: x.acos(), 1.0, -1.0),
    "asin at 1": slope(lambda t, x: x.asin(), 1.0),
    "atan2 at the origin": slope(lambda t, x: t.atan2(x, x * 0 + 1), 0.0),
    "division by 0": slope(lambda t, x: 1 / x, 0.0),
    "0 / 0": slope(lambda t, x: x / x, 0.0),
    "inf - inf": slope(lambda t, x: x - x, INF),
    "index_fill of an index listed twice": slope(
        lambda t, x: t.ones(3, dtype=t.float64).index_fill(0, t.tensor([1, 1]), x[0]), 2.0
    ),
    "scatter": slope(lambda t, x: x.scatter(0, t.tensor([2, 0]), x[1:] * 3), 1.0, 2.0, 4.0),
    "index_copy": slope(lambda t, x: x.index_copy(0, t.tensor([2, 0]), x[1:] * 3), 1.0, 2.0, 4.0),
    "index_put": slope(lambda t, x: x.index_put((t.tensor([2, 0]),), x[1:] * 3), 1.0, 2.0, 4.0),
    "index_put, added": slope(lambda t, x: x.index_put((t.tensor([2, 2]),), x[1:] * 3, accumulate=True), 1.0, 2.0, 4.0),
    "repeated index": slope(lambda t, x: x[[0, 0, 1]] * 3, 1.0, 2.0),
    "remainder of negatives": lambda t: t.tensor([-7.0, 7.0]) % t.tensor([3.0, -3.0]),
    "integer division of negatives": lambda t: t.tensor([-7, 7]) // t.tensor([2, -2]),
    "integer division by 0": lambda t: t.tensor([1]) // t.tensor([0]),
    "integers divided": lambda t: t.tensor([1]) / t.tensor([0]),
    "integer to a negative power": lambda t: t.tensor([2]) ** -1,
    "float to int overflow": lambda t: t.tensor([1.9, -1.9]).long(),
    "round halves": lambda t: t.tensor([0.5, 1.5, 2.5, -0.5]).round(),
    "sum of nothing": lambda t: (t.zeros(0).sum(), t.zeros(0, 3).sum(0), t.zeros(0, 3).sum(1)),
    "mean of nothing": lambda t: t.zeros(0).mean(),
    "max of nothing": lambda t: t.zeros(0).max(),
    "amax along what is there": lambda t: t.zeros(0, 3).amax(1),
    "max with nan": lambda t: t.tensor([1.0, NAN, 2.0]).max(),
    "argmax with nan": lambda t: t.tensor([1.0, NAN, 2.0]).argmax(),
    "maximum with nan": lambda t: t.maximum(t.tensor([NAN, 1.0]), t.tensor([1.0, NAN])),
    "sort with nan": lambda t: t.tensor([1.0, NAN, -INF]).sort().values,
    "all and any of nothing": lambda t: (t.zeros(0).all(), t.zeros(0).any()),
    "nan is truth": lambda t: t.tensor([NAN]).any(),
    "sum of booleans": lambda t: t.tensor([True, True]).sum(),
    "matmul of nothing": lambda t: t.zeros(2, 0) @ t.zeros(0, 3),
    "cat of nothing": lambda t: t.cat([t.zeros(0), t.ones(2)]),
    "softmax of nothing": lambda t: t.zeros(0).softmax(0),
    "reduction over no axes": lambda t: t.ones(2, 3).sum(()),
    "reduction of a 0-d tensor": lambda t: (t.tensor(2.0).sum(0), t.tensor(2.0).mean(-1), t.tensor(2.0).max(0).values),
    "axis out of range": lambda t: t.ones(2).sum(1),
    "axis twice": lambda t: t.ones(2, 2).sum((0, 0)),
    "mean of integers": lambda t: t.tensor([1, 2]).mean(),
    "unsqueeze out of range": lambda t: t.ones(2).unsqueeze(3),
    "reshape that does not fit": lambda t: t.ones(6).reshape(4, 2),
    "reshape with two unknowns": lambda t: t.ones(6).reshape(-1, -1),
    "reshape of nothing with an unknown": lambda t: t.zeros(0).reshape(0, -1),
    "permute with too few": lambda t: t.ones(2, 3).permute(0),
    "expand that does not fit": lambda t: t.ones(2).expand(3),
    "matmul that does not fit": lambda t: t.ones(2, 3) @ t.ones(2, 3),
    "matmul of a 0-d tensor": lambda t: t.ones(2) @ t.tensor(1.0),
    "mm of vectors": lambda t: t.ones(2).mm(t.ones(2)),
    "dot of matrices": lambda t: t.ones(2, 2).dot(t.ones(2, 2)),
    "cat that does not fit": lambda t: t.cat([t.ones(2, 3), t.ones(2, 2)]),
    "stack that does not fit": lambda t: t.stack([t.ones(2), t.ones(3)]),
    "stack of none": lambda t: t.stack([]),
    "split that does not fit": lambda t: t.ones(5).split([2, 2]),
    "t of three axes": lambda t: t.ones(1, 2, 3).t(),
    "index out of range": lambda t: t.ones(2)[2],
    "too many indices": lambda t: t.ones(2)[0, 0],
    "float index": lambda t: t.ones(2)[t.tensor([0.5])],
    "mask that does not fit": lambda t: t.ones(2)[t.tensor([True, False, True])],
    "list out of range": lambda t: t.ones(2)[[0, 5]],
}


@pytest.mark.parametrize("program", AS_TORCH.values(), ids=AS_TORCH)
def test_as_in_torch(program: Callable[[Library], Any]) -> None:
    assert_same_in_both(program)


def gradient(f: Callable[[Tensor], Tensor], *values: float) -> list[float]:
    x = minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)
    (g,) = minigrad.autograd.grad(f(x).sum(), x)
    assert g is not None
    return list(g.tolist())


def test_the_maximum_along_an_axis_gives_its_gradient_to_the_element_at_the_index() -> None:
    """The maximum of all shares it between equal elements; both as in torch."""
    for lib in (minigrad, torch):
        for along, of_all in (("max", [0, 0.5, 0.5]), ("min", [0.5, 0.5, 0])):
            data = [1.0, 3.0, 3.0] if along == "max" else [1.0, 1.0, 3.0]
            x, y = (lib.tensor(data, requires_grad=True) for _ in range(2))
            getattr(x, along)(0).values.backward()
            getattr(y, along)().backward()
            assert x.grad.tolist() == ([0, 1, 0] if along == "max" else [1, 0, 0])
            assert y.grad.tolist() == of_all


def test_the_product_with_zeros_has_every_derivative() -> None:
    x = minigrad.tensor([0.0, 2.0, 0.0], dtype=minigrad.float64, requires_grad=True)
    (g,) = minigrad.autograd.grad(x.prod(), x, create_graph=True)
    assert g is not None
    (h,) = minigrad.autograd.grad(g[0], x)
    assert h is not None
    assert (g.tolist(), h.tolist()) == ([0, 0, 0], [0, 0, 2])


def test_there_is_no_extreme_of_nothing() -> None:
    x = minigrad.zeros(0, 3)
    for name, dim in itertools.product(["amax", "amin", "max", "min", "argmax", "argmin"], [(), (0,)]):
        with pytest.raises((RuntimeError, IndexError)):
            getattr(x, name)(*dim)


def test_a_harmless_element_before_the_singular_function_keeps_nan_out() -> None:
    assert gradient(lambda x: minigrad.where(x > 0, minigrad.where(x > 0, x, 1.0).sqrt(), 0.0), -1, 0, 4) == [0, 0, 0.25]


def test_mixed_partials_of_a_power_are_right_where_the_exponent_is_zero() -> None:
    """torch gives 0 here: d/db d/da a^b = a^(b-1) (1 + b log a), which is 1/a at b = 0."""
    a = minigrad.tensor(2.0, dtype=minigrad.float64, requires_grad=True)
    b = minigrad.tensor(0.0, dtype=minigrad.float64, requires_grad=True)
    (by_a,) = minigrad.autograd.grad(a**b, a, create_graph=True)
    assert by_a is not None
    (by_both,) = minigrad.autograd.grad(by_a, b)
    assert by_both is not None
    assert by_both.item() == pytest.approx(0.5)


def test_no_operation_warns() -> None:
    with np.errstate(all="raise"):
        x = minigrad.tensor([0.0, -1.0, 1e308], dtype=minigrad.float64, requires_grad=True)
        y = (1 / x).sum() + x.log().sum() + (x * 1e10).exp().sum() + x.sqrt().sum()
        y.backward()
    assert x.grad is not None


@pytest.mark.parametrize("dtype", [minigrad.uint8, minigrad.int8, minigrad.int64])
@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_integers_of_every_kind_are_not_divided_by_zero(mode: str, dtype: minigrad.dtype) -> None:
    with pytest.raises((RuntimeError, ValueError), match="zero"):
        minigrad.div(minigrad.tensor([3, 4], dtype=dtype), minigrad.tensor([1, 0], dtype=dtype), rounding_mode=mode)


def test_rows_counted_from_the_end_and_from_the_start_are_the_same_rows() -> None:
    x = minigrad.zeros(3, 2, requires_grad=True)
    x[minigrad.tensor([-1, 2, 0, -3])].sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[2, 2], [0, 0], [2, 2]]


@pytest.mark.parametrize("columns", [(), (2,)])
def test_gradients_of_many_elements_at_one_place_are_added_in_more_digits_than_float16_has(columns: tuple[int, ...]) -> None:
    x = minigrad.zeros(2, *columns, dtype=minigrad.float16, requires_grad=True)
    x[minigrad.zeros(3000, dtype=minigrad.int64)].sum().backward()
    assert x.grad is not None
    assert x.grad[0].max().item() == 3000  # where ones are added one by one, 2048 is the end
