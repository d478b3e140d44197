"""Every optimizer that torch has, held against torch: drawn options, shapes and sequences of gradients."""

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import minigrad
from minigrad import map_tensors, optim
from minigrad.optim.optimizer import Group
from tests.optim.optimizer_pairs import (
    CONFIGURATIONS,
    DTYPES,
    FOLLOWED,
    KINDS,
    LR,
    OPTIMIZERS,
    PAIRED,
    SHAPES,
    Twins,
    gradient,
)
from tests.reference import torch

pytestmark = pytest.mark.filterwarnings("ignore:.* no parameter has a gradient")  # as drawn gradients may be None


def run(twins: Twins, options: dict[str, Any], shapes: list[Any], dtype: Any, kinds: list[list[str]], seed: int) -> None:
    """Make as many steps as there are lists of kinds of gradients, and compare after each."""
    rng = np.random.default_rng(seed)
    twins.begin([np.asarray(rng.standard_normal(shape), dtype) for shape in shapes], options)
    for step in kinds:
        for k, kind in enumerate(step[: len(shapes)]):
            twins.set_gradient(k, gradient(rng, kind, shapes[k], dtype))
        twins.step()
        twins.assert_equal()


GENTLE: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in PAIRED),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"momentum": 0.9, "centered": True}),
    ("Adam", {"amsgrad": True}),
]
"""Optimizers and options with which rounding stays small while the gradients are random."""


@pytest.mark.parametrize("followed", [FOLLOWED, 0])
@pytest.mark.parametrize("name", PAIRED)
@given(data=st.data(), dtype=DTYPES, shapes=st.lists(SHAPES, min_size=1, max_size=4), seed=st.integers(0, 999))
def test_as_torch(name: str, followed: int, data: st.DataObject, dtype: Any, shapes: list[Any], seed: int) -> None:
    """Where nothing is subtracted that may be almost the same, no more is allowed than the tolerance."""
    options = data.draw(CONFIGURATIONS[name])
    if not followed:
        options |= {"weight_decay": 0, **({"centered": False} if name == "RMSprop" else {})}
    kinds = data.draw(st.lists(st.lists(KINDS, min_size=4, max_size=4), min_size=1, max_size=8))
    run(Twins(name, followed=followed), options, shapes, dtype, kinds, seed)


@pytest.mark.parametrize(("name", "options"), GENTLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_as_torch_for_long(name: str, options: dict[str, Any], dtype: Any) -> None:
    """Large and small parameters for 60 steps; the large ones are swept in blocks. No more is allowed than the tolerance."""
    run(Twins(name, followed=0), options, [(300, 250), (7,), (), (40, 60)], dtype, [["usual"] * 4] * 60, 3)


class Machine(RuleBasedStateMachine):
    """torch and minigrad go through the same random sequence of everything that one does with an optimizer."""

    classes: ClassVar[dict[str, type[Any]]] = {name: OPTIMIZERS[name] for name in PAIRED}

    @initialize(data=st.data(), seed=st.integers(0, 999))
    def begin(self, data: st.DataObject, seed: int) -> None:
        self.name = data.draw(st.sampled_from(sorted(self.classes)))
        self.rng = np.random.default_rng(seed)
        self.twins = Twins(self.name, self.classes[self.name])
        self.twins.begin(self.arrays(data), data.draw(CONFIGURATIONS[self.name]))

    def arrays(self, data: st.DataObject) -> list[Any]:
        dtype: Any = data.draw(DTYPES)
        return [np.asarray(self.rng.standard_normal(s), dtype) for s in data.draw(st.lists(SHAPES, min_size=1, max_size=3))]

    def loads_what_it_saved(self) -> bool:
        """torch's NAdam casts mu_product to the parameter's dtype when it loads a checkpoint; then it has other numbers."""
        return self.name != "NAdam" or all(p.dtype is minigrad.float32 for p in self.twins.params)

    @rule(data=st.data())
    def gradients(self, data: st.DataObject) -> None:
        for k, p in enumerate(self.twins.params):
            self.twins.set_gradient(k, gradient(self.rng, data.draw(KINDS), tuple(p.shape), p.detach().numpy().dtype))

    @rule()
    def backward(self) -> None:
        self.twins.backward()

    @rule(times=st.integers(1, 8))
    def step(self, times: int) -> None:
        """With the same gradient again and again."""
        for _ in range(times):
            self.twins.step()
            self.twins.assert_equal()

    @rule(set_to_none=st.booleans())
    def zero_grad(self, set_to_none: bool) -> None:
        self.twins.zero_grad(set_to_none)

    @rule(data=st.data(), lr=LR)
    def change_lr(self, data: st.DataObject, lr: float) -> None:
        self.twins.set_lr(data.draw(st.integers(0, len(self.twins.ours.param_groups) - 1)), lr)

    @precondition(lambda self: self.name != "Adagrad" and len(self.twins.ours.param_groups) < 4)
    @rule(data=st.data())
    def add_group(self, data: st.DataObject) -> None:
        """torch's Adagrad cannot: it has no state for parameters that come later."""
        self.twins.add(self.arrays(data), data.draw(CONFIGURATIONS[self.name]))

    @rule()
    def write_to_parameters(self) -> None:
        self.twins.halve()

    @precondition(loads_what_it_saved)
    @rule()
    def round_trip(self) -> None:
        self.twins.theirs.load_state_dict(self.twins.theirs.state_dict())
        self.twins.ours.load_state_dict(self.twins.ours.state_dict())

    @precondition(loads_what_it_saved)
    @rule()
    def swap(self) -> None:
        """Each goes on with the state of the other."""
        theirs, ours = self.twins.theirs.state_dict(), self.twins.ours.state_dict()
        self.twins.ours.load_state_dict(theirs)
        self.twins.theirs.load_state_dict(map_tensors(torch.from_numpy, ours))

    @invariant()
    def equal(self) -> None:
        if hasattr(self, "twins"):
            self.twins.assert_equal()


TestMachine = Machine.TestCase


# ------------------------------------------------------------------------------------- the tests above can fail


class EpsInsideRoot(optim.Adam):
    @staticmethod
    def update(
        t: int, theta: Any, g: Any, m: Any, v: Any, v_max: Any, *, lr: Any, betas: Any, eps: Any, amsgrad: bool
    ) -> Any:
        options = {"lr": lr, "betas": betas, "amsgrad": amsgrad}
        inside, *_ = optim.Adam.update(t, theta, g, m, v + eps * eps, v_max, eps=0, **options)
        return inside, *optim.Adam.update(t, theta, g, m, v, v_max, eps=eps, **options)[1:]


class NoBiasCorrection(optim.Adam):
    @staticmethod
    def update(
        t: int, theta: Any, g: Any, m: Any, v: Any, v_max: Any, *, lr: Any, betas: Any, eps: Any, amsgrad: bool
    ) -> Any:
        return optim.Adam.update(10**6, theta, g, m, v, v_max, lr=lr, betas=betas, eps=eps, amsgrad=amsgrad)


class DampenedFirstStep(optim.SGD):
    @staticmethod
    def update(theta: Any, g: Any, b: Any, *, lr: Any, momentum: Any, dampening: Any, nesterov: bool) -> Any:
        b = b if b is not None else g * 0
        return optim.SGD.update(theta, g, b, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov)


class DecayAfterMoment(optim.SGD):
    @staticmethod
    def update(theta: Any, g: Any, b: Any, *, lr: Any, momentum: Any, dampening: Any, nesterov: bool) -> Any:
        g = g - 0.3 * theta
        new, b = optim.SGD.update(theta, g, b, lr=lr, momentum=momentum, dampening=dampening, nesterov=nesterov)
        return new - lr * 0.3 * theta, b


class StepsWithoutGradient(optim.Adam):
    def step(self, closure: Any = None) -> Any:
        for state in self.state.values():
            state["step"] += 1
        for p in self.param_groups[0]["params"]:
            if p.grad is not None and p in self.state:
                self.state[p]["step"] -= 1
        return super().step(closure)


class SlightlyTooFast(optim.SGD):
    @staticmethod
    def update(theta: Any, g: Any, b: Any, *, lr: Any, momentum: Any, dampening: Any, nesterov: bool) -> Any:
        return optim.SGD.update(theta, g, b, lr=lr * (1 + 1e-12), momentum=momentum, dampening=dampening, nesterov=nesterov)


class MeanOfTheStepBefore(optim.RMSprop):
    @staticmethod
    def update(
        t: int, theta: Any, g: Any, v: Any, b: Any, m: Any, *, lr: Any, alpha: Any, eps: Any, momentum: Any, centered: bool
    ) -> Any:
        options = {"lr": lr, "eps": eps, "momentum": momentum, "centered": centered}
        _, v, _, after = optim.RMSprop.update(t, theta, g, v, b, m, alpha=alpha, **options)
        theta, _, b, _ = optim.RMSprop.update(t, theta, g, v, b, m, alpha=1, **options)
        return theta, v, b, after


PLANTED: dict[str, tuple[str, type[Any], dict[str, Any]]] = {
    "eps inside the root": ("Adam", EpsInsideRoot, {"eps": 1e-3}),
    "no bias correction": ("Adam", NoBiasCorrection, {}),
    "dampening at the first step": ("SGD", DampenedFirstStep, {"momentum": 0.9, "dampening": 0.5}),
    "weight decay after the moment": ("SGD", DecayAfterMoment, {"momentum": 0.9, "weight_decay": 0.3}),
    "state advanced without a gradient": ("Adam", StepsWithoutGradient, {}),
    "lr off in the twelfth digit": ("SGD", SlightlyTooFast, {"lr": 1.0}),
    "the variance about another mean": ("RMSprop", MeanOfTheStepBefore, {"centered": True}),
}


def run_planted(twins: Twins, options: dict[str, Any]) -> None:
    kinds = [["usual", "none"], ["usual", "usual"], ["none", "usual"], ["usual", "usual"]]
    run(twins, options, [(3,), (2, 2)], np.float64, kinds, 5)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str) -> None:
    name, cls, options = PLANTED[bug]
    run_planted(Twins(name), options)
    with pytest.raises(AssertionError):
        run_planted(Twins(name, cls), options)


@pytest.mark.parametrize("bug", PLANTED)
def test_the_machine_finds_it_too(bug: str) -> None:
    name, cls, _ = PLANTED[bug]

    class Planted(Machine):
        classes: ClassVar[dict[str, type[Any]]] = {name: cls}

    once = settings(max_examples=200, phases=[Phase.generate], derandomize=True, database=None, deadline=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(Planted, settings=once)


@pytest.mark.parametrize("bug", ["eps inside the root", "no bias correction"])
def test_a_bug_in_what_decides_about_rounding_is_found(bug: str) -> None:
    name, cls, options = PLANTED[bug]
    twins = Twins(name)
    twins.rules = cls([minigrad.zeros(1)])
    with pytest.raises(AssertionError):
        run_planted(twins, options)


def test_memory_is_part_of_the_comparison() -> None:
    class Fewer(optim.Adam):
        def init_state(self, group: Group) -> Any:
            return {"exp_avg": 0.0, "exp_avg_sq": 1e-9, "max_exp_avg_sq": None}

    with pytest.raises(AssertionError):
        run(Twins("Adam", Fewer), {}, [(3,)], np.float64, [["usual"]], 5)
