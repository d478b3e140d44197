"""The laws of optimizers hold for minigrad's own, whatever their options, and find the mistakes that they are about."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad import optim
from minigrad.backend import Backend, get_backend
from minigrad.optim import Optimizer
from minigrad.testing import assert_optimizer, configurations, optimizers
from tests.optim.optimizer_pairs import OPTIMIZERS


class Momentum(Optimizer):
    """A right rule, from which the wrong ones are made."""

    def __init__(self, params: Any, lr: float = 0.1, momentum: float = 0.5, maximize: bool = False) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "maximize": maximize})

    @staticmethod
    def update(theta: Any, g: Any, m: Any, *, lr: float, momentum: float) -> tuple[Any, ...]:
        m = momentum * m + g
        return theta - lr * m, m


class Uphill(Momentum):
    @staticmethod
    def update(theta: Any, g: Any, m: Any, *, lr: float, momentum: float) -> tuple[Any, ...]:
        return theta + lr * g, m


class DividingByTheGradient(Momentum):
    @staticmethod
    def update(theta: Any, g: Any, m: Any, *, lr: float, momentum: float) -> tuple[Any, ...]:
        return theta - lr * g / abs(g), m


class Forgetful(Momentum):
    """Its state is not in the checkpoint."""

    @minigrad.no_grad()
    def step(self, closure: Any = None) -> None:
        self.velocity: dict[Any, Any] = getattr(self, "velocity", {})
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.velocity[p] = group["momentum"] * self.velocity.get(p, 0) + p.grad
                    p.sub_(group["lr"] * self.velocity[p])


class MovingAll(Momentum):
    """It moves parameters that have no gradient."""

    @minigrad.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * (p if p.grad is None else p.grad))


class DeafToGroups(Momentum):
    @minigrad.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(self.defaults["lr"] * p.grad)


class OtherSteps(Backend):
    """A backend whose fast form of a step is another step."""

    def optimizer_step(self, optimizer: Any) -> bool:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.data = p.detach() - group["lr"] * p.grad
        return True


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(data=st.data())
def test_the_laws_hold(name: str, data: st.DataObject) -> None:
    assert_optimizer(OPTIMIZERS[name], steps=3, **data.draw(configurations(OPTIMIZERS[name])))


@given(options=configurations(Momentum))
def test_a_right_rule_passes(options: dict[str, Any]) -> None:
    before = get_backend()
    assert_optimizer(Momentum, **options)
    assert get_backend() is before


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Uphill, "no step of 10 goes down"),
        (DividingByTheGradient, "a gradient of zero makes NaN"),
        (Forgetful, "after load_state_dict the steps are others"),
        (MovingAll, "a parameter without a gradient moves"),
        (DeafToGroups, "the lr of a group does not replace that of the constructor"),
    ],
)
def test_a_mistake_is_found_and_the_message_says_which(cls: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        assert_optimizer(cls)


def test_a_rule_that_goes_down_does_not_maximize() -> None:
    with pytest.raises(AssertionError, match="no step of 10 goes up"):
        assert_optimizer(lambda params, **options: Momentum(params, **{**options, "maximize": False}), maximize=True)


def test_a_fast_form_that_is_another_step_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = minigrad.backend.set_backend(OtherSteps())
    try:
        with pytest.raises(AssertionError, match="the fast form of a step differs"):
            assert_optimizer(Momentum)
    finally:
        minigrad.backend.set_backend(before)


@given(data=st.data())
def test_an_optimizer_is_drawn_with_its_parameters(data: st.DataObject) -> None:
    x = minigrad.ones(3, requires_grad=True)
    optimizer = data.draw(optimizers(iter([x])))
    assert type(optimizer) in OPTIMIZERS.values()
    assert optimizer.param_groups[0]["params"] == [x]
    x.grad = minigrad.ones(3)
    optimizer.step()
    assert not np.array_equal(x.detach().numpy(), np.ones(3))


@given(data=st.data())
def test_an_optimizer_is_drawn_from_given_classes(data: st.DataObject) -> None:
    drawn = data.draw(optimizers([minigrad.ones(1)], [optim.SGD, Momentum]))
    assert type(drawn) in (optim.SGD, Momentum)
