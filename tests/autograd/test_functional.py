"""Jacobians, Hessians and products with them: values, tuples, graphs and errors of torch, and each against the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor
from minigrad.autograd import functional
from tests.torch_parity import Library, assert_same_in_both

Programs = dict[str, Callable[[Library], Any]]


def row(t: Library, *values: float, **options: Any) -> Any:
    return t.tensor(values, **options)


def pair(t: Library, **options: Any) -> tuple[Any, Any]:
    return row(t, 1.0, 2.0, **options), row(t, 3.0, -4.0, 5.0, **options)


def coupled(a: Any, b: Any) -> Any:
    return a.prod() * (b**3).sum() + b.tanh().sum()


def two_outputs(a: Any, b: Any) -> tuple[Any, Any]:
    return a * (b**2).sum(), b.exp().prod()


def cube(x: Any) -> Any:
    return x**3


def cubes(x: Any) -> Any:
    return (x**3).sum()


def total(x: Any) -> Any:
    return x.sum()


def f(t: Library) -> Any:
    return t.autograd.functional


def slopes(t: Library, name: str, func: Callable[..., Any], *, rest: bool = True, **options: Any) -> Any:
    """Return the last result of a function with create_graph, and the gradients of its sum by the inputs and by v."""
    x, v = row(t, 2.0, -3.0, requires_grad=True), row(t, 0.5, 7.0, requires_grad=True)
    result = getattr(f(t), name)(func, x, *([v] if rest else []), create_graph=True, **options)
    last = result[-1] if rest else result
    return result, t.autograd.grad((last * last).sum(), [x, v] if rest else x, allow_unused=True), x.grad, v.grad


JACOBIANS: Programs = {
    "vector": lambda t: f(t).jacobian(lambda x: x * x.sum(), row(t, 1.0, 3.0, 4.0)),
    "matrix": lambda t: f(t).jacobian(lambda x: x.T @ x[:, :1], t.tensor([[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]])),
    "strided": lambda t: f(t).jacobian(lambda x: x[1:] * 2, t.arange(6.0).reshape(2, 3).T),
    "scalar": lambda t: f(t).jacobian(cube, t.tensor(2.0)),
    "scalar of a vector": lambda t: f(t).jacobian(cubes, row(t, 1.0, 2.0)),
    "vector of a scalar": lambda t: f(t).jacobian(lambda x: t.stack([x, x * x]), t.tensor(3.0)),
    "tuple of one": lambda t: f(t).jacobian(cube, (row(t, 1.0, 2.0),)),
    "tuple of one out": lambda t: f(t).jacobian(lambda x: (x**3,), row(t, 1.0, 2.0)),
    "two inputs": lambda t: f(t).jacobian(lambda a, b: a[:, None] * b, pair(t)),
    "two outputs": lambda t: f(t).jacobian(lambda x: (cubes(x), x[:1]), row(t, 1.0, 2.0)),
    "two and two": lambda t: f(t).jacobian(two_outputs, pair(t)),
    "identity": lambda t: f(t).jacobian(lambda x: x, row(t, 1.0, 2.0)),
    "constant": lambda t: f(t).jacobian(lambda x: t.ones(3), row(t, 1.0, 2.0)),
    "integer output": lambda t: f(t).jacobian(lambda x: ((x > 1).long(), x * 2), row(t, 1.0, 2.0)),
    "input unused": lambda t: f(t).jacobian(lambda a, b: (a * a, b * 0), pair(t)),
    "two dtypes": lambda t: f(t).jacobian(lambda a, b: a * b.sum(), (t.ones(2, dtype=t.float16), t.ones(3, dtype=t.float64))),
    "half output": lambda t: f(t).jacobian(lambda x: x.half(), t.ones(2, dtype=t.float64)),
    "number of nothing": lambda t: f(t).jacobian(total, t.zeros(0)),
    "captured": lambda t: f(t).jacobian(lambda x: x * t.ones(2, requires_grad=True), row(t, 1.0, 2.0)),
    "requires grad already": lambda t: f(t).jacobian(cube, row(t, 1.0, 2.0, requires_grad=True)),
    "by keyword": lambda t: f(t).jacobian(func=cube, inputs=t.tensor(2.0), create_graph=True),
    "same tensor twice": lambda t: (lambda w: f(t).jacobian(lambda a, b: a * b * b, (w, w)))(row(t, 2.0, 3.0)),
    "itself captured": lambda t: (lambda w: f(t).jacobian(lambda x: x * w, w, create_graph=True))(
        t.ones(2, requires_grad=True)
    ),
}
HESSIANS: Programs = {
    "vector": lambda t: f(t).hessian(lambda x: (x**3).sum() * x[0], row(t, 1.0, 2.0, -3.0)),
    "matrix": lambda t: f(t).hessian(lambda x: (x @ x).tanh().sum(), t.tensor([[0.1, 0.2], [0.3, 0.4]])),
    "scalar": lambda t: f(t).hessian(cube, t.tensor(2.0)),
    "one by one": lambda t: f(t).hessian(lambda x: (x**3).reshape(1, 1), row(t, 2.0)),
    "two inputs": lambda t: f(t).hessian(coupled, pair(t)),
    "tuple of one": lambda t: f(t).hessian(cubes, (row(t, 1.0, 2.0),)),
    "linear": lambda t: f(t).hessian(total, row(t, 1.0, 2.0), create_graph=True),
    "constant": lambda t: f(t).hessian(lambda x: t.tensor(1.0), row(t, 1.0, 2.0)),
    "input unused": lambda t: f(t).hessian(lambda a, b: cubes(b), pair(t)),
}
PRODUCTS: Programs = {
    "vjp": lambda t: f(t).vjp(lambda x: x[:2] * x.sum(), row(t, 1.0, 2.0, 3.0), row(t, 4.0, 5.0)),
    "vjp, two and two": lambda t: f(t).vjp(two_outputs, pair(t), (row(t, 6.0, 7.0), t.tensor(8.0))),
    "vjp, tuple for one": lambda t: f(t).vjp(cube, row(t, 1.0, 2.0), (row(t, 1.0, 2.0),)),
    "vjp, integer output": lambda t: f(t).vjp(lambda x: ((x > 1).long(), x * 2), row(t, 1.0), (row(t, 1), row(t, 3.0))),
    "vjp, constant": lambda t: f(t).vjp(lambda x: t.ones(2), row(t, 1.0, 2.0, 3.0), row(t, 1.0, 1.0), create_graph=True),
    "vjp, input unused": lambda t: f(t).vjp(lambda a, b: a * 2, pair(t), row(t, 1.0, 2.0)),
    "vjp, v of another dtype": lambda t: f(t).vjp(cube, row(t, 1.0, 2.0), t.tensor([1.0, 2.0], dtype=t.float64)),
    "vjp, v left out": lambda t: f(t).vjp(lambda x: (x * x).sum().reshape(1, 1), row(t, 1.0, 2.0)),
    "vjp, v left out for a tuple": lambda t: f(t).vjp(lambda x: (cubes(x),), row(t, 1.0, 2.0)),
    "vjp, v requires grad": lambda t: f(t).vjp(cube, row(t, 1.0), row(t, 2.0, requires_grad=True)),
    "vjp of the identity": lambda t: f(t).vjp(lambda x: x, row(t, 1.0), row(t, 2.0)),
    "jvp": lambda t: f(t).jvp(lambda x: x[:2] * x.sum(), row(t, 1.0, 2.0, 3.0), row(t, 4.0, 5.0, 6.0)),
    "jvp, two and two": lambda t: f(t).jvp(two_outputs, pair(t), (row(t, 6.0, 7.0), row(t, 1.0, 2.0, 3.0))),
    "jvp, two inputs": lambda t: f(t).jvp(lambda a, b: a.sum() * b, pair(t), pair(t)),
    "jvp, constant": lambda t: f(t).jvp(lambda x: t.ones(2), row(t, 1.0, 2.0, 3.0), row(t, 1.0, 1.0, 1.0)),
    "jvp, v of another dtype": lambda t: f(t).jvp(cube, row(t, 1.0, 2.0), t.tensor([1.0, 2.0], dtype=t.float64)),
    "jvp, v left out": lambda t: f(t).jvp(lambda x: x * t.ones(3), row(t, 2.0)),
    "jvp at a pole": lambda t: f(t).jvp(lambda x: x.sqrt(), row(t, 0.0, 4.0), row(t, 1.0, 1.0)),
    "vhp": lambda t: f(t).vhp(coupled, pair(t), pair(t)),
    "hvp": lambda t: f(t).hvp(coupled, pair(t), pair(t)),
    "vhp, v left out": lambda t: f(t).vhp(cube, t.tensor(2.0)),
    "hvp, v left out": lambda t: f(t).hvp(cube, (row(t, 2.0),)),
    "vhp, linear": lambda t: f(t).vhp(total, row(t, 1.0, 2.0), row(t, 1.0, 1.0)),
    "vhp, constant": lambda t: f(t).vhp(lambda x: t.tensor(1.0), row(t, 1.0, 2.0), row(t, 1.0, 1.0)),
    "hvp, input unused": lambda t: f(t).hvp(lambda a, b: cubes(b), pair(t), pair(t)),
}
GRAPHS: Programs = {
    "jacobian": lambda t: slopes(t, "jacobian", lambda x: x * x.prod(), rest=False),
    "hessian": lambda t: slopes(t, "hessian", lambda x: x.prod() ** 3, rest=False),
    "vjp": lambda t: slopes(t, "vjp", cube),
    "jvp": lambda t: slopes(t, "jvp", cube),
    "vhp": lambda t: slopes(t, "vhp", lambda x: x.prod() ** 2),
    "hvp": lambda t: slopes(t, "hvp", lambda x: x.prod() ** 2),
    "jacobian by a captured tensor": lambda t: (
        lambda w: t.autograd.grad(f(t).jacobian(lambda x: x * w**2, t.ones(2), create_graph=True).sum(), w)
    )(t.tensor(3.0, requires_grad=True)),
    "vjp inside no_grad": lambda t: t.no_grad()(f(t).vjp)(cube, row(t, 1.0), create_graph=True),
    "jvp inside no_grad": lambda t: t.no_grad()(f(t).jvp)(cube, row(t, 1.0), create_graph=True),
    "jacobian inside no_grad": lambda t: t.no_grad()(f(t).jacobian)(cube, row(t, 1.0, 2.0)),
    "hessian inside no_grad": lambda t: t.no_grad()(f(t).hessian)(cube, t.tensor(2.0)),
    "vhp inside no_grad": lambda t: t.no_grad()(f(t).vhp)(cube, t.tensor(2.0)),
    "linear": lambda t: f(t).jacobian(lambda x: x * 2, row(t, 1.0, 2.0, requires_grad=True), create_graph=True),
}
MISTAKES: Programs = {
    "list of inputs": lambda t: f(t).jacobian(cube, [row(t, 1.0)]),
    "number as input": lambda t: f(t).jacobian(cube, 3.0),
    "number among the inputs": lambda t: f(t).vjp(coupled, (row(t, 1.0), 3.0)),
    "integers as input": lambda t: f(t).jacobian(cube, row(t, 1, 2)),
    "list of outputs": lambda t: f(t).jacobian(lambda x: [x], row(t, 1.0)),
    "number as output": lambda t: f(t).vjp(lambda x: 3.0, row(t, 1.0)),
    "no output": lambda t: f(t).jvp(lambda x: None, row(t, 1.0), row(t, 1.0)),
    "no function": lambda t: f(t).jacobian(3, row(t, 1.0)),
    "leaf overwritten": lambda t: f(t).jacobian(lambda x: x.mul_(2), row(t, 1.0, requires_grad=True)),
    "list as v": lambda t: f(t).vjp(cube, row(t, 1.0), [row(t, 1.0)]),
    "number as v": lambda t: f(t).vjp(cube, row(t, 1.0), 1.0),
    "v of the wrong shape": lambda t: f(t).vjp(cube, row(t, 1.0), t.tensor(1.0)),
    "v of the wrong shape for a constant": lambda t: f(t).vjp(lambda x: t.ones(2), row(t, 1.0), row(t, 1.0)),
    "one v for two outputs": lambda t: f(t).vjp(lambda x: (x, x), row(t, 1.0), row(t, 1.0)),
    "two v for one output": lambda t: f(t).vjp(cube, row(t, 1.0), (row(t, 1.0), row(t, 1.0))),
    "vjp without v": lambda t: f(t).vjp(cube, row(t, 1.0, 2.0)),
    "vjp without v for two": lambda t: f(t).vjp(lambda x: (x, x), row(t, 1.0)),
    "jvp of integers": lambda t: f(t).jvp(lambda x: ((x > 1).long(), x * 2), row(t, 1.0), row(t, 3.0)),
    "jvp without v": lambda t: f(t).jvp(cubes, row(t, 1.0, 2.0)),
    "jvp with v like the output": lambda t: f(t).jvp(cubes, row(t, 1.0, 2.0), t.tensor(1.0)),
    "vhp without v": lambda t: f(t).vhp(cubes, row(t, 1.0, 2.0)),
    "hvp with v like the output": lambda t: f(t).hvp(cubes, row(t, 1.0, 2.0), t.tensor(1.0)),
    **{
        f"{name} of {what}": lambda t, name=name, func=func: getattr(f(t), name)(func, row(t, 1.0, 2.0), *rest(t, name))  # type: ignore[misc]
        for name in ("hessian", "vhp", "hvp")
        for what, func in {"a vector": cube, "a tuple": lambda x: (cubes(x),), "a number": lambda x: 3.0}.items()
    },
}


def rest(t: Library, name: str) -> list[Any]:
    return [] if name == "hessian" else [row(t, 1.0, 1.0)]


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(program, id=f"{kind}: {name}")
        for kind, programs in {"jacobian": JACOBIANS, "hessian": HESSIANS, "product": PRODUCTS, "graph": GRAPHS}.items()
        for name, program in programs.items()
    ],
)
def test_it_is_what_torch_says(program: Callable[[Library], Any]) -> None:
    assert program(minigrad) is not None  # a type of error would agree as well
    assert_same_in_both(program)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_refused_as_in_torch(name: str) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        MISTAKES[name](minigrad)
    assert_same_in_both(MISTAKES[name])


@pytest.mark.parametrize(("outputs", "inputs"), [(0, 2), (0, 0)])
def test_the_jacobian_of_an_empty_output_is_empty(outputs: int, inputs: int) -> None:
    table = functional.jacobian(lambda x: x[:outputs], minigrad.ones(inputs, dtype=minigrad.float64))
    assert (table.shape, table.dtype) == ((outputs, inputs), minigrad.float64)


def test_the_jacobian_of_an_empty_output_by_several_inputs() -> None:
    inputs = minigrad.ones(2), minigrad.ones(3, dtype=minigrad.float64)
    blocks = functional.jacobian(lambda a, b: (a * b[:2])[:0], inputs)
    assert [(block.shape, block.dtype) for block in blocks] == [((0, *x.shape), x.dtype) for x in inputs]


@pytest.mark.parametrize("argument", ["strict", "vectorize", "strategy", "outer_jacobian_strategy"])
def test_an_argument_that_there_is_not_is_refused_by_name(argument: str) -> None:
    for function in (functional.jacobian, functional.hessian, functional.vjp, functional.jvp, functional.vhp, functional.hvp):
        with pytest.raises(TypeError, match=argument):
            function(cube, minigrad.tensor(1.0), **{argument: False})


def bowl(x: Tensor) -> Tensor:
    return ((x @ x.T).exp() + x.sin().prod()).sum() + x[0, 0] ** 3


def bent(x: Tensor) -> Tensor:
    return (x @ x.T).tanh() * x.sum()


def test_every_derivative_agrees_with_differences_and_with_the_others() -> None:
    rng = np.random.default_rng(0)
    x, v, u = (minigrad.tensor(rng.normal(size=shape) / 2) for shape in [(2, 3), (2, 3), (2, 2)])
    step = 1e-6
    value, along = functional.jvp(bent, x, v)
    np.testing.assert_array_equal(value, bent(x))
    np.testing.assert_allclose(along, (bent(x + v * step) - bent(x - v * step)) / (2 * step), rtol=1e-8)
    table = functional.jacobian(bent, x).reshape(4, 6)
    np.testing.assert_allclose(along.ravel(), table @ v.ravel(), rtol=1e-12)
    np.testing.assert_allclose(functional.vjp(bent, x, u)[1].ravel(), u.ravel() @ table, rtol=1e-12)

    curved = functional.hessian(bowl, x).reshape(6, 6)
    np.testing.assert_allclose(curved, curved.T, rtol=1e-12)
    ahead, behind = (functional.jacobian(bowl, x + v * h) for h in (step, -step))
    np.testing.assert_allclose(curved @ v.ravel(), (ahead - behind).ravel() / (2 * step), rtol=1e-7)
    for product in (functional.vhp, functional.hvp):
        value, curvature = product(bowl, x, v)
        assert value.item() == bowl(x).item()
        np.testing.assert_allclose(curvature.ravel(), curved @ v.ravel(), rtol=1e-12)


@pytest.mark.parametrize("product", [functional.vjp, functional.jvp])
def test_a_product_shares_no_memory_with_what_was_given(product: Callable[..., tuple[Tensor, Tensor]]) -> None:
    x, v = minigrad.ones(2), minigrad.ones(2)
    for result in product(lambda x: x, x, v):
        result.add_(5)
    assert x.tolist() == v.tolist() == [1, 1]


def test_without_create_graph_nothing_of_the_callers_is_touched() -> None:
    w, x = minigrad.ones(2, requires_grad=True), minigrad.ones(2, requires_grad=True)
    results = [functional.jacobian(lambda x: w * x**2, x), *functional.vjp(lambda x: (w * x**2).sum(), x)]
    assert [y.requires_grad for y in results] == [False] * 3
    assert (w.grad, x.grad) == (None, None)
