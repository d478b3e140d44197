"""The checker accepts what is right, refuses what is wrong, and says so in torch's terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import minigrad
from minigrad import Tensor
from minigrad.autograd import GradcheckError, gradcheck, gradgradcheck
from minigrad.testing import arrays, tensors
from tests.ops.domains import positive
from tests.reference import torch


def leaf(*values: float) -> Tensor:
    return minigrad.tensor(values, dtype=minigrad.float64, requires_grad=True)


RIGHT: dict[str, Callable[..., Any]] = {
    "one output": lambda x, y: (x * y).tanh(),
    "several outputs": lambda x, y: (x * y, x.exp(), y.sum()),
    "an input not used": lambda x, y: x * x,
    "an integer output": lambda x, y: (x * y, (x * y).argmax()),
    "nothing differentiable": lambda x, y: (x * y).detach() * 0,
    "broadcasting": lambda x, y: x[:, None] * y,
    "linear": lambda x, y: x + y,
}


@pytest.mark.parametrize("f", RIGHT.values(), ids=RIGHT)
def test_it_accepts_what_is_right(f: Callable[..., Any]) -> None:
    inputs = [leaf(0.5, 1.5), leaf(-0.3, 2.0)]
    assert gradcheck(f, inputs)
    if f is not RIGHT["nothing differentiable"]:
        assert gradgradcheck(f, inputs)


@settings(max_examples=10)
@given(tensors(elements=positive))
def test_it_takes_any_shape_and_layout(x: Tensor) -> None:
    assert gradcheck(lambda x: x.log() * x, x)
    assert gradgradcheck(lambda x: x.log() * x, x)


WRONG: dict[str, Callable[[Tensor], Any]] = {
    "detached": lambda x: x * x.detach(),
    "constant to backward": lambda x: (x * x).detach(),
    "in the second output": lambda x: (x * x, x * x.detach()),
    "a rounding": lambda x: x + minigrad.tensor(np.asarray(0.01 * x.detach())),
}


@pytest.mark.parametrize("f", WRONG.values(), ids=WRONG)
def test_it_refuses_what_is_wrong(f: Callable[[Tensor], Any]) -> None:
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output"):
        gradcheck(f, leaf(0.5, 1.5))
    assert gradcheck(f, leaf(0.5, 1.5), raise_exception=False) is False


def test_a_missing_second_derivative_is_found() -> None:
    def f(x: Tensor) -> Tensor:
        return x.detach() * x * 2 - x.detach() * x.detach()  # x², with its slope and without its curvature

    slope = minigrad.autograd.grad(f(x := leaf(0.5, 1.5)).sum(), x)[0]
    assert slope is not None
    assert slope.tolist() == [1, 3]  # right
    with pytest.raises(GradcheckError):
        gradgradcheck(f, leaf(0.5, 1.5))


def test_it_finds_a_backward_that_changes() -> None:
    calls: list[int] = []

    def f(x: Tensor) -> Tensor:
        calls.append(1)
        return x * (1.0 + len(calls))

    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(f, leaf(1.0))


def test_grad_outputs_may_be_given() -> None:
    assert gradgradcheck(lambda x: x**3, leaf(0.5, 1.5), leaf(1.0, -2.0))


@pytest.mark.parametrize(
    "inputs",
    [lambda: minigrad.tensor([1.0, 2.0], dtype=minigrad.float64), lambda: [leaf(1.0).detach(), 3]],
    ids=["one", "several"],
)
def test_something_must_require_a_gradient_as_in_torch(inputs: Callable[[], Tensor | Sequence[Any]]) -> None:
    for check in (gradcheck, gradgradcheck):
        with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
            check(lambda x, *_: x * 2, inputs())
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        torch.autograd.gradcheck(lambda x: x * 2, torch.ones(1, dtype=torch.float64))


def test_single_precision_is_refused() -> None:
    with pytest.raises(ValueError, match=r"float32.*double"):
        gradcheck(lambda x: x * 2, minigrad.ones(1, requires_grad=True))


@settings(max_examples=5)
@given(arrays((2,)))
def test_the_inputs_are_left_alone(array: Any) -> None:
    x = minigrad.from_numpy(array).requires_grad_()
    before = array.tobytes()
    gradcheck(lambda x: x * x, x)
    assert array.tobytes() == before
    assert x.grad is None
