"""The rules run on Tensors: training that is differentiated by where it began and by its hyper-parameters."""

from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import optim
from minigrad.autograd import grad
from tests.optim.optimizer_pairs import OPTIMIZERS

CURVES = minigrad.tensor([1.0, 3.0], dtype=minigrad.float64)
GOAL = minigrad.tensor([0.5, -1.0], dtype=minigrad.float64)

CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {  # the optimizer, its options, those to differentiate by
    "descent": ("SGD", {}, {"lr": 0.05}),
    "momentum": ("SGD", {"momentum": 0.9, "dampening": 0.2}, {"lr": 0.05, "momentum": 0.8, "weight_decay": 0.1}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}, {"lr": 0.05}),
    "maximize": ("SGD", {"maximize": True}, {"lr": 0.005}),
    "heavy ball": ("HeavyBall", {}, {"lr": 0.05, "momentum": 0.8}),
    "nag": ("NAG", {}, {"lr": 0.05, "momentum": 0.8}),
    "adagrad": ("Adagrad", {"lr_decay": 0.1}, {"lr": 0.3, "eps": 0.01, "lr_decay": 0.2}),
    "rmsprop": ("RMSprop", {"momentum": 0.5, "centered": True}, {"lr": 0.05, "alpha": 0.9, "eps": 0.1}),
    "adadelta": ("Adadelta", {}, {"lr": 1.0, "rho": 0.9, "eps": 0.01}),
    "adam": ("Adam", {}, {"lr": 0.1, "eps": 0.1}),
    "amsgrad": ("Adam", {"amsgrad": True}, {"lr": 0.1}),
    "adamw": ("AdamW", {}, {"lr": 0.1, "weight_decay": 0.2}),
    "nadam": ("NAdam", {}, {"lr": 0.1, "momentum_decay": 0.1}),
}
CASES |= {name: (name, {}, {"lr": 0.05}) for name in OPTIMIZERS.keys() - {name for name, *_ in CASES.values()}}


def last_loss(name: str, options: dict[str, Any], start: Any, hyper: dict[str, Any], steps: int = 6) -> Any:
    """Return the loss after some steps, as a function of the start and of hyper-parameters."""
    optimizer = OPTIMIZERS[name]([minigrad.zeros(2, dtype=minigrad.float64)], **options)
    theta, state = start, None

    def f(x: Any) -> Any:
        return (CURVES * (x - GOAL) ** 2).sum() + (x**4).sum() / 4

    for _ in range(steps):
        (g,) = grad(f(theta), theta, create_graph=True)
        theta, state = optimizer.functional_step(theta, g, state, **hyper)
    return f(theta)


def leaf(value: Any) -> Any:
    return minigrad.tensor(value, dtype=minigrad.float64, requires_grad=True)


@pytest.mark.parametrize("case", CASES)
def test_gradient_of_training_against_differences(case: str) -> None:
    name, options, hyper = CASES[case]
    point = {"start": np.array([1.0, 2.0]), **hyper}

    def loss(values: dict[str, Any]) -> Any:
        given = dict(values)
        return last_loss(name, options, given.pop("start"), given)

    leaves = {key: leaf(value) for key, value in point.items()}
    found = dict(zip(leaves, grad(loss(leaves), list(leaves.values())), strict=True))
    for key, value in point.items():
        for k in np.ndindex(np.shape(value)):
            sides = []
            for h in (1e-6, -1e-6):
                moved = np.array(value)
                moved[k] += h
                sides.append(loss({**{n: leaf(v) for n, v in point.items()}, key: leaf(moved)}).item())
            slope = found[key]
            assert slope is not None
            assert slope.numpy()[k] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5, abs=1e-8), key


@pytest.mark.parametrize("case", CASES)
def test_functional_step_is_step(case: str) -> None:
    name, options, hyper = CASES[case]
    x = leaf([1.0, 2.0])
    optimizer = OPTIMIZERS[name]([x], **{**options, **hyper})
    theta, state = x.detach().clone(), None
    for k in range(4):
        g = minigrad.tensor([0.5 + k, -1.0 / (1 + k)], dtype=minigrad.float64)
        x.grad = g.clone()
        optimizer.step()
        theta, state = optimizer.functional_step(theta, g, state)
        assert theta.numpy() == pytest.approx(x.detach().numpy(), rel=1e-7)


def test_functional_step_changes_nothing_and_checks() -> None:
    x = leaf([1.0, 2.0])
    optimizer = optim.Adam([x])
    theta, g = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    new, state = optimizer.functional_step(theta, g)
    assert (theta.tolist(), g.tolist(), x.tolist(), dict(optimizer.state)) == ([1, 2], [3, 4], [1, 2], {})
    assert new.requires_grad
    frozen = state["exp_avg"].tolist()
    optimizer.functional_step(new, g, state)
    assert (state["step"], state["exp_avg"].tolist()) == (1, frozen)
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optimizer.functional_step(theta, g, lr=leaf(-1.0))
    with pytest.raises(ValueError, match="Adam has no option 'speed'"):
        optimizer.functional_step(theta, g, speed=1)
